"""What verify_routes.py writes beside its table: snapshots and their differences, metrics, the manual."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepeer.checks import Finding
from kubepeer.commandline import CommandLine, parse
from kubepeer.errors import UsageError
from tasks.routes import from_inventory, metrics, records, snapshot
from tasks.routes.checks import CHECKS
from tasks.routes.records import manual

BEFORE, AFTER = "2026-01-01T10:00:00+00:00", "2026-01-01T11:00:00+00:00"


def session(peer: str, state: str = "Established", router: str = "r1") -> Finding:
    return Finding(router, "session", peer, "bgp", state == "Established", ("Established",), (state,))


def route(prefix: str, *hops: str, layer: str = "bgp", router: str = "r1") -> Finding:
    check = "fib" if layer == "kernel" else "route"
    return Finding(router, check, prefix, layer, ok=True, expected=hops, observed=hops)


BLOCK, SERVICES = "10.33.48.0/24", "10.33.128.0/18"
WELL = [session("10.31.90.1"), route(BLOCK, "10.31.90.1"), route(SERVICES, "10.31.90.1", "10.31.90.2")]


@pytest.mark.parametrize(
    ("after", "unread", "says"),
    [
        pytest.param(WELL, {}, [], id="nothing"),
        pytest.param(
            [session("10.31.90.1", "Active"), *WELL[1:]],
            {},
            ["r1: session 10.31.90.1: Established -> Active"],
            id="a_session_is_lost",
        ),
        pytest.param(
            [*WELL, session("10.31.90.2")],
            {},
            ["r1: session 10.31.90.2: not asked for -> Established"],
            id="a_node_has_come",
        ),
        pytest.param(
            [WELL[0], WELL[1], route(SERVICES, "10.31.90.2", "10.31.90.3")],
            {},
            [f"r1: {SERVICES} without 10.31.90.1, with 10.31.90.3 (bgp)"],
            id="other_next_hops",
        ),
        pytest.param(WELL[:1], {}, [
            f"r1: {SERVICES} is gone; it was by 10.31.90.1-2 (bgp)", f"r1: {BLOCK} is gone; it was by 10.31.90.1 (bgp)"
        ], id="prefixes_are_gone"),
        pytest.param(
            [*WELL, route("10.33.5.0/24", "10.31.90.3"), route("10.33.5.0/24", "10.31.90.3", layer="kernel")],
            {},
            ["r1: 10.33.5.0/24 is new, by 10.31.90.3 (bgp, kernel)"],
            id="a_new_prefix_in_two_layers",
        ),
        pytest.param([], {"r1": "no answer"}, ["r1: could be read, and cannot now: no answer"], id="unreachable"),
        pytest.param([session("10.31.90.1", router="r2")], {}, [], id="a_router_that_was_not_asked_before"),
    ],
)  # fmt: skip
def test_what_has_changed_is_a_line_each(after: list[Finding], unread: dict[str, str], says: list[str]) -> None:
    then, now = snapshot.take(WELL, {}, BEFORE), snapshot.take(after, unread, AFTER)
    assert snapshot.changes(then, now) == says
    assert snapshot.as_json(then, now) == {"since": {"taken": BEFORE, "changes": says}}


def test_a_snapshot_is_read_as_it_was_written() -> None:
    taken = snapshot.take(WELL, {"r2": "no answer"}, BEFORE)
    assert snapshot.read("file", taken.text()) == taken
    assert snapshot.changes(taken, snapshot.read("file", taken.text())) == []
    (line,) = snapshot.changes(taken, snapshot.take([*WELL, session("10.31.90.1", router="r2")], {}, AFTER))
    assert line == "r2: can be read again"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "file: no JSON: "),
        ("[]", "file: no snapshot of verify_routes.py"),
        ('{"runbook": "verify_routes"}', "file: no snapshot of verify_routes.py"),
        ('{"kubepeer_snapshot": 2}', "file: a snapshot of version 2; this Kubepeer reads 1"),
        ('{"kubepeer_snapshot": 1, "routers": {}}', "file: taken: Field required"),
        ('{"kubepeer_snapshot": 1, "taken": "now", "routers": {"r1": 5}}', "file: routers.r1: "),
    ],
)
def test_what_is_no_snapshot_is_refused_in_a_line(text: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        snapshot.read("file", text)
    assert str(raised.value).startswith(says)
    assert "Nothing was contacted." in str(raised.value)
    assert "\n" not in str(raised.value)


METRICS = """\
# HELP kubepeer_router_up Whether the router could be read (1) or not (0).
# TYPE kubepeer_router_up gauge
kubepeer_router_up{router="r1"} 1
kubepeer_router_up{router="r2"} 0
# HELP kubepeer_session_ok Whether a node's BGP session is established and its routes are taken.
# TYPE kubepeer_session_ok gauge
kubepeer_session_ok{peer="10.31.90.1",router="r1"} 0
# HELP kubepeer_route_ok Whether a prefix has exactly the next hops that the cluster announces, in this layer of the router.
# TYPE kubepeer_route_ok gauge
kubepeer_route_ok{layer="kernel",prefix="10.33.48.0/24",router="r1"} 1
# HELP kubepeer_route_next_hops Next hops of a prefix that this layer of the router uses.
# TYPE kubepeer_route_next_hops gauge
kubepeer_route_next_hops{layer="kernel",prefix="10.33.48.0/24",router="r1"} 2
# HELP kubepeer_route_next_hops_expected Next hops of a prefix that the cluster announces.
# TYPE kubepeer_route_next_hops_expected gauge
kubepeer_route_next_hops_expected{layer="kernel",prefix="10.33.48.0/24",router="r1"} 2
# HELP kubepeer_check_ok Whether another check has passed.
# TYPE kubepeer_check_ok gauge
kubepeer_check_ok{check="hash policy",host="r1",subject="a \\"sysctl\\""} 1
# HELP kubepeer_verification_ok Whether every check has passed and every router could be read.
# TYPE kubepeer_verification_ok gauge
kubepeer_verification_ok 0
# HELP kubepeer_verification_timestamp_seconds When this was written, since the epoch.
# TYPE kubepeer_verification_timestamp_seconds gauge
kubepeer_verification_timestamp_seconds 1767261600.5
"""


def test_the_metrics_of_a_run() -> None:
    findings = [
        session("10.31.90.1", "Active"),
        route(BLOCK, "10.31.90.1", "10.31.90.2", layer="kernel"),
        Finding("r1", "hash policy", 'a "sysctl"', "kernel", ok=True),
    ]
    assert metrics.text(findings, {"r2": "no answer"}, ["r1", "r2"], 1767261600.5) == METRICS


LINE = re.compile(
    r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? [0-9.e+]+'
)


@given(st.text(), st.text())
def test_whatever_a_device_says_the_format_holds(subject: str, check: str) -> None:
    written = metrics.text([Finding("r1", check, subject, "bgp", ok=True)], {}, ["r1"], 1.0)
    assert all(LINE.fullmatch(line) for line in written.removesuffix("\n").split("\n")), written


def test_the_manual_has_every_check_once() -> None:
    pages = list(manual())
    names = [page.split("\n")[0] for page in pages]
    assert names == list(dict.fromkeys(type(check).__name__ for check in (*CHECKS, *from_inventory.CHECKS)))
    assert all("\n  Passes " in page and "\n  Fails " in page for page in pages)


def test_a_snapshot_is_a_small_file_in_a_fixed_order() -> None:
    document = json.loads(snapshot.take(WELL, {}, BEFORE).text())
    assert list(document) == ["kubepeer_snapshot", "routers", "taken"]


def given(*words: str) -> CommandLine:
    """The command line of verify_routes.py."""
    return parse("verify_routes", "", words, further=records.arguments)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [((), None), (("--watch",), math.inf), (("--watch", "2.5"), 2.5), (("--watch", "--verbose"), math.inf)],
)
def test_a_watch_lasts_until_somebody_ends_it_or_for_so_long(words: tuple[str, ...], seconds: float | None) -> None:
    assert given(*words).further["watch"] == seconds
    assert given(*words).further["intent"] == "cluster"


@pytest.mark.parametrize("words", [("--watch", "0"), ("--watch", "-1"), ("--watch", "soon"), ("--intent", "hope")])
def test_a_mistake_on_the_command_line_is_exit_code_2(words: tuple[str, ...], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        given(*words)
    assert ended.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_to_wait_and_to_watch_are_two_things(intent_of: Any) -> None:
    with pytest.raises(UsageError, match="one of both"):
        records.with_snapshot(given("--watch", "--wait", "5"), intent_of())
