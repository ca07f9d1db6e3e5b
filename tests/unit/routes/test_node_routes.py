"""Whether a node's own table leads to the pod blocks of the others."""

import json
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from kubepeer.checks import Finding
from kubepeer.errors import CommandError
from kubepeer.intent.between_nodes import Cure, Way
from kubepeer.outcome import HostOutcome, PhaseOutcome
from tasks.linux.observe import Answer
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.node_routes import CHECK, blocks_of_others, finding, lines, questions

PODS = [IPv4Network("10.33.0.0/17")]
OWN, NEAR, FAR = (IPv4Address(f"10.31.90.{number}") for number in (1, 2, 3))
BLOCKS = {"10.33.1.0/24": OWN, "10.33.2.0/24": NEAR, "10.33.3.0/24": FAR, "10.33.128.0/18": NEAR}
ANNOUNCED = Announced(
    tuple(ExpectedRoute(IPv4Network(block), frozenset({owner}), "") for block, owner in BLOCKS.items())
)
OTHERS = blocks_of_others(ANNOUNCED, [OWN], PODS)
DEFAULT = {"dst": "default", "gateway": "10.31.254.253", "dev": "eth0"}
SITE = {"dst": "10.0.0.0/8", "gateway": "10.31.254.253", "dev": "eth0"}
TO_NEAR = {"dst": "10.33.2.0/24", "gateway": "10.31.90.2", "dev": "eth0"}
TO_FAR = {"dst": "10.33.3.0/24", "gateway": "10.33.3.0", "dev": "vxlan.calico"}
ALL_PODS = {"dst": "10.33.0.0/17", "gateway": "10.31.254.253", "dev": "eth0"}
DROPPED = {"type": "blackhole", "dst": "10.33.3.0/24"}


def judged(routes: list[dict[str, str]], cure: Cure = "vxlan") -> tuple[bool, tuple[str, ...]]:
    found = finding("node", {"routes": Answer(0, json.dumps(routes))}, OTHERS, PODS, Way(cure, asked=False))
    assert (found.check, found.host, found.layer) == (CHECK, "node", "kernel")
    assert found.ok is (found.reason == "")
    return found.ok, found.missing


def test_a_node_needs_a_way_to_the_pod_blocks_of_the_others_and_to_nothing_else() -> None:
    assert [str(block) for block in OTHERS] == ["10.33.2.0/24", "10.33.3.0/24"]


def test_a_route_of_its_own_leads_to_a_block_and_so_does_one_of_all_pods() -> None:
    assert judged([DEFAULT, TO_NEAR, TO_FAR]) == (True, ())
    assert judged([DEFAULT, ALL_PODS], "as_override") == (True, ())


@pytest.mark.parametrize("cure", ["vxlan", "as_override", "allowas_in", "as_per_node"])
def test_the_machines_own_way_out_hides_a_block_that_is_missing(cure: Cure) -> None:
    assert judged([DEFAULT, SITE, TO_NEAR], cure) == (False, ("10.33.3.0/24",))


def test_where_a_default_route_is_the_way_it_is_enough() -> None:
    assert judged([DEFAULT], "default_route") == (True, ())
    assert judged([TO_NEAR], "default_route") == (False, ("10.33.3.0/24",))


def test_a_route_that_drops_leads_nowhere_though_a_shorter_one_would() -> None:
    assert judged([DEFAULT, TO_NEAR, DROPPED], "default_route") == (False, ("10.33.3.0/24",))


def test_the_route_of_the_lower_metric_counts() -> None:
    assert judged([TO_NEAR, TO_FAR, DROPPED | {"metric": "1024"}]) == (True, ())
    assert judged([TO_NEAR, TO_FAR | {"metric": "1024"}, DROPPED]) == (False, ("10.33.3.0/24",))


def test_the_cause_is_that_of_the_cure() -> None:
    answers = {"routes": Answer(0, json.dumps([DEFAULT]))}
    reasons = {
        cure: finding("node", answers, OTHERS, PODS, Way(cure, asked=False)).reason
        for cure in ("vxlan", "as_override", "allowas_in")
    }
    assert all(reason.startswith("no way to 10.33.2.0/24, 10.33.3.0/24: ") for reason in reasons.values())
    assert "Felix" in reasons["vxlan"]
    assert "as-override" in reasons["as_override"]
    assert "numAllowedLocalASNumbers" in reasons["allowas_in"]


def test_routes_that_cannot_be_read_are_no_verdict() -> None:
    with pytest.raises(CommandError):
        finding(
            "node",
            {"routes": Answer(1, "RTNETLINK answers: Operation not permitted")},
            OTHERS,
            PODS,
            Way("vxlan", asked=False),
        )


def test_one_line_says_how_pods_reach_each_other_and_on_how_many_nodes_it_was_proved() -> None:
    good = finding("a", {"routes": Answer(0, json.dumps([TO_NEAR, TO_FAR]))}, OTHERS, PODS, Way("vxlan", asked=False))
    bad = finding("b", {"routes": Answer(0, json.dumps([TO_NEAR]))}, OTHERS, PODS, Way("vxlan", asked=False))

    def told(*found: Finding) -> list[str]:
        hosts = {str(place): HostOutcome(findings=(one,)) for place, one in enumerate(found)}
        return [line.plain for line in lines([PhaseOutcome("Verify nodes", 1.0, hosts)], Way("vxlan", asked=False))]

    (line,) = told(good, good)
    assert line.startswith(" i pods across nodes: Felix has the routes")
    assert line.endswith("(vxlan, chosen); proved on 2 nodes")
    assert told()[0].endswith("(vxlan, chosen)")
    assert told(good, bad)[1] == f" x b  {bad.reason}"


def test_blocks_of_ipv6_are_looked_for_in_the_routes_of_ipv6() -> None:
    pods = [*PODS, IPv6Network("fd00:10:33::/56")]
    owner, other = IPv6Address("fd00:10:31::90:2"), IPv6Address("fd00:10:31::90:3")
    blocks = {"fd00:10:33::40/122": owner, "fd00:10:33::80/122": other, "fd00:10:33:8000::/108": other}
    told = tuple(ExpectedRoute(IPv6Network(block), frozenset({hop}), "") for block, hop in blocks.items())
    others = blocks_of_others(Announced((*ANNOUNCED.routes, *told)), [OWN, owner], pods)
    assert [str(block) for block in others] == ["10.33.2.0/24", "10.33.3.0/24", "fd00:10:33::80/122"]
    assert list(questions((4, 6))) == ["routes", "routes6"]
    assert "ip -6 " in questions((6,))["routes6"]
    way6 = {"dst": "fd00:10:33::80/122", "gateway": "fd00:10:31::90:3", "dev": "eth0"}
    default6 = {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "ra"}
    for routes, cure, missing in [
        ([default6, way6], "vxlan", ()),
        ([default6], "vxlan", ("fd00:10:33::80/122",)),
        ([default6], "default_route", ()),
    ]:
        answers = {
            "routes": Answer(0, json.dumps([DEFAULT, TO_NEAR, TO_FAR])),
            "routes6": Answer(0, json.dumps(routes)),
        }
        assert finding("node", answers, others, pods, Way(cure, asked=False)).missing == missing
