"""The findings of a host, and what is printed of them."""

from kubepeer.checks import Finding
from tasks.linux.observe import Answer
from tasks.services.answers import Counted
from tasks.services.judge import Traffic, judge, spread_of
from tasks.services.looking import NodeSeen, node_seen, path_mtu
from tasks.services.looking import questions as look_questions
from tasks.services.matrix import Cell
from tasks.services.table import bars, matrix, reds
from tests.unit.services.parts import ADDRESSES, TARGETS, source, workload

BALANCED = Cell(source("client"), TARGETS["load-balancer"], 300)
PORT = Cell(source("client"), TARGETS["node-port on worker-4"], 8)
FULL = Cell(source("client"), TARGETS["load-balancer"], 40, full=True)
EVEN = Counted({"10.31.90.1": 75, "10.31.90.4": 70, "10.33.12.1": 80, "10.31.90.6": 75})


def found(*pairs: tuple[Cell, Counted]) -> list[Finding]:
    cells, counted = zip(*pairs, strict=True)
    traffic = Traffic("client", frozenset(ADDRESSES["client"]), cells, dict(enumerate(counted)))
    return [finding for finding, _ in judge(traffic, workload(), ADDRESSES)]


def test_a_healthy_load_balancer_is_two_findings_and_both_are_green() -> None:
    traffic, spread = found((BALANCED, EVEN))
    assert (traffic.check, traffic.ok, traffic.subject) == ("traffic", True, "client to load-balancer 10.33.192.80")
    assert (spread.check, spread.ok) == ("spread", True)
    assert spread.observed == ("master-1 75", "worker-4 70", "worker-5 80", "worker-6 75")


def test_a_node_that_gets_too_few_turns_the_spread_red_and_not_the_cell() -> None:
    few = Counted({"10.31.90.1": 150, "10.31.90.4": 150})
    traffic, spread = found((BALANCED, few))
    assert traffic.ok
    assert not spread.ok
    assert spread.missing == ("worker-5", "worker-6")
    assert spread.reason == "worker-5 0, worker-6 0 of 300 connections; at least 38 each, the even share is 75"


def test_a_node_that_is_excluded_gets_none_and_need_not() -> None:
    counts = spread_of(Counted({"10.31.90.1": 5}), workload(excluded=frozenset({"worker-6"})), ADDRESSES)
    assert counts == {"master-1": 5, "worker-4": 0, "worker-5": 0}


def test_what_was_never_answered_is_red() -> None:
    (finding,) = found((PORT, Counted()))
    assert finding.reason == "nothing was tried before the time was up"


def test_a_foreign_address_is_named() -> None:
    (finding,) = found((PORT, Counted({"10.32.0.10": 8})))
    assert finding.unexpected == ("10.32.0.10",)
    assert finding.expected == ("10.31.90.4", "10.33.26.1")


def test_a_row_is_a_source_and_a_column_a_kind() -> None:
    findings = found((PORT, Counted()), (BALANCED, EVEN), (FULL, Counted({"10.31.90.4": 40}, {}, 1450)))
    head, row = (line.plain.split() for line in matrix(findings))
    assert head == ["from", "pod", "cluster-ip", "node-port", "load-balancer", "local", "local-node-port", "mtu"]
    assert row == ["client", "-", "-", "x", "1", "of", "1", "ok", "1", "-", "-", "ok", "1"]
    assert [line.plain for line in reds(findings)] == [
        " x traffic client to node-port 10.31.90.4:30088: nothing was tried before the time was up"
    ]


def test_a_bar_is_as_long_as_its_figure() -> None:
    lines = [line.plain for line in bars({"client": {"10.33.192.80": {"a": 100, "b": 50, "c": 0}}})]
    assert lines[0] == " client to 10.33.192.80: 150 connections, the even share is 50"
    assert [line.count("#") for line in lines[1:]] == [40, 20, 0]
    assert [line.split()[1] for line in lines[1:]] == ["100", "50", "0"]


def test_a_node_tells_its_addresses_and_the_processes_of_its_pods() -> None:
    answers = {
        "addresses": Answer(0, "10.31.90.4\n10.33.26.1\n127.0.0.1\n"),
        "mtu": Answer(0, "1500\n"),
        "pods": Answer(0, "4711 10.33.26.2 1450\n0 10.33.26.3 \n\n"),
    }
    assert set(look_questions("eth0")) == set(answers)
    assert node_seen(answers) == NodeSeen(frozenset({"10.31.90.4", "10.33.26.1"}), 1500, {"10.33.26.2": 4711}, 1450)
    silent = node_seen(dict.fromkeys(answers, Answer(1, "not found")))
    assert (silent.mtu, silent.pods) == (0, {})


def test_the_paths_mtu_is_the_usual_one_whatever_one_node_has() -> None:
    nodes = [
        NodeSeen(frozenset(), mtu, pod_mtu=pods) for mtu, pods in ((1500, 1450), (1500, 1450), (1400, 1450), (1500, 0))
    ]
    assert path_mtu(nodes) == 1450
    assert path_mtu([]) == 1500
    assert path_mtu([NodeSeen(frozenset(), 1500, pod_mtu=1500), NodeSeen(frozenset(), 1400, pod_mtu=1500)]) == 1500
