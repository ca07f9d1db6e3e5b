"""A router that already routes a network of services elsewhere is refused before it is changed."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from tasks.linux.observe import Answer, Seen
from tasks.platforms.seen import Path, RibRoute, RouterSeen, Session
from tasks.routers import occupied, tasks
from tests.both_families import dual_stack
from tests.unit.platforms.recordings import answers

SERVICES, BALANCED = "10.33.128.0/18", "10.33.192.0/18"
NODE, OTHER_ROUTER, STRANGER = "10.31.90.1", "10.31.100.100", "10.31.254.99"
CURE = "choose another network, take the route away there, or say data.peering.routed_already: true, if it leads to this cluster"
# Nodes of the same networks that the recorded routers have never heard of.
ELSEWHERE = {
    "hosts": {
        f"k8s-calico-{role}-10-31-90-{number}": {"hostname": f"10.31.91.{number}"}
        for role, numbers in (("master", (1, 2, 3)), ("worker", (4, 5, 6)))
        for number in numbers
    }
}


def rib(protocol: str, hop: str, *, selected: bool = True) -> RibRoute:
    return RibRoute(protocol, 1, 0, frozenset({hop}), selected)


def path(peer: str, *, chosen: bool = True) -> Path:
    return Path(peer, IPv4Address(peer), chosen)


Routes = dict[str, tuple[Any, ...]]
CASES: list[Any] = [
    pytest.param({}, {}, [], id="a_bare_router"),
    pytest.param(
        {SERVICES: (rib("static", STRANGER),)}, {},
        [f"cluster.networks.services {SERVICES} elsewhere: {SERVICES} (static) by {STRANGER}"], id="a_static_route",
    ),
    pytest.param(
        {BALANCED: (rib("static", "blackhole"),)}, {},
        [f"cluster.networks.load_balancers {BALANCED} elsewhere: {BALANCED} (static) by blackhole"], id="a_blackhole",
    ),
    pytest.param(
        {"10.33.200.0/24": (rib("connected", "dev eth7"),)}, {},
        [f"cluster.networks.load_balancers {BALANCED} elsewhere: 10.33.200.0/24 (connected) by dev eth7"],
        id="a_part_of_it_is_a_link",
    ),
    pytest.param(
        {SERVICES: (rib("bgp", STRANGER),)}, {SERVICES: (path(STRANGER),)},
        [f"cluster.networks.services {SERVICES} elsewhere: {SERVICES} by BGP from {STRANGER}"], id="another_neighbour",
    ),
    pytest.param(
        {SERVICES: (rib("ospf", STRANGER),), BALANCED: (rib("static", STRANGER),)}, {},
        [
            f"cluster.networks.services {SERVICES} elsewhere: {SERVICES} (ospf) by {STRANGER}",
            f"cluster.networks.load_balancers {BALANCED} elsewhere: {BALANCED} (static) by {STRANGER}",
        ],
        id="both_are_told",
    ),
    pytest.param({SERVICES: (rib("ospf", OTHER_ROUTER),)}, {}, [], id="the_other_router_has_told_it_of_the_cluster"),
    pytest.param(
        {SERVICES: (rib("bgp", STRANGER),)}, {SERVICES: (path(OTHER_ROUTER),)}, [], id="the_other_router_by_bgp"
    ),
    pytest.param({SERVICES: (rib("static", STRANGER, selected=False),)}, {}, [], id="a_route_that_is_not_chosen"),
    pytest.param(
        {"10.33.192.80/32": (rib("bgp", STRANGER),)}, {"10.33.192.80/32": (path(STRANGER),)}, [],
        id="one_service_of_a_node_that_has_gone",
    ),
    pytest.param({"10.0.0.0/8": (rib("static", STRANGER),)}, {}, [], id="a_shorter_prefix_is_no_obstacle"),
]  # fmt: skip


def said(intent: Any, seen: RouterSeen) -> list[str]:
    return list(occupied.reasons(intent, intent.router("openwrt"), seen))


def seen_of(ribs: Routes, paths: Routes, *neighbours: str) -> RouterSeen:
    return RouterSeen(
        sessions={IPv4Address(one): Session(IPv4Address(one), "Idle") for one in neighbours},
        rib={IPv4Network(prefix): routes for prefix, routes in ribs.items()},
        bgp={IPv4Network(prefix): found for prefix, found in paths.items()},
    )


@pytest.mark.parametrize(("ribs", "paths", "reasons"), CASES)
def test_each_network_is_told_with_the_route_that_is_in_its_way(
    intent_of: Any, ribs: Routes, paths: Routes, reasons: list[str]
) -> None:
    expected = [f"it already routes {reason}: {CURE}" for reason in reasons]
    assert said(intent_of(), seen_of(ribs, paths, STRANGER)) == expected


def test_where_it_is_meant_and_where_the_nodes_are_neighbours_nothing_is_refused(intent_of: Any) -> None:
    ribs: Routes = {SERVICES: (rib("static", STRANGER),)}
    meant = intent_of(hosts={"openwrt": {"data": {"peering": {"routed_already": True}}}})
    assert said(meant, seen_of(ribs, {})) == []
    assert tasks._table_questions(meant, meant.router("openwrt")) == {}
    assert said(intent_of(), seen_of(ribs, {}, NODE)) == []


def as_asked(recording: str) -> Seen:
    """A recorded router's answers under the names of preflight's questions; of the kernel's list nobody asks."""
    told = {name: answer for name, answer in answers(recording).items() if not name.startswith("kernel ")}
    return Seen({f"{tasks.TABLE}{name}": answer for name, answer in told.items()}, {})


