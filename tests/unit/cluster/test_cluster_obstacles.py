"""What keeps pods from running, told in a line: a table of clusters in trouble."""

from datetime import datetime
from typing import Any

import pytest

from tasks.cluster.obstacles import Crash, Seen, away, crashes, told


def seen(case: dict[str, Any]) -> Seen:
    logs = {tuple(one["at"]): one["text"] for one in case.get("logs", ())}
    now = datetime.fromisoformat(case["now"]) if "now" in case else None
    return Seen(case.get("nodes", ()), case.get("pods", ()), case.get("events", ()), logs, now)


@pytest.mark.cases("obstacles")
def test_what_stands_in_the_way_is_told(case: dict[str, Any]) -> None:
    assert told(seen(case)) == case["says"]


def test_one_cause_has_its_bounds() -> None:
    state = {"waiting": {"reason": "RunContainerError", "message": "x" * 1000}}
    pod = {"metadata": {"name": "a"}, "spec": {}, "status": {"containerStatuses": [{"name": "c", "state": state}]}}
    assert len(told(Seen(pods=[pod]))) < 320


def test_a_container_that_crashes_is_counted_and_one_that_waits_for_its_image_is_not() -> None:
    def pod(reason: str) -> dict[str, Any]:
        status = {"name": "c", "restartCount": 3, "state": {"waiting": {"reason": reason}}}
        return {"metadata": {"name": reason, "namespace": "n"}, "status": {"containerStatuses": [status]}}

    assert crashes([pod("CrashLoopBackOff"), pod("ImagePullBackOff")]) == [Crash("n", "CrashLoopBackOff", "c", 3)]


STOPPED = "Kubelet stopped posting node status."


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ([{"type": "Ready", "status": "True"}], {}),
        ([{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}], {}),
        ([{"type": "Ready", "status": "False", "message": "container runtime network not ready: no CNI"}], {}),
        ([{"type": "Ready", "status": "Unknown", "message": STOPPED}], {"a": STOPPED}),
        ([{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}], {"a": "KubeletNotReady"}),
        ([], {"a": "no reason is given"}),
    ],
)
def test_a_node_is_away_that_waits_for_more_than_its_network(
    conditions: list[dict[str, str]], says: dict[str, str]
) -> None:
    assert away([{"metadata": {"name": "a"}, "status": {"conditions": conditions}}]) == says
