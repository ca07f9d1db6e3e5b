"""Each fault of sessions and routes, made for real: the one right cause is printed with its evidence, and no other; see route_faults.py."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.devices import Kubectl
from tests.lab.laboratory import Laboratory, wait_for
from tests.lab.route_faults import ROWS, Row
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
CAUSE_SECONDS = 180  # a hold time, a minute in which a router holds a silent node off, and a machine that is busy
PARAMETERS = [
    pytest.param(name, marks=pytest.mark.fault(f"routes: {name}") if row.drawn else pytest.mark.long("faults"))
    for name, row in ROWS.items()
]


def told(answer: Answer) -> list[dict[str, Any]]:
    """The checks that name a cause, and those that have failed without one."""
    return [check for check in answer.json.get("checks", ()) if check["cause"] or not check["ok"]]


def assert_explained(answer: Answer, row: Row) -> None:
    """The one cause, on every router that must name it, with its evidence; and no other."""
    assert answer.code == row.code, (answer.code, answer.stdout[-3000:], answer.stderr[-1000:])
    checks = told(answer)
    shown = [(one["host"], one["check"], one["subject"], one["layer"], one["cause"], one["reason"]) for one in checks]
    assert {check["cause"] for check in checks} == {row.cause}, shown
    assert {check["host"] for check in checks} == {*row.at}, shown
    proofs = [proof for check in checks for proof in check["evidence"]]
    for host, words in row.proof.items():
        said = [f"{one['asked']}: {one['answered']}" for one in proofs if one["host"] == host]
        assert any(words in one for one in said), (host, words, proofs)
    assert all(check["cure"] for check in checks), shown


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_fault_is_explained_by_its_one_cause(
    lab: Laboratory, healthy: Kubectl, runbooks: Runbooks, name: str
) -> None:
    row = ROWS[name]
    with row.make(lab, healthy) as provoke:
        wait_for(f"{row.cause} is told, and nothing else: {name}", looking(runbooks, row, provoke), CAUSE_SECONDS)


def looking(runbooks: Runbooks, row: Row, provoke: Callable[[], object] | None) -> Callable[[], bool]:
    """Ask once; what the cluster mends by itself is made again before."""

    def look() -> bool:
        if provoke is not None:
            provoke()
        assert_explained(runbooks.verify("--output", "json"), row)
        return True

    return look


@pytest.mark.long("faults")
def test_a_hundred_runs_on_a_healthy_cluster_tell_no_cause(healthy: Kubectl, runbooks: Runbooks) -> None:
    assert healthy
    for _ in range(100):
        assert told(runbooks.verify("--output", "json").ended(0)) == []
