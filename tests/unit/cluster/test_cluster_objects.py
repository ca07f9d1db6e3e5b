"""The objects of the cluster, by intent and by version."""

from pathlib import Path
from typing import Any

import pytest

from tasks.cluster import objects

CHECKOUT = Path(__file__).resolve().parents[3]


def names(manifests: list[dict[str, Any]]) -> list[str]:
    return [f"{manifest['kind']} {manifest['metadata']['name']}" for manifest in manifests]


def fabric(**bgp: Any) -> dict[str, Any]:
    return {"groups": {"fabric": {"data": {"cluster": {"bgp": bgp}}}}}


def by_name(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(manifest for manifest in manifests if manifest["metadata"]["name"] == name)


def test_the_operator_is_told_the_pod_network_of_the_inventory(intent_of: Any) -> None:
    manifests = objects.calico(intent_of())
    assert names(manifests) == ["Installation default", "APIServer default"]
    network = manifests[0]["spec"]["calicoNetwork"]
    assert network["bgp"] == "Enabled"
    assert network["ipPools"] == [
        {
            "blockSize": 24,
            "cidr": "10.33.0.0/17",
            "encapsulation": "VXLANCrossSubnet",
            "natOutgoing": "Enabled",
            "nodeSelector": "all()",
        }
    ]


def test_there_is_one_peer_a_router_and_no_mesh(intent_of: Any) -> None:
    manifests = objects.bgp(intent_of(), None)
    assert names(manifests) == ["BGPConfiguration default", "BGPPeer openwrt-peer", "BGPPeer tiny-unraid-peer"]
    configuration = manifests[0]["spec"]
    assert (configuration["nodeToNodeMeshEnabled"], configuration["asNumber"]) == (False, 64517)
    assert configuration["serviceClusterIPs"] == [{"cidr": "10.33.128.0/18"}]
    assert configuration["serviceLoadBalancerIPs"] == [{"cidr": "10.33.192.0/18"}]
    assert "serviceExternalIPs" not in configuration
    peers = [(peer["spec"]["peerIP"], peer["spec"]["asNumber"]) for peer in manifests[1:]]
    assert peers == [("10.31.254.253", 64512), ("10.31.100.100", 64516)]


def test_a_peer_of_ours_keeps_the_original_next_hop_and_bears_our_label(intent_of: Any) -> None:
    for peer in objects.bgp(intent_of(), None)[1:]:
        assert peer["spec"].keys() == {"peerIP", "asNumber", "keepOriginalNextHop"}
        assert peer["spec"]["keepOriginalNextHop"] is True
        assert peer["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kubepeer"}


RACK = {
    "hosts": {f"k8s-calico-worker-10-31-90-{n}": {"data": {"as_number": 65002, "routers": ["openwrt"]}} for n in (5, 6)}
}


def test_a_router_that_serves_some_nodes_is_the_peer_of_those_alone(intent_of: Any) -> None:
    openwrt, unraid = objects.bgp(intent_of(**RACK), None)[1:]
    assert "nodeSelector" not in openwrt["spec"]
    served = [
        f"'k8s-calico-{name}.tinychen.io'"
        for name in ("master-10-31-90-1", "master-10-31-90-2", "master-10-31-90-3", "worker-10-31-90-4")
    ]
    assert unraid["spec"]["nodeSelector"] == f"kubernetes.io/hostname in {{ {', '.join(served)} }}"


def test_a_node_of_another_as_is_told_so_and_one_that_was_is_told_no_more(intent_of: Any) -> None:
    was = "k8s-calico-master-10-31-90-1.tinychen.io"
    standing = {node.full_name: node.full_name == was for node in intent_of().nodes}
    told = {
        node["metadata"]["name"]: node["metadata"]["annotations"]
        for node in objects.as_numbers(intent_of(**RACK), standing)
    }
    own = {"projectcalico.org/ASNumber": "65002"}
    assert told == {was: {}} | {f"k8s-calico-worker-10-31-90-{n}.tinychen.io": own for n in (5, 6)}
    assert objects.as_numbers(intent_of(), dict.fromkeys(standing, False)) == []


def test_a_node_that_has_not_joined_is_not_made_by_telling_its_as(intent_of: Any) -> None:
    there = "k8s-calico-worker-10-31-90-5.tinychen.io"
    told = objects.as_numbers(intent_of(**RACK), {there: False})
    assert [node["metadata"]["name"] for node in told] == [there]


def test_ttl_security_is_asked_of_both_ends(intent_of: Any) -> None:
    peers = objects.bgp(intent_of(groups={"routers": {"data": {"peering": {"ttl_security": True}}}}), None)[1:]
    assert [peer["spec"]["ttlSecurity"] for peer in peers] == [1, 1]


def test_the_pods_are_announced_with_the_communities_of_the_inventory(intent_of: Any) -> None:
    spec = objects.bgp(intent_of(), None)[0]["spec"]
    assert spec["communities"] == [{"name": "bgp-large-community", "value": "64517:300:100"}]
    assert spec["prefixAdvertisements"] == [
        {"cidr": "10.33.0.0/17", "communities": ["bgp-large-community", "64517:120"]}
    ]


def test_without_communities_none_is_named(intent_of: Any) -> None:
    spec = objects.bgp(intent_of(**fabric(communities=None, pod_communities=None)), None)[0]["spec"]
    assert not {"communities", "prefixAdvertisements"} & spec.keys()


def test_a_restart_time_is_said_to_the_peers_in_seconds(intent_of: Any) -> None:
    peers = objects.bgp(intent_of(**fabric(restart_seconds=45)), None)[1:]
    assert [peer["spec"]["maxRestartTime"] for peer in peers] == ["45s", "45s"]


@pytest.mark.parametrize("password", ["secret", "with space", "64517", "yes", "sharp # sign", "colon: here"])
def test_a_password_comes_with_its_secret_and_the_right_to_read_it(intent_of: Any, password: str) -> None:
    manifests = objects.bgp(intent_of(), password)
    assert names(manifests)[3:] == ["Secret kubepeer-bgp", "Role kubepeer-bgp", "RoleBinding kubepeer-bgp"]
    reference = {"name": "kubepeer-bgp", "key": "password"}
    assert all(peer["spec"]["password"] == {"secretKeyRef": reference} for peer in manifests[1:3])
    secret, role, binding = manifests[3:]
    assert secret["stringData"] == {"password": password}
    assert {manifest["metadata"]["namespace"] for manifest in (secret, role, binding)} == {"calico-system"}
    assert role["rules"][0]["resourceNames"] == ["kubepeer-bgp"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "calico-node", "namespace": "calico-system"}]


