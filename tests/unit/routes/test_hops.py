"""Nodes behind another hop: what each layer shows of them, and what is found when the way to a node is broken."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms.frr.read import Frr
from tasks.platforms.seen import KernelRoute, RouterSeen
from tasks.routes.checks import REMARK, Case, judge
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.selection import probes_for, ways_to
from tasks.routes.table import route_table, seed_table
from tests.unit.platforms.recordings import as_answers

FOLDER = Path(__file__).parent / "hops"
NODES = {IPv4Address("10.31.91.1"): "n1", IPv4Address("10.31.92.1"): "n2"}
BLOCKS = {IPv4Network("10.33.10.0/24"): "10.31.91.1", IPv4Network("10.33.20.0/24"): "10.31.92.1"}
SERVICES = IPv4Network("10.33.128.0/18")
NETWORKS = (IPv4Network("10.33.0.0/16"),)
PROBES = probes_for([*BLOCKS, SERVICES]) | ways_to(NODES)
ANNOUNCED = Announced(
    (
        *(ExpectedRoute(block, frozenset({IPv4Address(node)}), "pod block") for block, node in BLOCKS.items()),
        ExpectedRoute(SERVICES, frozenset(NODES), "service network"),
    ),
    NODES,
)
CASES = sorted(FOLDER.glob("*.yaml"))


def seen_of(name: str, vrf: str | None = None) -> RouterSeen:
    return Frr(vrf).read(as_answers(FOLDER / f"{name}.json"), PROBES)


def verdict(seen: RouterSeen, **more):
    return judge(Case("r", ANNOUNCED, seen, NETWORKS, dict.fromkeys(NODES, ""), **more))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_verdict_on_a_router_that_the_nodes_are_behind_a_hop_of_is(path: Path):
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
    findings = verdict(seen_of(path.stem))
    wrong = [
        {"subject": one.subject, "layer": one.layer}
        | {key: list(getattr(one, key)) for key in ("missing", "unexpected") if getattr(one, key)}
        | {"reason": one.reason}
        for one in findings
        if not one.ok
    ]
    assert wrong == wanted["wrong"]
    assert sum(one.ok for one in findings if one.check != REMARK) == wanted["right"]
    assert [one.reason for one in findings if one.check == REMARK] == wanted.get("remarks", [])


def test_every_recording_has_a_verdict():
    assert {path.stem for path in CASES} == {path.stem for path in FOLDER.glob("*.json")}


def test_one_line_a_prefix_says_by_which_gateway_its_nodes_are_reached():
    lines = [line.plain for line in route_table("r", 64512, verdict(seen_of("healthy")))]
    assert lines[2:] == [
        " 10.33.10.0/24     10.31.91.1 by 10.31.0.254              ok   ok   ok",
        " 10.33.20.0/24     10.31.92.1 by 10.31.0.254              ok   ok   ok",
        " 10.33.128.0/18    10.31.91.1, 10.31.92.1 by 10.31.0.254  ok   ok   ok",
    ]
    assert seed_table(seen_of("healthy"))[:2] == [
        "B>* 10.33.10.0/24 [20/0] via 10.31.91.1 (recursive), weight 1, 00:00:01",
        "  *                      via 10.31.0.254, eth0, weight 1, 00:00:01",
    ]


def test_a_vrf_is_a_network_namespace_and_all_is_right_in_it():
    findings = verdict(seen_of("vrf-namespace", "RED"))
    assert all(one.ok for one in findings)
    assert "show bgp vrf RED neighbors json" in Frr("RED").questions(NETWORKS, PROBES)["neighbours"]


def test_the_routers_own_as_is_told_as_it_writes_it():
    said = as_answers(FOLDER / "healthy.json")
    dotted = said["neighbours"].text.replace('"localAs": 64512', '"localAs": "0.64512"')
    assert seen_of("healthy").as_shown == "64512"
    assert Frr().read(said | {"neighbours": Answer(0, dotted)}, PROBES).as_shown == "0.64512"


def test_a_vrf_that_is_not_there_is_one_line_and_nothing_is_called_missing():
    """FRR answers with empty tables, as for a VRF in which nothing has come up yet."""
    said = as_answers(FOLDER / "vrf-namespace.json")
    nothing = {name: Answer(0, "{}") for name in said if not name.startswith(("kernel", "lookups"))}
    absent = Answer(1, "there is no VRF BLUE: neither a device nor a network namespace of that name")
    with pytest.raises(CommandError, match="there is no VRF BLUE"):
        Frr("BLUE").read(nothing | dict.fromkeys(("kernel 10.33.0.0/16", "lookups"), absent), PROBES)


def test_the_case_of_a_recursive_next_hop_is_read_per_layer():
    """cases: frr_multihop.json, zebra's answer of FRR 10."""
    hops = [
        {"flags": 5, "ip": "10.31.90.1", "afi": "ipv4", "active": True, "recursive": True, "weight": 1},
        {"flags": 3, "fib": True, "ip": "10.31.0.254", "interfaceName": "eth0", "resolver": True, "active": True},
    ]
    route = {"protocol": "bgp", "selected": True, "distance": 20, "metric": 0, "installed": True, "nexthops": hops}
    prefix = IPv4Network("10.33.5.0/24")
    for nexthops in (hops, [hops[0], {key: value for key, value in hops[1].items() if key != "resolver"}]):
        rib = json.dumps({str(prefix): [route | {"nexthops": nexthops}]})
        answers = {"neighbours": Answer(0, "{}"), "rib x": Answer(0, rib), "lookups": Answer(0, "")}
        seen = Frr().read(answers, {})
        assert seen.rib_hops(prefix) == {"10.31.90.1"}
        assert seen.gateways("10.31.90.1") == {"10.31.0.254"}


