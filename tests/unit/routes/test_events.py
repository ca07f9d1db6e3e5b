"""What is told of two looks at a router; how often it is asked; and the table below the lines."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from kubepeer.checks import Finding
from kubepeer.errors import UnreachableError
from tasks.routes import events, pace
from tasks.routes.checks import HASH_POLICY, LAYERS, REMARK
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.live import Standing, table

MOMENT = "2026-01-01T10:00:00.000+00:00"


def findings(case: dict[str, Any]) -> Iterator[Finding]:
    """The findings of a case about r1."""
    for peer, said in (case.get("sessions") or {}).items():
        state, reason = (said, "") if isinstance(said, str) else said
        yield Finding("r1", "session", peer, "bgp", not reason, ("Established",), (state,), reason=reason)
    for prefix, layers in (case.get("routes") or {}).items():
        for layer, said in layers.items():
            one = {"expected": said, "observed": said} if isinstance(said, list) else said
            expected, observed = set(one["expected"]), set(one.get("observed", ()))
            ok = one.get("ok", expected == observed)
            missing, unexpected = tuple(sorted(expected - observed)), tuple(sorted(observed - expected))
            yield Finding(
                "r1", LAYERS[layer], prefix, layer, ok, tuple(sorted(expected)), tuple(sorted(observed)), missing,
                unexpected, one.get("reason", ""),
            )  # fmt: skip
    for subject, ok in (case.get("checks") or {}).items():
        reason = "" if ok else "by their addresses alone"
        yield Finding("r1", HASH_POLICY, subject, "kernel", ok, ("1",), (str(int(ok)),), reason=reason)


@pytest.mark.cases("events")
def test_each_change_is_a_line(case: dict[str, Any]) -> None:
    found = events.between("r1", list(findings(case["before"])), list(findings(case["after"])))
    assert [event.line(MOMENT) for event in found] == [f"{MOMENT} {line}" for line in case["lines"]]
    assert all(event.as_json(MOMENT)["event"] == "change" for event in found)


def test_of_remarks_nothing_is_told() -> None:
    remark = Finding("r1", REMARK, "announcements", "bgp", ok=True, reason="nothing goes astray")
    assert events.between("r1", [], [remark]) == []
    (head,) = events.at_first("r1", [remark], "all well")
    assert (head.line(MOMENT), head.as_json(MOMENT)["event"]) == (f"{MOMENT} ok r1: all well", "state")


def test_at_the_beginning_what_is_wrong_is_told_once_with_its_layers() -> None:
    case = {
        "sessions": {"10.31.90.6": ["Idle", "Idle: Cease"]},
        "routes": {"10.33.5.0/24": {"bgp": {"expected": ["10.31.90.6"]}}},
    }
    lines = [event.line(MOMENT) for event in events.at_first("r1", list(findings(case)), "5 of 6 sessions")]
    assert lines == [
        f"{MOMENT} x  r1: 5 of 6 sessions",
        f"{MOMENT} x  r1: session 10.31.90.6: Idle: Cease",
        f"{MOMENT} x  r1: 10.33.5.0/24: missing 10.31.90.6 (bgp)",
    ]


def test_a_router_that_cannot_be_read_is_told_with_the_cure() -> None:
    lost = events.unread("r1", UnreachableError("10.31.254.253 does not answer", cure="is it up?"))
    assert lost.line(MOMENT) == f"{MOMENT} x  r1: cannot be read: 10.31.254.253 does not answer: cure: is it up?"
    assert (
        events.read_again("r1", "6 of 6 sessions", ok=True)
        .line(MOMENT)
        .endswith("ok r1: can be read again: 6 of 6 sessions")
    )


def announced(**routes: str) -> Announced:
    """Of blocks b1 = 10.33.1.0/24 and so on, by a node's address; all nodes speak."""
    return Announced(
        tuple(
            ExpectedRoute(ip_network(f"10.33.{name[1:]}.0/24"), frozenset({ip_address(hop)}), "pod block of n")
            for name, hop in routes.items()
        ),
        {ip_address(hop): f"n-{hop}" for hop in routes.values()},
    )


