"""What a cluster should announce, one small file a rule."""

from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest
import yaml

from tasks.routes.expected import NOT_ADVERTISED, ClusterObjects, announced

CASES = sorted((Path(__file__).parent / "expected").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_expected_routes(path: Path):
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    intended = [ip_network(network) for network in case.get("intended", ())]
    result = announced(objects(case), intended, families=case.get("families", (4,)))
    routes = {str(route.prefix): sorted(str(hop) for hop in route.next_hops) for route in result.routes}
    assert routes == case["routes"]
    assert all(route.why for route in result.routes)


def test_every_node_speaks_whether_it_announces_or_not():
    result = announced(objects({"nodes": {"a": "10.0.0.1", "b": "10.0.0.2"}}))
    assert {str(address): name for address, name in result.speakers.items()} == {"10.0.0.1": "a", "10.0.0.2": "b"}
    assert result.routes == ()


def test_a_network_that_bgpconfiguration_forgot_says_so():
    (route,) = announced(objects({"nodes": {"a": "10.0.0.1"}}), [IPv4Network("10.33.128.0/18")]).routes
    assert route.why == NOT_ADVERTISED


def test_the_version_that_runs_decides_and_the_inventorys_where_none_is_told():
    case = yaml.safe_load(
        (CASES[0].parent / "before-calico-3.31-a-local-service-needs-a-ready-endpoint.yaml").read_text()
    )
    address = IPv4Network("10.33.192.80/32")

    def hops(running, intended):
        routes = announced(objects({**case, "calico": running}), calico_version=intended).routes
        return len(next(route.next_hops for route in routes if route.prefix == address))

    assert hops("v3.30.7", "3.32.1") == 1
    assert hops("v3.32.1", "3.24.5") == 2
    assert (hops("", "3.24.5"), hops("", "3.32.1")) == (1, 2)
    assert hops("master", "3.32.1") == 2  # a build of one's own has a name that says nothing


def test_a_block_of_a_deleted_node_is_told_and_expected_of_nobody():
    block = {"cidr": "10.33.5.0/24", "node": "gone"}
    result = announced(objects({"nodes": {"a": "10.0.0.1"}, "blocks": [block, {"cidr": "10.33.6.0/24", "node": "a"}]}))
    assert [str(route.prefix) for route in result.routes] == ["10.33.6.0/24"]
    assert {str(prefix): why.partition(":")[0] for prefix, why in result.left_behind.items()} == {
        "10.33.5.0/24": "gone is no node any more"
    }


def peer(name, address, *filters):
    return {"metadata": {"name": name}, "spec": {"peerIP": address, "filters": list(filters)}}


@pytest.mark.parametrize(
    ("calico", "peers", "unfiltered"),
    [
        ("v3.32.1", [peer("one", "10.0.0.9", "own")], {}),
        ("v3.32.1", [peer("one", "10.0.0.9")], {"10.0.0.9": ("one",)}),
        ("v3.32.1", [peer("one", "10.0.0.9:179", "not-there")], {"10.0.0.9": ("one",)}),
        ("v3.32.1", [peer("two", "10.0.0.9"), peer("one", "10.0.0.9")], {"10.0.0.9": ("one", "two")}),
        ("v3.32.1", [peer("one", None), peer("six", "2001:db8::1")], {}),
        ("v3.26.4", [peer("one", "10.0.0.9")], {}),
    ],
    ids=["filtered", "no filter", "a filter that is gone", "several", "no address of IPv4", "a Calico that cannot"],
)
def test_peers_without_a_filter_that_is_there_are_known_where_calico_can_filter(calico, peers, unfiltered):
    cluster = ClusterObjects(calico_version=calico, bgp_peers=tuple(peers), bgp_filters=frozenset({"own"}))
    assert {str(address): names for address, names in announced(cluster).unfiltered.items()} == unfiltered


def objects(case) -> ClusterObjects:
    """Kubernetes' and Calico's own objects of a case's few words."""
    return ClusterObjects(
        nodes=tuple(node(case, name, address) for name, address in case["nodes"].items()),
        block_affinities=tuple(affinity(block) for block in case.get("blocks", ())),
        ip_pools=tuple({"spec": pool} for pool in case.get("pools", ())),
        ipam_blocks=tuple({"spec": block} for block in case.get("ipam_blocks", ())),
        bgp_configuration=configuration(case),
        services=tuple(service(one) for one in case.get("services", ())),
        endpoints=tuple(endpoints(one) for one in case.get("endpoints", ()))
        + tuple(endpoint_slice(one) for one in case.get("slices", ())),
        calico_version=case.get("calico", ""),
    )


def node(case, name, address):
    return {
        "metadata": {
            "name": name,
            "labels": case.get("labels", {}).get(name),
            "annotations": case.get("annotations", {}).get(name),
        },
        "spec": {"podCIDR": case.get("pod_cidrs", {}).get(name)},
        "status": {"addresses": [{"type": "Hostname", "address": name}, *map(internal, each(address))]},
    }


def each(value):
    return value if isinstance(value, list) else [value]


def internal(address):
    return {"type": "InternalIP", "address": address}


def affinity(block):
    return {"spec": {"state": "confirmed", "deleted": "false"} | block}


def configuration(case):
    def networks(key):
        return [{"cidr": cidr} for cidr in case.get(key, ())]

    return {
        "spec": {
            "serviceClusterIPs": networks("clusterIPs"),
            "serviceExternalIPs": networks("externalIPs"),
            "serviceLoadBalancerIPs": networks("loadBalancerIPs"),
        }
        | ({"serviceLoadBalancerAggregation": case["aggregation"]} if "aggregation" in case else {})
    }


def service(one):
    spec = {"type": one["type"], "clusterIP": one.get("clusterIP"), "externalIPs": one.get("externalIPs")}
    spec |= {"clusterIPs": one["clusterIPs"]} if "clusterIPs" in one else {}
    return {
        "metadata": {"namespace": "default", "name": one["name"]},
        "spec": spec | ({"externalTrafficPolicy": one["policy"]} if "policy" in one else {}),
        "status": {"loadBalancer": {"ingress": [{"ip": address} for address in one.get("ingress", ())]}},
    }


def endpoints(one):
    def addresses(key):
        return [{"ip": "10.33.1.1", "nodeName": name} for name in one.get(key, ())]

    subset = {"addresses": addresses("ready"), "notReadyAddresses": addresses("not_ready")}
    return {"metadata": {"namespace": "default", "name": one["name"]}, "subsets": [subset]}


def endpoint_slice(one):
    return {
        "metadata": {
            "namespace": "default",
            "name": f"{one['service']}-x7k2p",
            "labels": {"kubernetes.io/service-name": one["service"]},
        },
        "addressType": one.get("addressType", "IPv4"),
        "endpoints": [
            {
                "nodeName": endpoint.get("node"),
                "conditions": {"ready": endpoint["ready"]} if "ready" in endpoint else {},
            }
            for endpoint in one["endpoints"]
        ],
    }
