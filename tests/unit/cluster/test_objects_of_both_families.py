"""What a second family brings to Calico's objects, to the load balancers' and to the workload, whatever else the inventory asks for."""

from typing import Any

import pytest

from tasks.cluster import bgp_objects, objects
from tasks.cluster.balancers import provided
from tests.both_families import dual_stack
from tests.conftest import merged
from tests.render.router_variants import POOLS
from tests.unit.cluster.test_bgp_intent import NEWEST, specs

FAMILIES = [("openwrt-peer", "V4"), ("openwrt-peer-v6", "V6")]


def intent(intent_of: Any, edits: Any, balancer: Any = None) -> Any:
    data = merged(NEWEST["data"], balancer or {})
    return intent_of("today", defaults_file={"data": data}, **merged(dual_stack(), edits))


def nodes(**side: Any) -> dict[str, Any]:
    return {"hosts": {"openwrt": {"data": {"peering": {"nodes": side}}}}}


def test_a_gateway_of_each_family_is_told_to_the_peer_of_that_family(intent_of: Any) -> None:
    both = intent(intent_of, nodes(reachable_by=["10.31.0.1", "fd00:10:31::1"]))
    peers = specs(bgp_objects.bgp(both, None), "BGPPeer")
    assert [peers[name]["reachableBy"] for name, _ in FAMILIES] == ["10.31.0.1", "fd00:10:31::1"]
    assert "reachableBy" not in peers["tiny-unraid-peer-v6"]


def test_a_rule_without_a_network_stands_in_the_filters_of_both_families(intent_of: Any) -> None:
    rules = [{"action": "Reject", "interface": "wg*"}, {"action": "Reject", "cidr": "fd00:10:33::/56"}]
    manifests = bgp_objects.bgp(intent(intent_of, nodes(exports=rules)), None)
    spec = specs(manifests, "BGPFilter")["kubepeer-router-openwrt"]
    assert spec == {
        "exportV4": [{"action": "Reject", "interface": "wg*"}],
        "exportV6": [
            {"action": "Reject", "interface": "wg*"},
            {"action": "Reject", "cidr": "fd00:10:33::/56", "matchOperator": "In"},
        ],
    }
    peers = specs(manifests, "BGPPeer")
    assert all("kubepeer-router-openwrt" in peers[name]["filters"] for name, _ in FAMILIES)


def test_pools_of_both_families_are_installed_and_kept_to_their_nodes(intent_of: Any) -> None:
    both = intent(intent_of, POOLS)
    pools = specs(objects.calico(both), "Installation")["default"]["calicoNetwork"]["ipPools"]
    assert [(pool["cidr"], pool["blockSize"], pool["disableBGPExport"]) for pool in pools] == [
        ("10.33.0.0/18", 24, False),
        ("10.33.64.0/19", 26, False),
        ("10.33.96.0/19", 26, True),
        ("fd00:10:33::/56", 122, False),
        ("fd00:10:33:100::/56", 120, False),
        ("fd00:10:33:200::/56", 122, True),
    ]
    manifests = bgp_objects.bgp(both, None)
    kept = specs(manifests, "BGPFilter")["kubepeer-own-blocks"]
    told = {key: [(rule["cidr"], rule["interface"]) for rule in rules] for key, rules in kept.items()}
    assert told == {
        "exportV4": [
            (pool, device) for pool in ("10.33.0.0/18", "10.33.64.0/19") for device in ("eth0", "vxlan.calico")
        ],
        "exportV6": [
            (pool, device)
            for pool in ("fd00:10:33::/56", "fd00:10:33:100::/56")
            for device in ("eth0", "vxlan-v6.calico")
        ],
    }
    configuration = specs(manifests, "BGPConfiguration")["default"]
    assert configuration["serviceExternalIPs"] == [{"cidr": "198.51.100.0/24"}, {"cidr": "2001:db8:100::/64"}]


def test_kubeadm_is_told_the_network_of_all_pools_of_each_family(intent_of: Any) -> None:
    networks = intent(intent_of, POOLS).cluster.networks
    assert [str(family.kubeadms_pods) for family in networks.families] == ["10.33.0.0/17", "fd00:10:33::/52"]


@pytest.mark.parametrize("cure", ["as_override", "allowas_in"])
def test_the_cure_of_the_one_as_is_that_of_both_families(intent_of: Any, cure: str) -> None:
    cluster = {"networks": {"pod_routing": {"encapsulation": "None"}}, "bgp": {"between_nodes": cure}}
    both = intent(intent_of, {"groups": {"fabric": {"data": {"cluster": cluster}}}})
    peers = specs(bgp_objects.bgp(both, None), "BGPPeer")
    allowed = 1 if cure == "allowas_in" else None
    assert [peers[name].get("numAllowedLocalASNumbers") for name, _ in FAMILIES] == [allowed, allowed]


METALLB = {
    "software": {"metallb": "0.15.2", "purelb": None},
    "manifests": {"metallb": "metallb-native.yaml", "purelb": None},
    "load_balancer": {"provider": "metallb"},
}
CALICO = {
    "software": {"purelb": None},
    "manifests": {"purelb": None},
    "load_balancer": {"provider": "calico"},
}


def test_metallb_gives_addresses_of_both_families_out_of_one_pool(intent_of: Any) -> None:
    both = intent(intent_of, {}, METALLB)
    pool = specs(provided.of(both).objects(both, None), "IPAddressPool")["kubepeer"]
    assert pool["addresses"] == ["10.33.192.0/18", "fd00:10:33:c000::/112"]


def test_calico_gives_addresses_out_of_a_pool_a_family(intent_of: Any) -> None:
    both = intent(intent_of, {}, CALICO)
    pools = specs(provided.of(both).objects(both, None), "IPPool")
    assert {name: (pool["cidr"], pool["blockSize"]) for name, pool in pools.items()} == {
        "kubepeer-load-balancers": ("10.33.192.0/18", 26),
        "kubepeer-load-balancers-v6": ("fd00:10:33:c000::/112", 122),
    }


@pytest.mark.parametrize(
    ("balancer", "any_address"),
    [
        (METALLB, {"metallb.io/address-pool": "kubepeer"}),
        (
            CALICO,
            {
                "projectcalico.org/ipv4pools": '["kubepeer-load-balancers"]',
                "projectcalico.org/ipv6pools": '["kubepeer-load-balancers-v6"]',
            },
        ),
        ({}, {"purelb.io/service-group": "bgp-ippool"}),
    ],
)
def test_a_service_takes_an_address_in_both_families_unless_it_asks_for_one(
    intent_of: Any, balancer: Any, any_address: Any
) -> None:
    manifests = objects.workload(intent(intent_of, {}, balancer))
    services = {one["metadata"]["name"]: one for one in manifests if one["kind"] == "Service"}
    one, other = (services[f"nginx-{name}-service"] for name in ("lb", "lb2"))
    assert ("ipFamilyPolicy" in one["spec"], other["spec"]["ipFamilyPolicy"]) == (False, "PreferDualStack")
    assert "10.33.192.80" in str(one["metadata"]["annotations"])
    assert other["metadata"]["annotations"] == any_address
