"""What has moved between two plans, and between two inventories, in lines for a person."""

from typing import Any

import pytest

from kubepeer.change import GENERATED, Change, Held
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.plan import PlannedPhase, differences, digest_of, moved, planned

SALT = "salt"
PACKAGES = Change("packages", "kubectl (not installed)\n", "kubectl 1.36.3-1.1\n")
NOT_THERE = "- kubectl (not installed)"
HOLD = Change("package hold", None, "kubectl")


def phases(*changes: Change, title: str = "Prepare nodes", host: str = "node") -> tuple[PlannedPhase, ...]:
    outcome = PhaseOutcome(title, 0.0, {host: HostOutcome(changes=changes)})
    return planned([outcome], SALT, str)


TABLE: dict[str, tuple[tuple[PlannedPhase, ...], tuple[PlannedPhase, ...], dict[str, list[str]]]] = {
    "the same": (phases(PACKAGES, HOLD), phases(PACKAGES, HOLD), {}),
    "a version of a package that moved": (
        phases(PACKAGES),
        phases(Change("packages", PACKAGES.before, "kubectl 1.36.3-2.1\n")),
        {
            "node": [
                f"Prepare nodes: packages: in the plan:\n{NOT_THERE}\n+ kubectl 1.36.3-1.1\nnow:\n{NOT_THERE}\n+ kubectl 1.36.3-2.1"
            ]
        },
    ),
    "one more": (
        phases(HOLD), phases(HOLD, PACKAGES),
        {"node": ["Prepare nodes: packages: not in the plan, and to be done now:\n- kubectl (not installed)\n+ kubectl 1.36.3-1.1"]},
    ),
    "one less": (
        phases(HOLD, PACKAGES), phases(PACKAGES),
        {"node": ["Prepare nodes: package hold: in the plan, and not to be done now:\n+ kubectl"]},
    ),
    "another order": (
        phases(HOLD, PACKAGES), phases(PACKAGES, HOLD), {"node": ["Prepare nodes: the same changes in another order"]},
    ),
    "on another host": (
        phases(HOLD), phases(HOLD, host="other"),
        {
            "node": ["Prepare nodes: package hold: in the plan, and not to be done now:\n+ kubectl"],
            "other": ["Prepare nodes: package hold: not in the plan, and to be done now:\n+ kubectl"],
        },
    ),
    "the same subject twice": (
        phases(HOLD, HOLD), phases(HOLD), {"node": ["Prepare nodes: package hold: in the plan:\n+ kubectl\n+ kubectl\nnow:\n+ kubectl"]},
    ),
    "a secret": (
        phases(Change("kubeconfig", "one", GENERATED, secret=True)), phases(Change("kubeconfig", "two", GENERATED, secret=True)),
        {
            "node": [
                "Prepare nodes: kubeconfig: what stands there, or should, is another than in the plan (it holds a secret: not shown)"
            ]
        },
    ),
    "other phases": (
        phases(HOLD), phases(HOLD, title="Prepare"), {"": ["phases: Prepare nodes in the plan; Prepare now"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_what_has_moved_is_told_host_by_host(case: str) -> None:
    before, now, lines = TABLE[case]
    assert differences(before, now) == lines


INVENTORIES: dict[str, tuple[Any, Any, list[str]]] = {
    "the same": ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, []),
    "a value": ({"bgp": {"hold": 9}}, {"bgp": {"hold": 90}}, ["bgp.hold: 9 in the plan, 90 now"]),
    "a key more": ({}, {"bgp": {"hold": 90}}, ["bgp: absent in the plan, {'hold': 90} now"]),
    "a node's": (
        {"nodes": [{"name": "one", "rack": 1}, {"name": "two", "rack": 1}]},
        {"nodes": [{"name": "one", "rack": 1}, {"name": "two", "rack": 2}]},
        ["nodes.two.rack: 1 in the plan, 2 now"],
    ),
    "a node less": (
        {"nodes": [{"name": "one"}, {"name": "two"}]},
        {"nodes": [{"name": "one"}]},
        ["nodes.two: two in the plan, absent now"],
    ),
    "the order of nodes": (
        {"nodes": [{"name": "one"}, {"name": "two"}]},
        {"nodes": [{"name": "two"}, {"name": "one"}]},
        ["nodes: in another order"],
    ),
    "a list": ({"servers": ["a"]}, {"servers": ["a", "b"]}, ["servers: ['a'] in the plan, ['a', 'b'] now"]),
    "a long value": ({"text": "x" * 99}, {"text": "y"}, [f"text: {'x' * 77}... in the plan, y now"]),
}


@pytest.mark.parametrize("case", INVENTORIES)
def test_what_has_moved_in_the_inventory_is_told_by_its_key(case: str) -> None:
    before, now, lines = INVENTORIES[case]
    assert list(moved(before, now)) == lines


@pytest.mark.parametrize(
    "other",
    [
        Change("other", "before", "after"),
        Change("what", "other", "after"),
        Change("what", None, "after"),
        Change("what", "", "after"),
        Change("what", "before", "other"),
        Change("what", "before", "after", unified="other"),
        Change("what", "before", "after", secret=True),
    ],
)
def test_a_digest_tells_all_of_a_change(other: Change) -> None:
    change = Change("what", "before", "after")
    assert digest_of(change, SALT, str) == digest_of(Change("what", "before", "after", held=Held.NAME), SALT, str)
    assert digest_of(change, SALT, str) != digest_of(other, SALT, str)
    assert digest_of(change, SALT, str) != digest_of(change, "another salt", str)