@pytest.mark.parametrize(("recording", "router"), [("healthy", "openwrt"), ("bird/healthy", "tiny-unraid")])
def test_another_clusters_network_is_found_in_what_frr_and_bird_say(
    intent_of: Any, recording: str, router: str
) -> None:
    intent = intent_of(**ELSEWHERE)
    found = tasks._occupied(intent, intent.router(router), as_asked(recording))
    assert len(found) == 2
    assert all(" by BGP from 10.31.90." in reason for reason in found)
    intent = intent_of()
    assert tasks._occupied(intent, intent.router(router), as_asked(recording)) == []


@pytest.mark.parametrize("router", ["openwrt", "tiny-unraid"])
def test_what_is_asked_is_what_is_read(intent_of: Any, router: str) -> None:
    intent = intent_of()
    asked = tasks._table_questions(intent, intent.router(router))
    assert any(SERVICES in name for name in asked)
    assert any(BALANCED in name for name in asked)
    assert not any("kernel" in name for name in asked)
    silent = Seen({name: Answer(1, "failed to connect to any daemons") for name in asked}, {})
    assert tasks._occupied(intent, intent.router(router), silent) == []  # its daemon is down: preflight says that


def test_a_router_that_is_no_linux_machine_is_not_asked(intent_of: Any) -> None:
    intent = intent_of(hosts={"openwrt": {"groups": ["eos"]}})
    assert tasks._table_questions(intent, intent.router("openwrt")) == {}


def test_a_network_of_ipv6_that_is_routed_elsewhere_is_told_with_its_key(intent_of: Any) -> None:
    intent = intent_of(**dual_stack())
    services, stranger = "fd00:10:33:8000::/108", "2001:db8::99"
    seen = RouterSeen(rib={IPv4Network("10.33.0.0/17"): (), IPv6Network(services): (rib("static", stranger),)})
    reason = f"cluster.networks.services {services} elsewhere: {services} (static) by {stranger}"
    assert said(intent, seen) == [f"it already routes {reason}: {CURE}"]
    own = IPv6Address("fd00:10:31::90:1")
    assert said(intent, replace(seen, sessions={own: Session(own, "Idle")})) == []
    asked = tasks._table_questions(intent, intent.router("openwrt"))
    assert any(services in name for name in asked)
