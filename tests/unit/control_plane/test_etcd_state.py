"""What etcd says of itself, by cases in etcdctl's own words; and who is not asked."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.control_plane import etcd_look, etcd_state
from tasks.control_plane.membership import ETCD, MEMBER
from tasks.linux.observe import Answer, Seen
from tasks.linux.shell import Completed
from tests.unit.answering import answered

NAME = "k8s-calico-master-10-31-90-1"


def full(number: int) -> str:
    return f"k8s-calico-master-10-31-90-{number}.tinychen.io"


def answers_of(case: dict[str, Any]) -> dict[str, Answer]:
    """As etcdctl 3.6 prints it; a number that is 0 is left out, as there."""
    members = [
        {"ID": number, "name": full(number), "peerURLs": [f"https://10.31.90.{number}:2380"]}
        | ({"isLearner": True} if said and said.get("learner") else {})
        for number, said in case["members"].items()
    ]
    statuses = [
        {
            "Endpoint": f"https://10.31.90.{number}:2379",
            "Status": {
                "header": {"member_id": number, "revision": said.get("revision", 0)},
                "version": "3.6.8",
                "dbSize": said["size"] * 2**20,
            }
            | ({"leader": said["leader"]} if said["leader"] else {})
            | ({"dbSizeInUse": said["used"] * 2**20} if "used" in said else {})
            | ({"dbSizeQuota": said["quota"] * 2**20} if "quota" in said else {}),
        }
        for number, said in case["members"].items()
        if said
    ]
    alarms = [{"memberID": number, "alarm": kind} for number, kind in case.get("alarms", ())]
    return {
        "members": Answer(0, json.dumps({"header": {}, "members": members})),
        "status": Answer(0, '{"level":"warn"}\n' + json.dumps(statuses)),
        "alarms": Answer(0, json.dumps({"header": {}} | ({"alarms": alarms} if alarms else {}))),
    }


@pytest.mark.cases("etcd_states")
def test_the_state_of_etcd(case: dict[str, Any], intent_of: Any) -> None:
    answers = answers_of(case)
    assert set(answers) == set(etcd_state.QUESTIONS)
    found = list(etcd_state.findings(intent_of(**case.get("edit", {})), NAME, etcd_state.read(Seen(answers, {}))))
    told = [[short(one.subject), one.ok, short(one.reason), one.cure] for one in found if one.reason]
    assert told == case["told"]
    assert [one.ok for one in found if not one.reason] == [True] * sum(not one.reason for one in found)
    if "subjects" in case:
        assert [short(one.subject) for one in found] == case["subjects"]


def short(text: str) -> str:
    """The names of members as their numbers."""
    for number in range(10):
        text = text.replace(full(number), str(number))
    return text


def test_an_answer_to_the_last_two_that_is_none_is_no_state() -> None:
    answers = answers_of({"members": {1: {"leader": 1, "size": 1}}}) | {
        "status": Answer(0, ""),
        "alarms": Answer(0, ""),
    }
    state = etcd_state.read(Seen(answers, {}))
    assert (state.statuses, state.alarms) == ({}, ())
    assert [one.running for one in state.members] == [False]


def test_one_control_plane_is_asked_for_all(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answers_of({"members": {1: {"leader": 1, "size": 1}, 2: {"leader": 1, "size": 1}, 3: None}})
    shell = SimpleNamespace(host=NAME, run=lambda script, **_: Completed(0, answered(script, answers), b""))
    monkeypatch.setattr(etcd_look, "open_shell", lambda *_: shell)
    run = run_of(NAME)
    run.keep(MEMBER, SimpleNamespace(leftovers=(ETCD,)), of=NAME)
    result = etcd_look.verify_etcd(SimpleNamespace(host=SimpleNamespace(name=NAME)), run)  # type: ignore[arg-type]
    assert (result.failed, result.result) == (True, "2 of 3 members answer")


@pytest.mark.parametrize("leftovers", [(), ("/etc/kubernetes/kubelet.conf",)])
def test_where_there_is_no_etcd_yet_none_is_asked(run_of: Any, monkeypatch: pytest.MonkeyPatch, leftovers: Any) -> None:
    monkeypatch.setattr(etcd_look, "open_shell", lambda *_: pytest.fail("it is asked"))
    run = run_of(NAME)
    run.keep(MEMBER, SimpleNamespace(leftovers=leftovers), of=NAME)
    task: Any = SimpleNamespace(host=SimpleNamespace(name=NAME))
    assert etcd_look.verify_etcd(task, run).findings == ()
