"""Who holds the API's address, by cases; and asked of shells that answer like control planes."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.run import Run
from tasks import endpoint, endpoint_as_seen
from tasks.cluster.access import API
from tasks.control_plane import holders
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.nodes.facts import FACTS
from tests.unit.answering import answered

NAMES = ("k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2", "k8s-calico-master-10-31-90-3")
FIRST, SECOND, THIRD = NAMES
WORKER = "k8s-calico-worker-10-31-90-4"
OWN = "2: eth0    inet 10.31.90.1/16 brd 10.31.255.255 scope global eth0\\       valid_lft forever preferred_lft forever\n"
VIRTUAL = "2: eth0    inet 10.31.90.0/32 scope global eth0\\       valid_lft forever preferred_lft forever\n"


@pytest.mark.cases("holders")
def test_one_control_plane_holds_the_address(case: dict[str, Any], intent_of: Any) -> None:
    found = holders.finding(intent_of(**case.get("edit", {})), FIRST, case["seen"])
    assert (found.host, found.check, found.subject, found.layer) == (FIRST, "endpoint", "10.31.90.0", "kernel")
    assert (found.ok, list(found.expected), list(found.observed)) == (case["ok"], case["expected"], case["observed"])
    assert found.reason == case["reason"]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        (OWN, False),
        (OWN + VIRTUAL, True),
        (OWN + VIRTUAL.replace("/32", "/16"), True),
        ("1: lo    inet 10.31.90.0/32 scope host lo\n", True),
        ("2: eth0    inet 10.31.90.09/32 scope global eth0\n", False),
        ("2: eth0    inet 110.31.90.0/32 scope global eth0\n2: eth0\n\n", False),
        ("", False),
    ],
)
def test_the_address_is_found_among_all_that_a_machine_has(text: str, *, has: bool) -> None:
    assert holders.has_address(Answer(0, text), "10.31.90.0") is has


class Machines:
    """Control planes that answer with the addresses that they have now; one that has none cannot be reached."""

    def __init__(self, **holding: bool | None) -> None:
        self.holding = dict(zip(NAMES, holding.values(), strict=True))
        self.asked: list[str] = []

    def open_shell(self, _nornir: Any, name: str) -> Any:
        has = self.holding[name]
        if has is None:
            raise UnreachableError("does not answer", host=name)

        def run(script: str, **_: Any) -> Completed:
            self.asked.append(name)
            return Completed(0, answered(script, {"addresses": Answer(0, OWN + (VIRTUAL if has else ""))}), b"")

        return SimpleNamespace(run=run, host=name)


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines(first=True, second=False, third=False)
    monkeypatch.setattr(endpoint, "open_shell", made.open_shell)
    monkeypatch.setattr(endpoint, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(endpoint, "api_if_there", lambda _run: None)  # tests/unit/control_plane/test_api_servers.py
    return made


@pytest.fixture
def task() -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=FIRST))


def test_all_control_planes_are_asked_and_the_holder_is_told(run_of: Any, machines: Machines, task: Any) -> None:
    result = endpoint.verify_endpoint(task, run_of(*NAMES))
    assert (result.failed, result.result) == (False, f"10.31.90.0 on {FIRST}")
    assert sorted(machines.asked) == sorted(NAMES)


def test_two_holders_fail_and_both_are_named(run_of: Any, machines: Machines, task: Any) -> None:
    machines.holding[SECOND] = True
    result = endpoint.verify_endpoint(task, run_of(*NAMES))
    assert result.failed
    (found,) = result.findings
    assert found.reason.startswith(f"held by {FIRST} and {SECOND} at once: ")


def test_an_address_that_moves_is_given_the_time(
    run_of: Any, machines: Machines, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.holding[FIRST] = False
    monkeypatch.setattr(endpoint, "SETTLE_SECONDS", 60)
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: machines.holding.update({SECOND: True}))
    assert not endpoint.verify_endpoint(task, run_of(*NAMES)).failed


def test_one_that_cannot_be_reached_is_told_and_no_fault(run_of: Any, machines: Machines, task: Any) -> None:
    machines.holding[THIRD] = None
    result = endpoint.verify_endpoint(task, run_of(*NAMES))
    assert not result.failed
    assert result.findings[0].reason == f"could not be asked: {THIRD}"


def observed(run: Run, *holding: str) -> Run:
    for name in NAMES:
        addresses = {"10.31.90.1", *(["10.31.90.0"] if name in holding else [])}
        run.keep(FACTS, SimpleNamespace(addresses=frozenset(addresses)), of=name)  # type: ignore[arg-type]
    return run


@pytest.mark.parametrize(
    ("holding", "asked"), [((FIRST,), []), ((), NAMES), ((FIRST, SECOND), NAMES)], ids=["one", "none", "two"]
)
def test_what_the_run_has_seen_is_asked_again_only_where_it_is_wrong(
    run_of: Any, machines: Machines, task: Any, monkeypatch: pytest.MonkeyPatch, holding: Any, asked: Any
) -> None:
    monkeypatch.setattr(endpoint, "SETTLE_SECONDS", 60)
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: None)
    assert not endpoint_as_seen.verify_endpoint_as_seen(task, observed(run_of(*NAMES), *holding)).failed
    assert sorted(machines.asked) == sorted(asked)


def test_a_control_plane_that_the_run_has_changed_is_asked_anew(run_of: Any, machines: Machines, task: Any) -> None:
    run = observed(run_of(*NAMES), FIRST)
    run.keep(API, SimpleNamespace())
    run.changed.add(SECOND)
    machines.holding[SECOND] = True
    assert endpoint_as_seen.verify_endpoint_when_built(task, run).failed
    assert SECOND in machines.asked


@pytest.mark.parametrize("dry_run", [True, False])
def test_where_nothing_was_built_nothing_is_asked(
    run_of: Callable[..., Run], machines: Machines, task: Any, *, dry_run: bool
) -> None:
    run = observed(run_of(*NAMES, dry_run=dry_run))
    if dry_run:
        run.keep(API, SimpleNamespace())  # type: ignore[arg-type]
    result = endpoint_as_seen.verify_endpoint_when_built(task, run)
    assert (result.failed, result.findings, machines.asked) == (False, (), [])


@pytest.mark.parametrize(
    ("chosen", "asks"), [((*NAMES, WORKER), [FIRST]), ((THIRD,), [THIRD]), ((WORKER,), []), ((), [])]
)
def test_a_filter_without_a_control_plane_asks_none(run_of: Any, chosen: Any, asks: Any) -> None:
    assert endpoint.one_that_asks(run_of(*NAMES, WORKER, chosen=list(chosen))) == asks


def test_a_line_is_told_of_what_is_wrong_and_of_what_is_worth_knowing(intent_of: Any) -> None:
    bad = holders.finding(intent_of(), FIRST, dict.fromkeys(NAMES, True))
    good = holders.finding(intent_of(), FIRST, {FIRST: True, SECOND: False, THIRD: False})
    unsure = holders.finding(intent_of(), FIRST, {FIRST: True, SECOND: False, THIRD: None})
    outcome = PhaseOutcome("Verify endpoint", 0.1, {FIRST: HostOutcome(findings=(bad, good, unsure))})
    said = [str(line) for line in holders.lines([outcome])]
    assert [line[:15] for line in said] == [" x 10.31.90.0  ", " i 10.31.90.0  "]


def test_at_a_look_at_one_moment_nothing_is_given_time(
    run_of: Any, machines: Machines, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.holding[FIRST] = False
    monkeypatch.setattr(endpoint, "SETTLE_SECONDS", 60)
    monkeypatch.setattr(endpoint.time, "sleep", lambda _: pytest.fail("it waits"))
    assert endpoint.verify_endpoint(task, run_of(*NAMES, wait_seconds=60.0).for_seconds(0)).failed
