"""What of the workload can be tried, and who tries what."""

from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.services.matrix import Source, cells, not_tried
from tasks.services.workload import LOCAL_SERVICE, NAMESPACE, is_ours, local_service, workload
from tests.unit.routes.intents import intent
from tests.unit.services.parts import TARGETS, source
from tests.unit.services.parts import workload as small

EVERYONE = ["10.33.26.2", "10.33.12.2"]


def members() -> Intent:
    return intent(a="10.31.90.4", b="10.31.90.5")


def node(name: str, address: str, **labels: str) -> dict[str, Any]:
    addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
    return {"metadata": {"name": name, "labels": labels}, "status": {"addresses": addresses}}


NODES = [node("a.example.org", "10.31.90.4"), node("b.example.org", "10.31.90.5"), node("guest", "10.31.90.9")]


def pod(name: str, address: str, where: str, *, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": "nginx-quic"}} | metadata,
        "spec": {"nodeName": where},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": "fd00::2"}, {"ip": address}],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


PODS = [pod("one", "10.33.26.2", "a.example.org"), pod("two", "10.33.12.2", "b.example.org", ready="False")]


def service(name: str, kind: str, cluster_ip: str, *, ingress: str = "", **spec: Any) -> dict[str, Any]:
    port = {"port": spec.pop("port", 80), "nodePort": spec.pop("node_port", 0)}
    status = {"loadBalancer": {"ingress": [{"ip": ingress}]} if ingress else {}}
    spec = {"type": kind, "clusterIP": cluster_ip, "ports": [port], "selector": {"app": "nginx-quic"}} | spec
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec, "status": status}


SERVICES = [
    service("headless", "ClusterIP", "None"),
    service("inside", "ClusterIP", "10.33.128.5", port=8080),
    service("ports", "NodePort", "10.33.128.6", port=8080, node_port=30088),
    service("balanced", "LoadBalancer", "10.33.128.7", ingress="10.33.192.80", node_port=31000),
    service("waiting", "LoadBalancer", "10.33.128.8", node_port=31001),
    service(
        "here", "LoadBalancer", "10.33.128.9", ingress="10.33.192.1", node_port=31002, externalTrafficPolicy="Local"
    ),
]


def slice_of(name: str, *endpoints: tuple[str, bool]) -> dict[str, Any]:
    listed = [{"addresses": [address], "conditions": {"ready": ready}} for address, ready in endpoints]
    labels = {"kubernetes.io/service-name": name}
    return {"metadata": {"labels": labels, "namespace": NAMESPACE}, "addressType": "IPv4", "endpoints": listed}


SLICES = [
    slice_of(name, ("10.33.26.2", True), ("10.33.12.2", False)) for name in ("inside", "ports", "balanced", "here")
]


def test_each_kind_of_address_is_found_with_its_node() -> None:
    found = workload(members(), NODES, PODS, SERVICES, SLICES)
    assert {str(target): target.node for target in found.targets} == {
        "pod 10.33.26.2": "a",
        "pod 10.33.12.2": "b",
        "cluster-ip 10.33.128.5:8080": "",
        "node-port 10.31.90.4:30088": "a",
        "node-port 10.31.90.5:30088": "b",
        "node-port 10.31.90.9:30088": "guest",
        "load-balancer 10.33.192.80": "",
        "local-node-port 10.31.90.4:31002": "a",
        "local-node-port 10.31.90.5:31002": "b",
        "local-node-port 10.31.90.9:31002": "guest",
        "local 10.33.192.1": "",
    }
    assert found.endpoints["inside"] == {"10.33.26.2"}
    assert [one.ready for one in found.pods] == [True, False]


