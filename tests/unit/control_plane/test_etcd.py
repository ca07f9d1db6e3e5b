"""Etcd's members: read from recorded answers, judged by cases; the scripts, run by a shell with programs of the test."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.control_plane import etcd
from tasks.control_plane.etcd import Member
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute, LinuxChange

DEAD = Member(0xABC, "n2", "10.31.90.2", learner=True, running=False)


def member(case: dict[str, Any]) -> Member:
    numbers = {"name": "", "learner": False, "running": True} | case
    if numbers["name"].isdigit():
        numbers["name"] = f"k8s-calico-master-10-31-90-{numbers['name']}.tinychen.io"
    return Member(identity=int(numbers.pop("id"), 16), **numbers)


@pytest.mark.cases("etcd_members")
def test_the_members_that_stand_in_the_way_of_a_join(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of()
    every = [member(one) for one in case["members"]]
    registered = {f"k8s-calico-master-10-31-90-{number}.tinychen.io" for number in case["registered"]}
    node = intent.node(f"k8s-calico-master-10-31-90-{case['node']}")
    if "refused" in case:
        with pytest.raises(CommandError) as raised:
            etcd.to_remove(intent, node, every, registered)
        assert str(raised.value) == f"{node.name}: {case['refused']}"
    else:
        removals = etcd.to_remove(intent, node, every, registered)
        assert [(f"{one.member.identity:x}", one.why) for one in removals] == [tuple(one) for one in case["removed"]]


@pytest.mark.cases("etcd_answers")
def test_the_members_are_read_from_what_etcdctl_prints(case: dict[str, Any]) -> None:
    answers = {"members": Answer(0, case["members"]), "status": Answer(0, case["status"])}
    assert set(answers) == set(etcd.QUESTIONS)
    found = etcd.members(Seen(answers, {}))
    assert [[f"{one.identity:x}", one.name, one.address, one.learner, one.running] for one in found] == case["are"]


@pytest.mark.parametrize("said", ["", '{"level":"warn"}', '{"members":[]}', '{"members":[{"ID":1,"na'])
def test_an_answer_without_members_is_none(said: str) -> None:
    """A control plane that is not among them would be reset."""
    with pytest.raises(CommandError):
        etcd.members(Seen({"members": Answer(0, said), "status": Answer(0, "")}, {}))


def test_an_etcd_that_does_not_answer_says_why() -> None:
    said = '{"level":"warn"}\nError: context deadline exceeded\n'
    with pytest.raises(CommandError, match=r"Error: context deadline exceeded$"):
        etcd.members(Seen({"members": Answer(1, said), "status": Answer(0, "")}, {}))


def test_a_removal_is_a_change_that_says_which_member_and_why() -> None:
    (change,) = etcd.removing([etcd.Removal(DEAD, "learner, does not answer; there is no node n2")])
    assert (change.what, change.before, change.after) == (
        "etcd member n2",
        "learner, does not answer; there is no node n2",
        None,
    )


CRICTL = """case "$*" in
    *" ps "*) echo 0a1b;;
    *" exec 0a1b "*) shift 4; exec "$@";;
esac"""
CTR = """case "$*" in
    *"containers ls"*) echo 0a1b;;
    *"tasks ls"*) echo "TASK PID STATUS"; echo "0a1b    77    RUNNING";;
    *"tasks exec"*) while [ "$1" != 0a1b ]; do shift; done; shift; exec "$@";;
esac"""


def script_of(change: LinuxChange) -> str:
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


@pytest.mark.parametrize(
    ("etcdctl", "code", "asked"),
    [
        ("true", 0, 1),
        ('[ $(wc -l < asked) -gt 2 ] || { echo "Error: etcdserver: unhealthy cluster"; exit 1; }', 0, 3),
        ('echo "Error: etcdserver: unhealthy cluster"; exit 1', 1, 10),
        ('echo "Error: etcdserver: member not found"; exit 1', 1, 1),
    ],
    ids=["removed", "removed_when_the_others_are_connected", "never_connected", "another_answer"],
)
def test_a_removal_is_asked_again_while_etcd_is_not_yet_sure_of_the_others(
    tmp_path: Path, etcdctl: str, code: int, asked: int
) -> None:
    for name, script in {"crictl": CRICTL, "etcdctl": f"echo . >> asked; {etcdctl}", "sleep": "true"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (change,) = etcd.removing([etcd.Removal(DEAD, "")])
    path = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    ended = subprocess.run(
        ["/bin/sh"], input=script_of(change), cwd=tmp_path, env=path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, len((tmp_path / "asked").read_text().split())) == (code, asked)
    assert ("Error: " in ended.stderr) is bool(code)


@pytest.mark.parametrize(("program", "text"), [("crictl", CRICTL), ("ctr", CTR)])
def test_etcdctl_runs_within_etcds_container(tmp_path: Path, program: str, text: str) -> None:
    for name, script in {program: text, "etcdctl": 'echo "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (change,) = etcd.removing([etcd.Removal(DEAD, "")])
    path = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    for script, words in [
        (script_of(change).replace("done", 'done; echo "$said"'), "member remove abc"),
        (etcd.QUESTIONS["members"], "member list -w json"),
        (etcd.QUESTIONS["status"], "endpoint status --cluster -w json"),
    ]:
        ended = subprocess.run(["/bin/sh", "-c", script], env=path, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith("--endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt ")
        assert ended.stdout.endswith(f" {words}\n")


def test_without_etcds_container_nothing_is_read_as_no_members(tmp_path: Path) -> None:
    (tmp_path / "crictl").write_text("#!/bin/sh\ntrue\n")
    (tmp_path / "crictl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    ended = subprocess.run(
        ["/bin/sh", "-c", etcd.QUESTIONS["members"]], env=path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "no container etcd runs\n")
