"""The objects of the cluster, by intent and by version."""

from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.cluster import bgp_objects, objects, undeclared
from tasks.cluster.balancers import provided, purelb
from tasks.cluster.schema import definition_of

CHECKOUT = Path(__file__).resolve().parents[3]


def names(manifests: list[dict[str, Any]]) -> list[str]:
    return [f"{manifest['kind']} {manifest['metadata']['name']}" for manifest in manifests]


def fabric(**bgp: Any) -> dict[str, Any]:
    return {"groups": {"fabric": {"data": {"cluster": {"bgp": bgp}}}}}


def pool_of(intent: Intent) -> list[dict[str, Any]]:
    return provided.of(intent).objects(intent, None)


def by_name(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(manifest for manifest in manifests if manifest["metadata"]["name"] == name)


def calico(version: str, **more: Any) -> dict[str, Any]:
    return {"defaults_file": {"data": {"software": {"calico": version, **more}}}}


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def test_the_operator_is_told_the_pod_network_of_the_inventory(intent_of: Any) -> None:
    manifests = objects.calico(intent_of())
    assert names(manifests) == ["Installation default", "APIServer default"]
    network = manifests[0]["spec"]["calicoNetwork"]
    assert network["bgp"] == "Enabled"
    # with firstFound left to the operator's default, both would stand and the operator refuses
    assert network["nodeAddressAutodetectionV4"] == {"firstFound": False, "kubernetes": "NodeInternalIP"}
    assert "linuxDataplane" not in network
    assert network["ipPools"] == [
        {
            "blockSize": 24,
            "cidr": "10.33.0.0/17",
            "disableBGPExport": False,
            "encapsulation": "VXLANCrossSubnet",
            "natOutgoing": "Enabled",
            "nodeSelector": "all()",
        }
    ]


def test_there_is_one_peer_a_router_and_no_mesh(intent_of: Any) -> None:
    manifests = bgp_objects.bgp(intent_of(), None)
    assert names(of_kind(manifests, "BGPPeer")) == ["BGPPeer openwrt-peer", "BGPPeer tiny-unraid-peer"]
    [configuration] = [manifest["spec"] for manifest in of_kind(manifests, "BGPConfiguration")]
    assert (configuration["nodeToNodeMeshEnabled"], configuration["asNumber"]) == (False, 64517)
    assert configuration["serviceClusterIPs"] == [{"cidr": "10.33.128.0/18"}]
    assert configuration["serviceLoadBalancerIPs"] == [{"cidr": "10.33.192.0/18"}]
    assert "serviceExternalIPs" not in configuration
    peers = [(peer["spec"]["peerIP"], peer["spec"]["asNumber"]) for peer in of_kind(manifests, "BGPPeer")]
    assert peers == [("10.31.254.253", 64512), ("10.31.100.100", 64516)]


def test_a_peer_of_ours_keeps_the_original_next_hop_and_bears_our_label(intent_of: Any) -> None:
    for peer in of_kind(bgp_objects.bgp(intent_of(**calico("3.24.5")), None), "BGPPeer"):
        assert peer["spec"].keys() == {"peerIP", "asNumber", "keepOriginalNextHop"}
        assert peer["spec"]["keepOriginalNextHop"] is True
        assert peer["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kubepeer"}


RACK = {
    "hosts": {f"k8s-calico-worker-10-31-90-{n}": {"data": {"as_number": 65002, "routers": ["openwrt"]}} for n in (5, 6)}
}


def test_felix_writes_its_rules_as_kube_proxy_does(intent_of: Any) -> None:
    [installation, _] = objects.calico(intent_of(**calico("3.29.0", proxy_mode="nftables", kubernetes="1.32.0")))
    assert installation["spec"]["calicoNetwork"]["linuxDataplane"] == "Nftables"


def test_a_router_that_serves_some_nodes_is_the_peer_of_those_alone_by_their_label(intent_of: Any) -> None:
    openwrt, unraid = of_kind(bgp_objects.bgp(intent_of(**RACK), None), "BGPPeer")
    assert "nodeSelector" not in openwrt["spec"]
    assert unraid["spec"]["nodeSelector"] == "has(router.kubepeer.io/tiny-unraid)"


def test_a_label_has_at_most_63_signs_and_tells_long_names_apart() -> None:
    assert bgp_objects.label_of("tiny-unraid") == "router.kubepeer.io/tiny-unraid"
    long, other = bgp_objects.label_of("r" * 63 + "1"), bgp_objects.label_of("r" * 63 + "2")
    assert long != other
    assert len(long.partition("/")[2]) == 63


def standing(intent: Any, **of: bgp_objects.StandingNode) -> dict[str, bgp_objects.StandingNode]:
    """All nodes as they come; those named by their number, as said."""
    return {node.full_name: of.get(f"n{node.name[-1]}", bgp_objects.StandingNode()) for node in intent.nodes}


def borne(manifests: list[dict[str, Any]]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """A node's number -> the routers whose labels it is to have, its annotations."""
    return {
        node["metadata"]["name"].partition(".")[0][-1]: (
            [label.rpartition("/")[2] for label in node["metadata"]["labels"]],
            node["metadata"]["annotations"],
        )
        for node in manifests
    }


def test_nodes_have_the_labels_of_the_routers_that_serve_them_and_an_as_of_their_own(intent_of: Any) -> None:
    intent = intent_of(**RACK)
    told = borne(bgp_objects.nodes(intent, standing(intent), keep_labels=False))
    own = {"projectcalico.org/ASNumber": "65002"}
    assert told == {n: (["tiny-unraid"], {}) for n in "1234"} | {n: ([], own) for n in "56"}


def test_a_node_that_was_of_another_as_is_told_so_no_more(intent_of: Any) -> None:
    intent = intent_of()
    assert bgp_objects.nodes(intent, standing(intent), keep_labels=False) == []
    told = bgp_objects.nodes(intent, standing(intent, n1=bgp_objects.StandingNode(own_as=True)), keep_labels=False)
    assert borne(told) == {"1": ([], {})}


def test_a_label_stays_while_a_peer_may_refer_to_it_and_goes_then(intent_of: Any) -> None:
    intent = intent_of()
    was = standing(intent, n4=bgp_objects.StandingNode(labels=frozenset({"router.kubepeer.io/tiny-unraid"})))
    assert borne(bgp_objects.nodes(intent, was, keep_labels=True)) == {"4": (["tiny-unraid"], {})}
    assert borne(bgp_objects.nodes(intent, was, keep_labels=False)) == {"4": ([], {})}


def test_a_node_that_has_not_joined_is_not_made_by_telling_it(intent_of: Any) -> None:
    there = "k8s-calico-worker-10-31-90-5.tinychen.io"
    told = bgp_objects.nodes(intent_of(**RACK), {there: bgp_objects.StandingNode()}, keep_labels=True)
    assert [node["metadata"]["name"] for node in told] == [there]


def test_of_a_standing_node_what_is_ours_is_read() -> None:
    metadata = {
        "labels": {"router.kubepeer.io/openwrt": "true", "kubernetes.io/os": "linux"},
        "annotations": {bgp_objects.AS_NUMBER: "1"},
    }
    assert bgp_objects.standing_node(metadata) == bgp_objects.StandingNode(
        own_as=True, labels=frozenset({"router.kubepeer.io/openwrt"})
    )
    assert bgp_objects.standing_node({}) == bgp_objects.StandingNode()


def test_a_node_announces_its_own_blocks_alone_where_calico_can_say_so(intent_of: Any) -> None:
    manifests = bgp_objects.bgp(intent_of(**calico("3.27.0")), None)
    assert names(manifests)[:2] == ["BGPConfiguration default", "BGPFilter kubepeer-own-blocks"]
    assert manifests[1]["spec"] == {
        "exportV4": [
            {"action": "Reject", "cidr": "10.33.0.0/17", "interface": interface, "matchOperator": "In"}
            for interface in ("eth0", "vxlan.calico")
        ]
    }
    assert all(peer["spec"]["filters"] == ["kubepeer-own-blocks"] for peer in manifests[2:])


def test_every_interface_that_leads_to_other_nodes_is_filtered_once(intent_of: Any) -> None:
    hosts = {f"k8s-calico-worker-10-31-90-{n}": {"data": {"interface": "bond0.100"}} for n in (5, 6)}
    manifests = bgp_objects.bgp(intent_of(**calico("3.32.1"), hosts=hosts), None)
    rules = by_name(manifests, "kubepeer-own-blocks")["spec"]["exportV4"]
    assert [rule["interface"] for rule in rules] == ["eth0", "bond0.100", "vxlan.calico"]


@pytest.mark.parametrize("version", ["3.24.5", "3.26.9"])
def test_where_calico_cannot_filter_by_interface_there_is_no_filter(intent_of: Any, version: str) -> None:
    manifests = bgp_objects.bgp(intent_of(**calico(version)), None)
    assert "BGPFilter" not in {manifest["kind"] for manifest in manifests}
    assert not any("filters" in manifest["spec"] for manifest in manifests)


def test_ttl_security_is_asked_of_both_ends(intent_of: Any) -> None:
    groups = {"routers": {"data": {"peering": {"ttl_security": True}}}}
    peers = of_kind(bgp_objects.bgp(intent_of("today", groups=groups), None), "BGPPeer")
    assert [peer["spec"]["ttlSecurity"] for peer in peers] == [1, 1]


def test_the_pods_are_announced_with_the_communities_of_the_inventory(intent_of: Any) -> None:
    spec = by_name(bgp_objects.bgp(intent_of(), None), "default")["spec"]
    assert spec["communities"] == [{"name": "bgp-large-community", "value": "64517:300:100"}]
    assert spec["prefixAdvertisements"] == [
        {"cidr": "10.33.0.0/17", "communities": ["bgp-large-community", "64517:120"]}
    ]


def test_without_communities_none_is_named(intent_of: Any) -> None:
    spec = by_name(bgp_objects.bgp(intent_of(**fabric(communities=None, pod_communities=None)), None), "default")[
        "spec"
    ]
    assert not {"communities", "prefixAdvertisements"} & spec.keys()


def test_a_restart_time_is_said_to_the_peers_in_seconds(intent_of: Any) -> None:
    peers = of_kind(bgp_objects.bgp(intent_of(**fabric(restart_seconds=45)), None), "BGPPeer")
    assert [peer["spec"]["maxRestartTime"] for peer in peers] == ["45s", "45s"]


@pytest.mark.parametrize("password", ["secret", "with space", "64517", "yes", "sharp # sign", "colon: here"])
def test_a_password_comes_with_its_secret_and_the_right_to_read_it(intent_of: Any, password: str) -> None:
    manifests = bgp_objects.bgp(intent_of(), password)
    # before the peers that refer to it: without it they would come up unsigned, and go down again
    assert names(manifests)[:3] == ["Secret kubepeer-bgp", "Role kubepeer-bgp", "RoleBinding kubepeer-bgp"]
    reference = {"name": "kubepeer-bgp", "key": "password"}
    assert all(peer["spec"]["password"] == {"secretKeyRef": reference} for peer in of_kind(manifests, "BGPPeer"))
    secret, role, binding = manifests[:3]
    assert secret["stringData"] == {"password": password}
    assert {manifest["metadata"]["namespace"] for manifest in (secret, role, binding)} == {"calico-system"}
    assert role["rules"][0]["resourceNames"] == ["kubepeer-bgp"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "calico-node", "namespace": "calico-system"}]


@pytest.mark.parametrize(
    "password",
    ["{{ braces }}", 'double " quote', "back\\slash", "it's <html> & more"],
)
def test_a_password_of_any_signs_arrives_as_it_is(intent_of: Any, password: str) -> None:
    assert by_name(bgp_objects.bgp(intent_of(), password), "kubepeer-bgp")["stringData"] == {"password": password}


def test_the_pool_leaves_out_the_last_address_and_nothing_else(intent_of: Any) -> None:
    [group] = pool_of(intent_of(defaults_file={"data": {"software": {"purelb": "0.6.4"}}}))
    assert (group["kind"], group["metadata"]) == ("ServiceGroup", {"name": "bgp-ippool", "namespace": "purelb"})
    assert group["spec"]["local"]["v4pool"] == {
        "subnet": "10.33.192.0/18",
        "pool": "10.33.192.0-10.33.255.254",
        "aggregation": "/32",
    }


@pytest.mark.parametrize(
    ("version", "namespace", "api", "form"),
    [
        ("0.6.4", "purelb", "purelb.io/v1", "local"),
        ("0.13.0", "purelb", "purelb.io/v1", "local"),
        ("0.14.1", "purelb-system", "purelb.io/v1", "local"),
        ("0.16.6", "purelb-system", "purelb.io/v2", "remote"),
    ],
)
def test_the_pool_has_the_form_and_the_namespace_of_its_version(
    intent_of: Any, version: str, namespace: str, api: str, form: str
) -> None:
    [group] = pool_of(intent_of(defaults_file={"data": {"software": {"purelb": version}}}))
    assert (group["metadata"]["namespace"], group["apiVersion"], list(group["spec"])) == (namespace, api, [form])


@pytest.mark.parametrize(("version", "by_annotation"), [("0.6.4", False), ("0.14.1", True), ("0.16.6", True)])
def test_an_address_is_asked_for_as_the_version_wants_it(intent_of: Any, version: str, *, by_annotation: bool) -> None:
    manifests = objects.workload(intent_of(defaults_file={"data": {"software": {"purelb": version}}}))
    service, other = by_name(manifests, "nginx-lb-service"), by_name(manifests, "nginx-lb2-service")
    group = {"purelb.io/service-group": "bgp-ippool"}
    assert service["metadata"]["annotations"] == ({"purelb.io/addresses": "10.33.192.80"} if by_annotation else group)
    assert service["spec"].get("loadBalancerIP") == (None if by_annotation else "10.33.192.80")
    assert other["metadata"]["annotations"] == group


WORKLOAD = [
    "Namespace nginx-quic",
    "Deployment nginx-quic-deployment",
    "Service nginx-headless-service",
    "Service nginx-quic-service",
    "Service nginx-clusterip-service",
    "Service nginx-lb-service",
    "Service nginx-lb2-service",
]


@pytest.mark.parametrize("defaults", ["seed", "today"])
def test_the_workload_has_the_fields_of_the_tutorials_manifest(intent_of: Any, defaults: str) -> None:
    manifests = objects.workload(intent_of(defaults))
    assert names(manifests) == WORKLOAD
    for service in manifests[5:]:
        assert service["spec"].keys() >= {"internalTrafficPolicy", "allocateLoadBalancerNodePorts"}


def test_the_workload_is_that_of_the_tutorial(intent_of: Any) -> None:
    manifests = objects.workload(intent_of("lab"))
    deployment = by_name(manifests, "nginx-quic-deployment")["spec"]
    assert deployment["replicas"] == 4
    assert deployment["template"]["spec"]["containers"][0]["image"] == "docker.io/tinychen777/nginx-quic:latest"
    assert by_name(manifests, "nginx-headless-service")["spec"]["clusterIP"] == "None"
    assert by_name(manifests, "nginx-quic-service")["spec"]["ports"][0]["nodePort"] == 30088


def test_of_purelb_all_but_the_node_agent_is_applied() -> None:
    files = list((CHECKOUT / "lab/standins/manifests").rglob("purelb-complete.yaml"))
    assert files
    for file in files:
        everything = objects.documents(file.read_text(encoding="utf-8"))
        left = purelb.without_unwanted(everything)
        gone = [name for name in names(everything) if name not in names(left)]
        assert gone == ["DaemonSet lbnodeagent", "LBNodeAgent default"], file
        assert {"Deployment allocator", "CustomResourceDefinition servicegroups.purelb.io"} <= set(names(left))


def test_lists_are_taken_apart_and_empty_documents_left_out() -> None:
    text = "---\n# nothing\n---\nkind: List\nitems: [{kind: A}, {kind: B}]\n---\nkind: C\n---\n"
    assert objects.documents(text) == [{"kind": "A"}, {"kind": "B"}, {"kind": "C"}]


@pytest.mark.parametrize(("calico_version", "purelb_version"), [("3.24.5", "0.0.1"), ("3.32.1", "0.16.6")])
def test_the_manifests_of_the_lab_define_every_kind_of_ours_with_all_its_fields(
    calico_version: str, purelb_version: str, intent_of: Any
) -> None:
    """The refusal in preflight asks them: what they had not would be refused there."""
    folders = [f"calico-{calico_version}", f"purelb-{purelb_version}"]
    files = [file for one in folders for file in (CHECKOUT / "lab/standins/manifests" / one).glob("*.yaml")]
    every = [one for file in files for one in objects.documents(file.read_text(encoding="utf-8"))]
    intent = intent_of("lab", **calico(calico_version, purelb=purelb_version))
    assert undeclared.reasons(intent, every) == []
    assert all(definition_of(one, every) for one in undeclared.written_by_us(intent))
