"""Which firewall is on: the question, asked of a folder that stands for a machine."""

import re
import subprocess
from pathlib import Path

import pytest

from tasks.linux.observe import Answer
from tasks.nodes.firewall import QUESTION, active

ROOTS = re.compile(r"(?<=[ <])/(?=(?:etc|sys)/)")


@pytest.mark.parametrize(
    ("files", "on"),
    [
        ({}, ()),
        ({"etc/ufw/ufw.conf": "# ENABLED=yes\nENABLED=no\nLOGLEVEL=low\n"}, ()),
        ({"etc/ufw/ufw.conf": "# /etc/ufw/ufw.conf\nENABLED=yes\n"}, ("ufw",)),
        ({"sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs": "1\n"}, ("firewalld",)),
        ({"etc/systemd/system/multi-user.target.wants/firewalld.service": ""}, ("firewalld",)),
        (
            {
                "sys/fs/cgroup/systemd/system.slice/firewalld.service/tasks": "1\n",
                "etc/systemd/system/multi-user.target.wants/firewalld.service": "",
                "etc/ufw/ufw.conf": "ENABLED=YES",
            },
            ("ufw", "firewalld"),
        ),
    ],
    ids=["none", "ufw_is_off", "ufw", "firewalld_runs", "firewalld_will_run", "both"],
)
def test_a_machine_names_those_that_are_on(tmp_path: Path, files: dict[str, str], on: tuple[str, ...]) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    done = subprocess.run(
        ["/bin/sh", "-c", ROOTS.sub(f"{tmp_path}/", QUESTION)], text=True, capture_output=True, check=True
    )
    assert done.stderr == ""
    assert active(Answer(0, done.stdout)) == on
