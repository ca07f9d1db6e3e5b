"""Who is judged, and what is asked."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from tasks.platforms.hops import hops_in_order, shortened
from tasks.platforms.seen import KernelRoute, RouterSeen
from tasks.routes.expected import Announced
from tasks.routes.selection import NOT_A_MEMBER, elsewhere, judged, outermost, peers, probes_for
from tests.unit.routes.intents import intent

MEMBERS = {IPv4Address("10.0.0.1"): "a.example.org", IPv4Address("172.16.0.2"): "b.example.org"}


def networks(*texts):
    return [IPv4Network(text) for text in texts]


def test_the_inventory_and_the_cluster_both_say_who_should_have_a_session():
    found = peers(intent(a="10.0.0.1", b="10.0.0.2", c="10.0.0.3"), Announced((), MEMBERS))
    assert found == {IPv4Address("10.0.0.1"): "", IPv4Address("172.16.0.2"): "", IPv4Address("10.0.0.3"): NOT_A_MEMBER}


def test_a_node_that_another_router_serves_is_named_by_all_its_addresses():
    given = intent(a="10.0.0.1", b="10.0.0.2", c="10.0.0.3")
    nodes = tuple(node.model_copy(update={"routers": ("r2",)}) if node.name != "a" else node for node in given.nodes)
    found = elsewhere(given.model_copy(update={"nodes": nodes}), Announced((), MEMBERS), given.router("r1"))
    assert found == {"172.16.0.2", "10.0.0.3"}


def test_all_next_hops_are_judged_when_only_routers_were_chosen():
    assert judged(intent(a="10.0.0.1"), Announced((), MEMBERS), {"r1"}) is None


def test_a_chosen_node_is_judged_by_the_address_that_it_speaks_bgp_from():
    found = judged(intent(a="10.0.0.1", b="10.0.0.2", c="10.0.0.3"), Announced((), MEMBERS), {"b", "c"})
    assert found == {"172.16.0.2", "10.0.0.3"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["10.33.5.0/24"], {"10.33.5.0/24": "10.33.5.0"}),
        (["10.33.192.0/18", "10.33.192.0/32"], {"10.33.192.0/18": "10.33.192.1", "10.33.192.0/32": "10.33.192.0"}),
        (["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"], {"10.0.0.0/32": "10.0.0.0", "10.0.0.1/32": "10.0.0.1"}),
        (
            ["10.0.0.0/24", "10.0.0.0/25", "10.0.0.0/32", "10.0.0.200/32"],
            {
                "10.0.0.0/24": "10.0.0.128",
                "10.0.0.0/25": "10.0.0.1",
                "10.0.0.0/32": "10.0.0.0",
                "10.0.0.200/32": "10.0.0.200",
            },
        ),
    ],
)
def test_the_address_that_is_looked_up_lies_in_no_longer_prefix(given, wanted):
    assert {str(prefix): str(address) for prefix, address in probes_for(networks(*given)).items()} == wanted


def test_networks_inside_another_are_not_asked_about_twice_and_neighbours_are_not_merged():
    given = networks("10.33.192.0/18", "10.33.0.0/17", "10.33.128.0/18", "10.33.5.0/24", "10.34.0.1/32")
    assert outermost(given) == tuple(networks("10.33.0.0/17", "10.33.128.0/18", "10.33.192.0/18", "10.34.0.1/32"))


@pytest.mark.parametrize(
    ("hops", "said"),
    [
        ([], ""),
        (["10.0.0.1"], "10.0.0.1"),
        (["10.0.0.3", "10.0.0.1", "10.0.0.2"], "10.0.0.1-3"),
        (["10.0.0.1", "10.0.0.3", "10.0.0.4", "dev eth0"], "10.0.0.1, 10.0.0.3-4, dev eth0"),
        (["10.0.0.255", "10.0.1.0"], "10.0.0.255, 10.0.1.0"),
        (["10.0.0.9", "10.0.0.10"], "10.0.0.9-10"),
    ],
)
def test_next_hops_for_a_person(hops, said):
    assert shortened(hops) == said


def test_next_hops_are_ordered_by_number():
    assert hops_in_order({"10.0.0.10", "10.0.0.9", "blackhole"}) == ("10.0.0.9", "10.0.0.10", "blackhole")


PREFIX, LONGER, SHORTER = networks("10.33.5.0/24", "10.33.5.0/32", "10.33.0.0/16")


def route(prefix, hop, metric=20, protocol="bgp"):
    return KernelRoute(prefix, protocol, metric, frozenset({hop}))


@pytest.mark.parametrize(
    ("kernel", "lookups", "hop"),
    [
        ({PREFIX: (route(PREFIX, "10.0.0.1"), route(PREFIX, "10.0.0.2", 0))}, {}, "10.0.0.2"),
        ({PREFIX: (route(PREFIX, "10.0.0.1"),)}, {PREFIX: route(PREFIX, "10.0.0.2")}, "10.0.0.2"),
        ({PREFIX: (route(PREFIX, "10.0.0.1"),)}, {PREFIX: route(SHORTER, "10.0.0.2")}, None),
        ({PREFIX: (route(PREFIX, "10.0.0.1"),)}, {PREFIX: route(LONGER, "10.0.0.2")}, "10.0.0.1"),
        ({PREFIX: (route(PREFIX, "10.0.0.1"),)}, {PREFIX: None}, None),
        ({PREFIX: (route(PREFIX, "10.0.0.1"),), LONGER: (route(LONGER, "blackhole"),)}, {PREFIX: None}, "10.0.0.1"),
        ({PREFIX: (route(PREFIX, "blackhole", 0),)}, {PREFIX: None}, "blackhole"),
        ({}, {PREFIX: None}, None),
        ({}, {}, None),
    ],
)
def test_the_kernels_own_answer_comes_before_its_main_table(kernel, lookups, hop):
    taken = RouterSeen(kernel=kernel, lookups=lookups).chosen_kernel(PREFIX)
    assert (None if taken is None else set(taken.hops)) == (None if hop is None else {hop})
