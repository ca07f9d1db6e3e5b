"""Whether cloud-init owns /etc/hosts: the question, asked of a folder that stands for a machine."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.nodes.hosts import QUESTION, lines
from tasks.nodes.systems import System

ROOTS = re.compile(r"(?<= )/(?=(?:etc|var)/)")


def asked(root: Path) -> list[str]:
    done = subprocess.run(
        ["/bin/sh", "-c", ROOTS.sub(f"{root}/", QUESTION)], text=True, capture_output=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_machine_without_cloud_init_says_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path) == []


def test_the_last_line_is_that_which_counts(tmp_path: Path) -> None:
    lines = {
        "etc/cloud/cloud.cfg": "users: []\nmanage_etc_hosts: false\n",
        "etc/cloud/cloud.cfg.d/90-site.cfg": "# manage_etc_hosts: true\nmanage_etc_hosts: localhost\n",
        "var/lib/cloud/instance/cloud-config.txt": "#cloud-config\nmanage_etc_hosts : True\n",
    }
    for path, text in lines.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert asked(tmp_path) == ["manage_etc_hosts: false", "manage_etc_hosts: localhost", "manage_etc_hosts : True"]


def test_the_lines_are_the_same_on_all_nodes_and_rendered_once_a_run(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.nodes import tasks  # noqa: PLC0415

    run, rendered = run_of(), []
    monkeypatch.setattr(tasks, "fetch", lambda _address, _folder: "key\n")
    monkeypatch.setattr(tasks.hosts, "lines", lambda intent: rendered.append(intent) or lines(intent))
    given = [tasks.given_for(run, System("debian", version="12")) for _ in range(3)]
    assert len(rendered) == 1
    assert {one.names for one in given} == {lines(run.intent)}
    assert lines(run.intent)[0] == "10.31.90.0 k8s-calico-apiserver k8s-calico-apiserver.tinychen.io"
    assert len(lines(run.intent)) == 1 + len(run.intent.nodes)
