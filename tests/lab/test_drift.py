"""A plan is exact: whatever was altered on a prepared node, the plan shows that and nothing else, and to apply it cures that."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.conftest import HEALED_SECONDS
from tests.lab.devices import Kubectl
from tests.lab.drifts import DRIFTS, Drift
from tests.lab.laboratory import MASTERS, NODES, WORKERS, Laboratory
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
CURE_SECONDS = 600


@dataclass(frozen=True)
class Cured:
    """What became of one drift.

    Attributes:
        expected, planned, changed, left: subjects: that a plan should show on the node, those that it did show, those that the run
            changed, and those that the plan after that still showed.

    """

    expected: set[str]
    planned: set[str]
    changed: set[str]
    left: set[str]


def rounds() -> Iterator[dict[str, str]]:
    """Node -> drift, one on each node at a time: rounds enough for all."""
    of_masters = [name for name, drift in DRIFTS.items() if drift.control_plane]
    of_any = [name for name, drift in DRIFTS.items() if not drift.control_plane]
    while of_masters or of_any:
        on: dict[str, str] = {}
        for node in (*WORKERS[:2], *MASTERS):  # test_rpm_member has the machine of rpm
            waiting = of_masters if node in MASTERS and of_masters else of_any
            if waiting:
                on[node] = waiting.pop(0)
        yield on


def subjects(answer: Answer, node: str) -> set[str]:
    return {what for host, what in answer.changes if host == node}


@pytest.fixture(scope="module")
def cured(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks) -> Iterator[dict[str, Cured]]:
    """Every drift, made, planned and cured; five at a time, each on another node, so that each plan also shows what is not its own."""
    found: dict[str, Cured] = {}
    before: dict[str, tuple[str, Drift]] = {}
    for on in [*rounds(), {}]:
        lingering = {node: drift.gone for node, (_, drift) in before.items()}
        for node, name in on.items():
            lab.inside(node, DRIFTS[name].by)
        plan = runbooks.deploy("--dry-run", "--output", "json").ended(0)
        for node, (name, drift) in before.items():
            now = DRIFTS[on[node]].shown if node in on else frozenset()
            left = subjects(plan, node) - now - drift.gone
            found[name] = Cured(found[name].expected, found[name].planned, found[name].changed, left)
        run = runbooks.deploy("--output", "json", deadline=CURE_SECONDS)
        for node, name in on.items():
            expected = DRIFTS[name].shown | lingering.get(node, frozenset())
            found[name] = Cured(set(expected), subjects(plan, node), subjects(run, node), set())
            if DRIFTS[name].left:
                lab.inside(node, DRIFTS[name].left)
        run.ended(0)
        before = {node: (name, DRIFTS[name]) for node, name in on.items()}
    yield found
    assert set(found) == set(DRIFTS)


@pytest.mark.parametrize("name", DRIFTS)
def test_the_plan_shows_what_was_altered_and_nothing_else_and_cures_it(cured: dict[str, Cured], name: str) -> None:
    drift = cured[name]
    assert drift.planned == drift.expected
    assert drift.changed == drift.expected
    assert drift.left == set()


@pytest.mark.usefixtures("cured")
def test_after_all_of_it_there_is_no_drift_and_every_route_is_right(runbooks: Runbooks, cluster: Kubectl) -> None:
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
    assert cluster.ready() == set(NODES)