@pytest.mark.parametrize(
    "password",
    ["{{ braces }}", 'double " quote', "back\\slash", "it's <html> & more"],
)
def test_a_password_of_any_signs_arrives_as_it_is(intent_of: Any, password: str) -> None:
    assert by_name(objects.bgp(intent_of(), password), "kubepeer-bgp")["stringData"] == {"password": password}


def test_the_pool_leaves_out_the_last_address_and_nothing_else(intent_of: Any) -> None:
    [group] = objects.load_balancer(intent_of())
    assert (group["kind"], group["metadata"]) == ("ServiceGroup", {"name": "bgp-ippool", "namespace": "purelb"})
    assert group["spec"]["local"]["v4pool"] == {
        "subnet": "10.33.192.0/18",
        "pool": "10.33.192.0-10.33.255.254",
        "aggregation": "/32",
    }


WORKLOAD = [
    "Namespace nginx-quic",
    "Deployment nginx-quic-deployment",
    "Service nginx-headless-service",
    "Service nginx-quic-service",
    "Service nginx-clusterip-service",
    "Service nginx-lb-service",
    "Service nginx-lb2-service",
]
NEWER = {"internalTrafficPolicy", "allocateLoadBalancerNodePorts"}  # since 1.22 and 1.24 without a feature gate


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("1.20.2", set()),
        ("1.22.0", {"internalTrafficPolicy"}),
        ("1.24.0", NEWER),
        ("1.26.0", NEWER),
    ],
)
def test_the_workload_has_the_fields_that_its_version_knows(intent_of: Any, version: str, known: set[str]) -> None:
    manifests = objects.workload(intent_of(defaults_file={"data": {"software": {"kubernetes": version}}}))
    assert names(manifests) == WORKLOAD
    for service in manifests[5:]:
        assert service["spec"].keys() & NEWER == known
        assert service["metadata"]["annotations"] == {"purelb.io/service-group": "bgp-ippool"}


def test_one_balancer_asks_for_its_address_and_one_takes_what_comes(intent_of: Any) -> None:
    manifests = objects.workload(intent_of("lab"))
    assert by_name(manifests, "nginx-lb-service")["spec"]["loadBalancerIP"] == "10.33.192.80"
    assert "loadBalancerIP" not in by_name(manifests, "nginx-lb2-service")["spec"]
    deployment = by_name(manifests, "nginx-quic-deployment")["spec"]
    assert deployment["replicas"] == 4
    assert deployment["template"]["spec"]["containers"][0]["image"] == "docker.io/tinychen777/nginx-quic:latest"
    assert by_name(manifests, "nginx-headless-service")["spec"]["clusterIP"] == "None"
    assert by_name(manifests, "nginx-quic-service")["spec"]["ports"][0]["nodePort"] == 30088


def test_of_purelb_all_but_the_node_agent_is_applied() -> None:
    text = (CHECKOUT / "lab/standins/manifests/purelb-0.0.1/purelb-complete.yaml").read_text(encoding="utf-8")
    everything = objects.documents(text)
    left = objects.without_unwanted(everything)
    gone = [name for name in names(everything) if name not in names(left)]
    assert gone == ["DaemonSet lbnodeagent", "LBNodeAgent default"]
    assert {"Deployment allocator", "CustomResourceDefinition servicegroups.purelb.io"} <= set(names(left))


def test_lists_are_taken_apart_and_empty_documents_left_out() -> None:
    text = "---\n# nothing\n---\nkind: List\nitems: [{kind: A}, {kind: B}]\n---\nkind: C\n---\n"
    assert objects.documents(text) == [{"kind": "A"}, {"kind": "B"}, {"kind": "C"}]