def test_pods_that_go_or_are_somebody_elses_are_left_out() -> None:
    others = [
        pod("going", "10.33.26.3", "a.example.org", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("foreign", "10.33.26.4", "a.example.org", labels={"app": "other"}),
        {"metadata": {"name": "new", "labels": {"app": "nginx-quic"}}, "spec": {}, "status": {"phase": "Pending"}},
    ]
    assert [one.name for one in workload(members(), NODES, [*PODS, *others], [], []).pods] == ["one", "two"]


@pytest.mark.parametrize(
    ("value", "entrances"), [("true", {"a"}), ("", {"a", "b"})], ids=["excluded", "as kubeadm labels"]
)
def test_a_node_with_the_excluding_label_is_no_entrance(value: str, entrances: set[str]) -> None:
    label = {"node.kubernetes.io/exclude-from-external-load-balancers": value}
    labelled = node("b.example.org", "10.31.90.5", **label)
    assert workload(members(), [NODES[0], labelled], PODS, [], []).entrances == entrances


def test_a_service_without_endpoints_says_why() -> None:
    lost = service("lost", "ClusterIP", "10.33.128.5", selector={"app": "none"})
    found = workload(members(), NODES, PODS[1:], [*SERVICES, lost], [slice_of("inside", ("10.33.12.2", False))])
    assert found.without["lost"] == "no endpoints: its selector app=none matches no pod"
    assert found.without["inside"] == "no endpoints: no pod of app=nginx-quic is ready (two)"


def test_the_local_service_takes_the_pool_and_not_the_address_of_another() -> None:
    asks = service("one", "LoadBalancer", "10.33.128.7", loadBalancerClass="purelb.io/purelb")
    asks["metadata"]["annotations"] = {
        "purelb.io/service-group": "pool",
        "purelb.io/addresses": "10.33.192.80",
        "note": "mine",
    }
    made = local_service([asks, *SERVICES[:3]])
    assert made is not None
    assert is_ours(made)
    assert made["metadata"]["name"] == LOCAL_SERVICE
    assert made["metadata"]["annotations"] == {"purelb.io/service-group": "pool"}
    assert made["spec"]["externalTrafficPolicy"] == "Local"
    assert made["spec"]["loadBalancerClass"] == "purelb.io/purelb"
    assert local_service([*SERVICES[:3], made]) is None


def counts(who: str, **options: Any) -> dict[str, int]:
    made = cells(source(who), small(), **{"connections": 300} | options)
    names = {target: name for name, target in TARGETS.items()}
    return {("full " if cell.full else "") + names[cell.target]: cell.connections for cell in made}


def test_from_outside_load_balancers_get_the_connections_that_are_counted_and_the_path_is_filled() -> None:
    assert counts("client") == {
        "pod on worker-4": 2,
        "pod on worker-5": 2,
        "cluster-ip": 40,
        "node-port on worker-4": 8,
        "node-port on worker-5": 8,
        "load-balancer": 300,
        "local": 40,
        "local-node-port on worker-4": 8,
        "local-node-port on worker-5": 8,
        "full pod on worker-4": 40,
        "full pod on worker-5": 40,
        "full load-balancer": 40,
    }


def test_from_a_pod_few_are_enough_and_with_ipvs_the_local_service_is_left_out() -> None:
    assert "load-balancer" in counts("pod on worker-4")
    assert counts("pod on worker-4")["load-balancer"] == 8
    assert not [name for name in counts("pod on worker-4", ipvs=True) if name.startswith("local")]
    assert "local" in counts("client", ipvs=True)


def test_a_local_node_port_is_tried_where_it_has_an_endpoint() -> None:
    found = small(endpoints={"kubepeer-verify-local": frozenset({"10.33.26.2"})})
    made = [
        cell.target.node
        for cell in cells(source("client"), found, connections=1)
        if cell.target.kind == "local-node-port"
    ]
    assert made == ["worker-4"]


def test_what_was_not_tried_is_said() -> None:
    outside, inside = Source("outside", "router"), [Source("node", "a"), Source("pod", "a", "10.33.26.2", 1)]
    assert list(not_tried([outside, *inside], probes=True, ipvs=False, silent={})) == []
    (line,) = not_tried([outside, *inside], probes=False, ipvs=False, silent={})
    assert line.startswith("no host is in the group probes: the routers try instead")
    (line,) = not_tried(inside, probes=False, ipvs=False, silent={})
    assert "nothing was tried from outside of the cluster" in line
    assert list(not_tried([outside], probes=True, ipvs=True, silent={"switch": "it cannot"}))[::2] == [
        "nothing was tried from pods",
        "switch: it cannot",
    ]
