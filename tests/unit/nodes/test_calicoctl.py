"""calicoctl on the control planes: the real script, in a folder that stands for the node."""

import subprocess
from typing import Any

import pytest

from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute
from tasks.nodes import calicoctl
from tasks.nodes.given import Given
from tests.unit.nodes.conftest import Run
from tests.unit.nodes.test_archives import digest

PROGRAM = b"#!/bin/sh\necho a program\n"
WRITTEN = FileSeen("644", "root:root", calicoctl.ENVIRONMENT)


def intent_with(intent_of: Any, *, plugin: bool = False, sha256: str = "") -> Any:
    named = {"version": "3.24.5", "url": "https://mirror.example.net/calicoctl", "sha256": sha256 or digest(PROGRAM)}
    return intent_of(
        defaults_file={"data": {"software": {"calicoctl": named | ({"kubectl_plugin": True} if plugin else {})}}}
    )


def planned(intent: Any, said: str, environment: FileSeen | None = WRITTEN, place: int = 0) -> list[Any]:
    seen = Seen({"calicoctl": Answer(0, said)}, {calicoctl.ENVIRONMENT_FILE: environment})
    return [change for change in calicoctl.plan(intent, intent.nodes[place], seen, Given()) if change]


def script_of(change: Any) -> str:
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


def test_it_is_fetched_once_linked_and_no_difference_any_more(intent_of: Any, node: Run, tmp_path: Any) -> None:
    intent = intent_with(intent_of, plugin=True)
    (tmp_path / "served" / "calicoctl").write_bytes(PROGRAM)
    fetch, link, environment = planned(intent, node(calicoctl.QUESTION).stdout, None)
    assert [fetch.what, link.what, environment.what] == [
        "calicoctl from its archive", "/usr/local/bin/kubectl-calico", "/etc/profile.d/kubepeer-calicoctl.sh",
    ]  # fmt: skip
    for change in (fetch, link):
        done = node(script_of(change))
        assert (done.returncode, done.stderr) == (0, "")
    program = tmp_path / "usr/local/bin/calicoctl"
    assert (program.read_bytes(), program.stat().st_mode & 0o777) == (PROGRAM, 0o755)
    assert subprocess.run([tmp_path / "usr/local/bin/kubectl-calico"], capture_output=True, check=True).stdout
    said = node(calicoctl.QUESTION).stdout.replace(str(tmp_path), "")
    assert planned(intent, said) == []


def test_another_file_than_the_checksum_says_is_refused(intent_of: Any, node: Run, tmp_path: Any) -> None:
    (tmp_path / "served" / "calicoctl").write_bytes(b"something else")
    fetch, *_ = planned(intent_with(intent_of), "")
    done = node(script_of(fetch))
    assert (done.returncode, "not the inventory's" in done.stderr) == (1, True)
    assert not (tmp_path / "usr/local/bin/calicoctl").exists()


@pytest.mark.parametrize(
    ("said", "plugin", "changes"),
    [
        (f"calicoctl {digest(PROGRAM)}", False, []),
        (f"calicoctl {'0' * 64}", False, ["calicoctl from its archive"]),
        (f"calicoctl {digest(PROGRAM)}\nplugin /usr/local/bin/calicoctl", False, ["/usr/local/bin/kubectl-calico"]),
        (f"calicoctl {digest(PROGRAM)}\nplugin /opt/another", True, ["/usr/local/bin/kubectl-calico"]),
        (f"calicoctl {digest(PROGRAM)}\nplugin /opt/another", False, []),  # somebody else's link
    ],
)
def test_what_differs_is_planned(intent_of: Any, said: str, changes: list[str], *, plugin: bool) -> None:
    assert [change.what for change in planned(intent_with(intent_of, plugin=plugin), said)] == changes


def test_workers_have_none_and_nobody_where_it_is_not_wanted(intent_of: Any) -> None:
    assert planned(intent_with(intent_of), "", None, place=3) == []
    assert planned(intent_of(), "", None) == []
    assert (calicoctl.questions(intent_of()), calicoctl.paths(intent_of())) == ({}, [])


def test_a_login_shell_knows_where_the_cluster_is() -> None:
    script = f"HOME=/home/one; {calicoctl.ENVIRONMENT}\nenv"
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"CALICO_DATASTORE_TYPE=kubernetes", "CALICO_KUBECONFIG=/home/one/.kube/config"} <= set(said)