def test_what_the_cluster_announces_otherwise_is_told() -> None:
    before, after = announced(b1="10.0.0.1", b2="10.0.0.2"), announced(b1="10.0.0.1", b2="10.0.0.3")
    assert [event.what for event in events.of_cluster(before, after)] == [
        "10.0.0.2 (n-10.0.0.2) is no node of the cluster any more",
        "10.0.0.3 (n-10.0.0.3) is a node of the cluster now",
        "the cluster announces 10.33.2.0/24 by 10.0.0.3 now (pod block of n)",
    ]
    gone = list(events.of_cluster(before, announced(b1="10.0.0.1", b3="10.0.0.2")))
    assert "the cluster does not announce 10.33.2.0/24 any more" in [event.what for event in gone]
    assert list(events.of_cluster(before, before)) == []


@pytest.mark.parametrize(
    ("routers", "answered_in", "cost", "seconds"),
    [
        pytest.param(2, 0.15, 0.02, 0.4, id="the_lab"),
        pytest.param(1, 0.0, 0.0, 0.4, id="never_more_often"),
        pytest.param(2, 1.5, 0.02, 3.0, id="a_slow_router_has_half_of_its_time_for_itself"),
        pytest.param(100, 0.15, 0.02, 8.0, id="many_routers_cost_a_quarter_of_a_core"),
    ],
)
def test_routers_are_asked_as_often_as_they_and_this_machine_bear(
    routers: int, answered_in: float, cost: float, seconds: float
) -> None:
    assert pace.interval(routers, answered_in, cost) == pytest.approx(seconds)


def test_a_router_is_asked_again_when_it_has_answered_and_not_before() -> None:
    assert pace.next_time(10.0, 10.2, 0.4, failed=False) == pytest.approx(10.4)
    assert pace.next_time(10.0, 12.0, 0.4, failed=False) == pytest.approx(12.0)
    assert pace.next_time(10.0, 20.0, 0.4, failed=True) == pytest.approx(20.0 + pace.RETRY_SECONDS)


def standing(name: str, *, bad: bool = False, **more: Any) -> Standing:
    case = {"sessions": {"10.31.90.6": ["Idle", "Idle: Cease"] if bad else "Established"}, "routes": {
        f"10.33.{number}.0/24": {"bgp": ["10.31.90.1"], "rib": ["10.31.90.1"], "kernel": ["10.31.90.1"]} for number in range(8)
    }}  # fmt: skip
    return Standing(name, 64512, tuple(findings(case)), **more)


def drawn(*routers: Standing, lines: int = 40, now: float = 100.0) -> list[str]:
    return [line.plain.rstrip() for line in table(routers, "the API said 1 s ago what should be", now, 100, lines)]


def test_the_table_has_all_prefixes_where_there_is_room() -> None:
    shown = drawn(standing("r1", interval=0.4), standing("r2", bad=True, interval=0.4))
    assert shown[0] == " watching 2 routers, each every 0.4 s; the API said 1 s ago what should be · Ctrl-C ends"
    assert sum(line.startswith(" 10.33.") for line in shown) == 16
    assert " x 10.31.90.6      Idle: Cease" in [line[:31].rstrip() for line in shown]


def test_in_a_low_terminal_what_is_wrong_is_left() -> None:
    shown = drawn(standing("r1"), standing("r2", bad=True), lines=8)
    assert len(shown) <= 8
    assert [line for line in shown if "10.33." in line] == []
    assert any("Idle: Cease" in line for line in shown)


def test_of_many_routers_those_that_are_not_well_are_named_and_the_rest_is_counted() -> None:
    well = [standing(f"r{number}") for number in range(50)]
    shown = drawn(*well, standing("lost", problem="cannot be read: no answer"), lines=10)
    assert " 50 routers are well" in shown
    assert " lost  cannot be read: no answer" in shown
    many = drawn(*(standing(f"r{number}", problem="cannot be read") for number in range(50)), lines=10)
    assert len(many) == 10
    assert many[-1] == " ... and 43 more"


def test_an_answer_that_is_long_in_coming_is_told_and_a_router_that_was_not_asked_yet_is_no_fault() -> None:
    assert " r1  is asked for the first time" in drawn(Standing("r1", 64512))
    late = drawn(standing("r1", asked=90.0, answered=80.0))
    assert any(line.endswith("no answer for 10 s") for line in late)
    assert not any("no answer" in line for line in drawn(standing("r1", asked=99.5, answered=99.0)))
