"""What a node says of its own trouble, read from recorded answers; the questions, run by a shell with programs of the test."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError, UnreachableError
from tasks.control_plane import diagnosis
from tasks.control_plane.explain import explain, explained
from tasks.linux.observe import Answer, Seen
from tasks.linux.shell import Completed

RUNS = "ActiveState=active\nSubState=running\nResult=success\nNRestarts=0\n"
RUNNING = '{"status": {"state": "CONTAINER_RUNNING", "metadata": {"attempt": 0}}}'
NO_CONTAINER = 4


@pytest.mark.cases("diagnoses")
def test_what_stands_in_the_way_is_one_line(case: dict[str, Any]) -> None:
    containers = case.get("containers", {})
    answers = {name: Answer(0, case.get(name, "")) for name in ("journal", "disk", "readyz")}
    answers["kubelet"] = Answer(0, case.get("kubelet", RUNS))
    for name, found in containers.items():
        state = RUNNING if found == "runs" else found.get("state", "") if found else ""
        answers[f"state {name}"] = Answer(0 if found else NO_CONTAINER, state)
        answers[f"log {name}"] = Answer(0, found.get("log", "") if isinstance(found, dict) else "")
    assert set(diagnosis.questions(tuple(containers))) <= set(answers)
    assert diagnosis.explanation(Seen(answers, {}), tuple(containers)) == case["says"]


CRICTL = """case "$*" in
    *" ps "*etcd*) echo new; echo old;;
    *" ps "*) ;;
    *" inspect -q new") echo '{"status": {"state": "CONTAINER_EXITED", "exitCode": 2}}';;
    *" logs --tail 5 new") echo 'the last words' >&2;;
esac"""


def asked(folder: Path, name: str, programs: dict[str, str]) -> dict[str, Answer]:
    for program, text in programs.items():
        (folder / program).write_text(f"#!/bin/sh\n{text}\n")
        (folder / program).chmod(0o755)
    (manifests := folder / "manifests").mkdir()
    (manifests / f"{name}.yaml").touch()
    found = {}
    for question in (f"state {name}", f"log {name}"):
        ended = subprocess.run(
            ["/bin/sh", "-c", diagnosis.questions([name])[question].replace("/etc/kubernetes", str(folder))],
            env={"PATH": f"{folder}:/bin:/usr/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        found[question] = Answer(ended.returncode, ended.stdout)
    return found


@pytest.mark.parametrize(
    ("name", "programs", "says"),
    [
        ("etcd", {"crictl": CRICTL}, "etcd exited, code 2: the last words"),
        ("haproxy", {"crictl": CRICTL}, "haproxy has no container"),
        ("etcd", {}, ""),
    ],
    ids=["the_newest_container", "no_container", "no_crictl"],
)
def test_the_newest_container_of_a_name_is_looked_at(
    tmp_path: Path, name: str, programs: dict[str, str], says: str
) -> None:
    answers = {"kubelet": Answer(0, RUNS), "journal": Answer(0, ""), "disk": Answer(0, "")}
    assert diagnosis.explanation(Seen(answers | asked(tmp_path, name, programs), {}), [name]) == says


class Silent:
    """A shell whose machine has gone."""

    def run(self, *_: object, **__: object) -> Completed:
        raise UnreachableError("the SSH connection was lost")

    check = run


class Local:
    """A shell of this machine, for programs of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, script: str, **_: object) -> Completed:
        path = {"PATH": f"{self.folder}:/bin:/usr/bin"}
        script = script.replace("/var/lib", f"{self.folder}/var/lib").replace("/etc/kub", f"{self.folder}/etc/kub")
        ended = subprocess.run(["/bin/sh"], input=script.encode(), env=path, capture_output=True, check=False)
        return Completed(ended.returncode, ended.stdout, ended.stderr)

    check = run


def test_before_kubeadm_has_placed_anything_nothing_stands_in_the_way(tmp_path: Path) -> None:
    """A kubelet without a configuration ends and starts for ever, and no control plane's container is there."""
    for name in ("systemctl", "journalctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho ActiveState=activating\n")
        (tmp_path / name).chmod(0o755)
    assert explain(Local(tmp_path), diagnosis.CONTROL_PLANE_PODS) == ""


def test_an_error_says_what_the_node_says(tmp_path: Path) -> None:
    (tmp_path / "var/lib/kubelet").mkdir(parents=True)
    (tmp_path / "var/lib/kubelet/config.yaml").touch()
    for name, text in {
        "systemctl": "echo ActiveState=failed; echo SubState=failed; echo Result=exit-code; echo NRestarts=5",
        "journalctl": "exit 1",
        "df": "exit 1",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    with (
        pytest.raises(CommandError, match=r"^no end: the kubelet is failed \(failed, exit-code, restarted 5 times\)$"),
        explained(Local(tmp_path)),
    ):
        raise CommandError("no end")


def test_a_node_that_cannot_be_asked_leaves_the_error_as_it_is() -> None:
    assert explain(Silent()) == ""
    with pytest.raises(CommandError, match=r"^no end$"), explained(Silent()):
        raise CommandError("no end")
