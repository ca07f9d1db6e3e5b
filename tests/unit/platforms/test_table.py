"""What a person reads, line by line, from what a real router said."""

import io
from ipaddress import IPv4Network

import pytest
from rich.console import Console

from kubepeer.checks import Finding
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.run import Options, Run
from tasks.platforms.bird.read import Bird
from tasks.platforms.frr.read import Frr
from tasks.routes.checks import Case, judge
from tasks.routes.left import SEEN
from tasks.routes.table import SCREEN, route_table, seed_table, show
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, names, path_of, reader, tutorial
from tests.unit.routes.intents import intent

TABLES = names("tables", ".txt")


def findings_of(recording):
    seen = reader(recording).read(answers(recording), PROBES)
    return judge(Case("openwrt", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, "")))


@pytest.mark.parametrize("name", TABLES)
def test_the_table_reads(name):
    lines = [line.plain for line in route_table("openwrt", 64512, findings_of(name))]
    assert "\n".join(lines) + "\n" == path_of(name, "tables", ".txt").read_text(encoding="utf-8")


def test_what_is_to_be_done_about_a_cause_is_told_once_above_the_prefixes():
    lost = [
        Finding(
            "r",
            "session",
            peer,
            "bgp",
            ok=False,
            reason=f"{peer} answers nobody",
            cause="NodeUnreachable",
            cure=f"look at {peer}",
        )
        for peer in ("10.31.90.1", "10.31.90.2")
    ]
    excluded = Finding(
        "r", "remark", "exclusion", "api", ok=True, reason="excluded", cause="NodeExcludedByLabel", cure="no"
    )
    lines = [line.plain for line in route_table("r", 64512, [*lost, excluded])]
    assert lines[1:4] == [
        " x 10.31.90.1      10.31.90.1 answers nobody",
        " x 10.31.90.2      10.31.90.2 answers nobody",
        " > NodeUnreachable: look at 10.31.90.1",
    ]


def test_a_router_that_could_not_be_read_has_no_table():
    run = Run(intent(), None, Options(), None, frozenset())
    unread = Finding("r1", "unread", "r1", "api", ok=False, reason="gone", cause="RouterUnreachable", cure="power")
    outcome = PhaseOutcome(
        "Verify routes", 1.0, {"r1": HostOutcome(findings=(unread,), error=ValueError("gone"), failed=True)}
    )
    console = Console(file=io.StringIO(), width=120)
    show(console, run, [outcome])
    assert "sessions established" not in console.file.getvalue()


def test_a_healthy_cluster_fits_one_screen_however_many_blocks_it_has():
    hops = ("10.31.90.1",)
    subjects = [str(network) for network in IPv4Network("10.33.0.0/17").subnets(new_prefix=24)]
    many = [
        Finding("r", "route", subject, layer, ok=True, expected=hops, observed=hops)
        for subject in subjects
        for layer in ("bgp", "rib", "kernel")
    ]
    lost = Finding(
        "r",
        "fib",
        "10.33.200.0/24",
        "kernel",
        ok=False,
        expected=hops,
        missing=hops,
        reason="not in the kernel's main table",
    )
    lines = [line.plain.split() for line in route_table("r", 64512, [*many, lost])]
    assert len(subjects) > SCREEN
    assert lines[2][:3] == ["10.33.200.0/24", "missing", "10.31.90.1"]
    assert lines[3] == ["128", "prefixes", "/24", "1", "next", "hop", "each", "ok", "ok", "ok"]


def test_the_routes_in_frrs_own_form():
    lines = seed_table(Frr().read(answers("healthy"), PROBES))
    assert lines[0] == "B>* 10.33.5.0/24 [20/0] via 10.31.90.1, eth0, weight 1, 00:05:11"
    assert lines[6:8] == [
        "B>* 10.33.128.0/18 [20/0] via 10.31.90.1, eth0, weight 1, 00:03:03",
        "  *                       via 10.31.90.2, eth0, weight 1, 00:03:03",
    ]
    assert len(lines) == 6 + 6 + 6


def test_the_routes_of_bird_in_frrs_form():
    lines = seed_table(Bird().read(answers("bird/healthy"), PROBES))
    assert lines[0].startswith("B>* 10.33.5.0/24 [100/0] via 10.31.90.1, eth0, 0")
    assert [line.split(", weight")[0].strip() for line in lines[7:9]] == [
        "*                        via 10.31.90.2, eth0",
        "*                        via 10.31.90.3, eth0",
    ]
    assert len(lines) == 6 + 6 + 6


def test_a_better_route_stands_beside_the_one_of_bgp():
    lines = seed_table(Frr().read(answers("hand-made-kernel-route"), PROBES))
    assert lines[:2] == [
        "K>* 10.33.5.0/24 [0/0] via 10.31.90.2, eth0, 00:00:02",
        "B   10.33.5.0/24 [20/0] via 10.31.90.1, eth0, weight 1, 00:06:06",
    ]


@pytest.mark.parametrize("verbose", [False, True])
def test_only_routers_that_answered_are_shown_and_without_colours_on_no_terminal(verbose):
    output = io.StringIO()
    seen = Frr().read(answers("healthy"), PROBES)
    run = Run(intent(), None, Options(verbose=verbose), None, frozenset())
    run.keep(SEEN, seen, of="r1")
    show(
        Console(file=output),
        run,
        [PhaseOutcome("Verify", 1.0, {"r1": HostOutcome(findings=findings_of("peer-disabled"))})],
    )
    assert "5 of 6 sessions established" in output.getvalue()
    assert "\x1b" not in output.getvalue()
    assert ("B>* 10.33.5.0/24" in output.getvalue()) == verbose
    empty = io.StringIO()
    show(Console(file=empty), run, [PhaseOutcome("Verify", 1.0, {"r1": HostOutcome(failed=True)})])
    assert empty.getvalue() == ""