def test_a_lost_session_behind_a_shared_gateway_is_missing_where_its_next_hop_is_shown():
    seen = seen_of("healthy")
    lost = {prefix: tuple(path for path in paths if path.hop != "10.31.92.1") for prefix, paths in seen.bgp.items()}
    rib = {
        prefix: tuple(replace(route, hops=route.hops - {"10.31.92.1"}) for route in routes)
        for prefix, routes in seen.rib.items()
    }
    wrong = {(str(one.subject), one.layer) for one in verdict(replace(seen, bgp=lost, rib=rib)) if not one.ok}
    assert {(str(SERVICES), "bgp"), (str(SERVICES), "rib")} <= wrong
    assert (str(SERVICES), "kernel") not in wrong  # the gateway is there, for the other node


def test_nodes_that_are_not_judged_hide_a_gateway_only_if_nobody_else_is_behind_it():
    findings = verdict(seen_of("healthy"), judged=frozenset({"10.31.91.1"}))
    assert all(one.ok for one in findings)
    kernel = {one.subject: one.observed for one in findings if one.layer == "kernel"}
    assert kernel == {"10.33.10.0/24": ("10.31.0.254",), str(SERVICES): ("10.31.0.254",)}


def test_a_table_that_shows_gateways_alone_is_judged_by_them():
    seen = seen_of("healthy")
    rib = {
        prefix: tuple(replace(route, hops=frozenset({"10.31.0.254"})) for route in routes)
        for prefix, routes in seen.rib.items()
    }
    assert not all(one.ok for one in verdict(replace(seen, rib=rib)))
    assert all(one.ok for one in verdict(replace(seen, rib=rib, gateways_in_rib=True)))


def test_what_the_kernel_cannot_tell_is_neither_right_nor_missing():
    """Two nodes on links of their own, and a kernel's route of which one next hop is shown."""
    seen = seen_of("healthy")
    ways = {node: frozenset({node}) for node in map(str, NODES)}
    shown = KernelRoute(SERVICES, "", 20, frozenset({"10.31.91.1"}), untold="one alone is shown")
    apart = replace(seen, resolved=ways, lookups={}, kernel={SERVICES: (shown,)})
    finding = of_services(apart)
    assert (finding.ok, finding.missing, finding.unexpected, finding.reason) == (False, (), (), "one alone is shown")
    stranger = replace(shown, hops=frozenset({"10.31.0.77"}))
    assert of_services(replace(apart, kernel={SERVICES: (stranger,)})).unexpected == ("10.31.0.77",)


def of_services(seen: RouterSeen):
    (finding,) = [one for one in verdict(seen) if one.layer == "kernel" and one.subject == str(SERVICES)]
    return finding
