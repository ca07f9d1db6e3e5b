"""What the keys of BGP, pools and peerings become in Calico's objects."""

from typing import Any

import pytest

from tasks.cluster import bgp_objects, objects

NEWEST = {"data": {"software": {"kubernetes": "1.36.3", "calico": "3.32.1", "purelb": "0.16.6"}}}


def made(intent_of: Any, calico: str = "3.32.1", **edits: Any) -> list[dict[str, Any]]:
    software = NEWEST["data"]["software"] | {"calico": calico}
    intent = intent_of("today", defaults_file={"data": {"software": software}}, **edits)
    return [*bgp_objects.bgp(intent, None), *objects.calico(intent)]


def specs(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == kind}


def fabric(**cluster: Any) -> dict[str, Any]:
    return {"groups": {"fabric": {"data": {"cluster": cluster}}}}


def nodes(**side: Any) -> dict[str, Any]:
    return {"hosts": {"openwrt": {"data": {"peering": {"nodes": side}}}}}


BGP_CASES: list[Any] = [
    (
        {},
        {"listenPort": 179, "bindMode": "NodeIP", "serviceLoadBalancerAggregation": "Enabled"},
        {"serviceExternalIPs"},
    ),
    ({"bgp": {"listen_port": 1790, "bind_mode": "None"}}, {"listenPort": 1790, "bindMode": "None"}, set()),
    ({"bgp": {"load_balancer_aggregation": False}}, {"serviceLoadBalancerAggregation": "Disabled"}, set()),
    ({"bgp": {"announce_services": False}}, {}, {"serviceClusterIPs"}),
    ({"bgp": {"announce_load_balancers": False}}, {}, {"serviceLoadBalancerIPs"}),
    (
        {"networks": {"external": ["10.33.192.0/18", "192.0.2.0/24"]}},
        {"serviceExternalIPs": [{"cidr": "10.33.192.0/18"}, {"cidr": "192.0.2.0/24"}]},
        set(),
    ),
    (
        {"bgp": {"service_communities": ["64517:1"], "load_balancer_communities": ["bgp-large-community"]}},
        {
            "communities": [{"name": "bgp-large-community", "value": "64517:300:100"}],
            "prefixAdvertisements": [
                {"cidr": "10.33.0.0/17", "communities": ["bgp-large-community", "64517:120"]},
                {"cidr": "10.33.128.0/18", "communities": ["64517:1"]},
                {"cidr": "10.33.192.0/18", "communities": ["bgp-large-community"]},
            ],
        },
        set(),
    ),
]


@pytest.mark.parametrize(("cluster", "has", "lacks"), BGP_CASES)
def test_the_configuration_says_what_the_inventory_does(
    intent_of: Any, cluster: dict[str, Any], has: dict[str, Any], lacks: set[str]
) -> None:
    spec = specs(made(intent_of, **fabric(**cluster)), "BGPConfiguration")["default"]
    assert {key: spec.get(key) for key in has} == has
    assert not lacks & spec.keys()


def test_before_the_version_that_has_it_aggregation_is_not_named(intent_of: Any) -> None:
    spec = specs(made(intent_of, "3.30.7"), "BGPConfiguration")["default"]
    assert "serviceLoadBalancerAggregation" not in spec


PEER_CASES: list[Any] = [
    ({}, "3.32.1", {"nextHopMode": "Keep"}, {"keepOriginalNextHop", "sourceAddress", "reachableBy"}),
    ({}, "3.30.1", {"keepOriginalNextHop": True}, {"nextHopMode"}),
    ({"next_hop": "self"}, "3.30.2", {"nextHopMode": "Self"}, {"keepOriginalNextHop"}),
    ({"next_hop": "auto"}, "3.32.1", {}, {"nextHopMode", "keepOriginalNextHop"}),
    ({"next_hop": "auto"}, "3.29.0", {}, {"nextHopMode", "keepOriginalNextHop"}),
    ({"source_address": "any"}, "3.32.1", {"sourceAddress": "None"}, set()),
    ({"reachable_by": "10.31.0.1"}, "3.32.1", {"reachableBy": "10.31.0.1"}, set()),
    ({"allowed_local_as": 2}, "3.32.1", {"numAllowedLocalASNumbers": 2}, set()),
]


@pytest.mark.parametrize(("side", "calico", "has", "lacks"), PEER_CASES)
def test_a_peer_says_what_the_router_asks_of_the_nodes_and_no_other_peer_does(
    intent_of: Any, side: dict[str, Any], calico: str, has: dict[str, Any], lacks: set[str]
) -> None:
    peers = specs(made(intent_of, calico, **nodes(**side)), "BGPPeer")
    spec = peers["openwrt-peer"]
    assert {key: spec.get(key) for key in has} == has
    assert not lacks & spec.keys()
    other = peers["tiny-unraid-peer"]
    assert {"sourceAddress", "reachableBy", "numAllowedLocalASNumbers"}.isdisjoint(other)


def test_further_rules_stand_behind_the_one_that_keeps_a_node_to_its_own_blocks(intent_of: Any) -> None:
    rules = [
        {"action": "Accept", "cidr": "10.33.0.0/17", "match": "Equal", "min_length": 24, "max_length": 32},
        {"action": "Reject", "interface": "wg*", "source": "RemotePeers"},
        {"action": "Reject", "cidr": "2001:db8::/32", "match": "NotIn"},
    ]
    imports = [{"action": "Reject", "community": "64512:1", "as_path": [64512]}]
    manifests = made(intent_of, **nodes(exports=rules, imports=imports))
    filters, peers = specs(manifests, "BGPFilter"), specs(manifests, "BGPPeer")
    assert filters["kubepeer-router-openwrt"] == {
        "exportV4": [
            {
                "action": "Accept", "cidr": "10.33.0.0/17", "matchOperator": "Equal",
                "prefixLength": {"min": 24, "max": 32},
            },
            {"action": "Reject", "interface": "wg*", "source": "RemotePeers"},
        ],
        "exportV6": [{"action": "Reject", "cidr": "2001:db8::/32", "matchOperator": "NotIn"}],
        "importV4": [{"action": "Reject", "communities": {"values": ["64512:1"]}, "asPathPrefix": [64512]}],
    }  # fmt: skip
    assert peers["openwrt-peer"]["filters"] == ["kubepeer-own-blocks", "kubepeer-router-openwrt"]
    assert peers["tiny-unraid-peer"]["filters"] == ["kubepeer-own-blocks"]
    kinds = [(one["kind"], one["metadata"]["name"]) for one in manifests]
    assert kinds.index(("BGPFilter", "kubepeer-router-openwrt")) < kinds.index(("BGPPeer", "openwrt-peer"))


@pytest.mark.parametrize(
    ("hold", "keepalive", "calico", "said"),
    [
        (9, 3, "3.32.1", None),  # what BIRD does by itself: a third
        (180, 60, "3.32.1", None),
        (9, 2, "3.32.1", "2s"),
        (9, 2, "3.31.7", None),  # before that nobody can tell it
    ],
)
def test_the_time_between_keepalives_is_said_where_it_is_another_than_birds(
    intent_of: Any, hold: int, keepalive: int, calico: str, said: str | None
) -> None:
    times = fabric(bgp={"hold_seconds": hold, "keepalive_seconds": keepalive})
    peers = specs(made(intent_of, calico, **times), "BGPPeer")
    assert [peer.get("keepaliveTime") for peer in peers.values()] == [said, said]


POOLS = fabric(
    networks={
        "pods": "10.34.0.0/17",
        "pod_subnet": "10.34.0.0/16",
        "pod_routing": {"encapsulation": "VXLAN", "node_selector": "zone == 'a'", "nat_outgoing": False},
        "further_pools": [
            {"cidr": "10.34.128.0/18", "announced": False},
            {"cidr": "10.34.192.0/20", "block_size": 28, "encapsulation": "IPIPCrossSubnet"},
        ],
    }
)


def test_each_pool_has_its_own_routing(intent_of: Any) -> None:
    network = specs(made(intent_of, **POOLS), "Installation")["default"]["calicoNetwork"]
    assert network["ipPools"] == [
        {
            "blockSize": 24, "cidr": "10.34.0.0/17", "disableBGPExport": False, "encapsulation": "VXLAN",
            "natOutgoing": "Disabled", "nodeSelector": "zone == 'a'",
        },
        {
            "blockSize": 26, "cidr": "10.34.128.0/18", "disableBGPExport": True, "encapsulation": "VXLANCrossSubnet",
            "natOutgoing": "Enabled", "nodeSelector": "all()",
        },
        {
            "blockSize": 28, "cidr": "10.34.192.0/20", "disableBGPExport": False, "encapsulation": "IPIPCrossSubnet",
            "natOutgoing": "Enabled", "nodeSelector": "all()",
        },
    ]  # fmt: skip


def test_what_is_announced_of_pools_is_filtered_by_every_way_to_other_nodes_and_has_its_communities(
    intent_of: Any,
) -> None:
    manifests = made(intent_of, **POOLS)
    rules = specs(manifests, "BGPFilter")["kubepeer-own-blocks"]["exportV4"]
    ways = ("eth0", "vxlan.calico", "tunl0")
    assert [(rule["cidr"], rule["interface"]) for rule in rules] == [
        (cidr, way) for cidr in ("10.34.0.0/17", "10.34.192.0/20") for way in ways
    ]
    advertised = specs(manifests, "BGPConfiguration")["default"]["prefixAdvertisements"]
    assert [entry["cidr"] for entry in advertised] == ["10.34.0.0/17", "10.34.192.0/20"]


def test_where_no_pool_is_announced_there_is_nothing_to_keep_back(intent_of: Any) -> None:
    manifests = made(intent_of, **fabric(networks={"pod_routing": {"announced": False}}))
    assert specs(manifests, "BGPFilter") == {}
    assert not any("filters" in spec for spec in specs(manifests, "BGPPeer").values())
