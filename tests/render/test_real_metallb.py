"""What is expected of MetalLB's speakers is what real ones tell a router: by native BGP, with a password, every rule changed once."""

import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.build import metallb as build
from lab.places import Cache
from tasks.cluster.balancers import provided
from tasks.cluster.documents import documents
from tasks.routes import metallb, metallb_cluster
from tests.conftest import unavailable, untouched
from tests.render.bird_network import bird_program, namespaces_possible
from tests.render.speaking import NAMESPACE, ROUTER, SECONDS, Cluster, cluster, speakers

NODES = {"m1": "10.31.90.1", "w4": "10.31.90.4", "w5": "10.31.90.5"}
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
NETWORK = IPv4Network("10.33.192.0/18")
PASSWORD = "tutorial"
ADVERTISEMENT = ("bgpadvertisements.metallb.io", "kubepeer")
ENDS = {"ready": False, "serving": True, "terminating": True}
SERVICES: dict[str, tuple[str, str, dict[str, dict[str, bool]]]] = {
    "everywhere": ("10.33.192.80", "Cluster", {"w4": {"ready": True}}),
    "local": ("10.33.192.81", "Local", {"w5": {"ready": True}, "w4": {"ready": False}}),
    "ending": ("10.33.192.82", "Local", {"w4": ENDS}),
    "nowhere": ("10.33.192.83", "Cluster", {"w4": {"ready": False}}),
    "excluded": ("10.33.192.84", "Local", {"m1": {"ready": True}}),
}


def node(name: str, address: str) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": name} | (
        {EXCLUDED: ""} if name == "m1" else {}
    )  # as kubeadm labels control planes
    status = {"addresses": [{"type": "InternalIP", "address": address}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status}


def service(name: str) -> Iterator[dict[str, Any]]:
    address, policy, endpoints = SERVICES[name]
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": policy, "ports": [{"port": 80}]}
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    status = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status}
    listed = [
        {"addresses": [f"10.33.1.{number}"], "nodeName": on, "conditions": conditions}
        for number, (on, conditions) in enumerate(endpoints.items(), start=1)
    ]
    labels = {"kubernetes.io/service-name": name}
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata | {"labels": labels},
        "addressType": "IPv4",
        "ports": [{"port": 80}],
        "endpoints": listed,
    }


def ours(cache: Cache, intent_of: Any) -> Iterator[dict[str, Any]]:
    """MetalLB's manifest without what runs and without its webhooks, whose server does not run here; and what we tell it."""
    data = {
        "software": {"metallb": build.METALLB.version},
        "manifests": {"metallb": build.MANIFEST},
        "load_balancer": {"provider": "metallb", "announced_by": "metallb", "communities": ["64517:80"]},
    }
    intent = intent_of("today", defaults_file={"data": data})
    for one in documents((build.served(cache) / build.MANIFEST).read_text(encoding="utf-8")):
        if one["kind"] in ("Namespace", "CustomResourceDefinition"):
            one.get("spec", {}).pop("conversion", None)
            yield one
    yield from provided.of(intent).objects(intent, PASSWORD)


@pytest.fixture(scope="module")
def cache_with_metallb(cache: Cache) -> Cache:
    if not namespaces_possible() or not bird_program(cache):
        unavailable("network namespaces and a BIRD are needed: as root, python -m lab build")
    if not (cache.programs("kubernetes") / "kube-apiserver").exists():
        unavailable("the lab has not built its Kubernetes: python -m lab build")
    if not (build.served(cache) / build.MANIFEST).exists() or not (cache.programs("metallb") / "speaker").exists():
        pytest.skip("MetalLB is not here, of the lab's optional programs: python -m lab package metallb")
    return cache


def expected(cluster: Cluster) -> dict[str, set[str]]:
    objects = metallb_cluster.read_objects(cluster)
    routes = metallb.announced(objects, IPv4Address(ROUTER), NETWORK).routes
    return {str(route.prefix): {str(hop) for hop in route.next_hops} for route in routes}


def agree(cluster: Cluster, what: str, routes: dict[str, set[str]]) -> None:
    """The router has these routes, and they are the expected ones."""
    assert expected(cluster) == routes, what
    ends = time.monotonic() + SECONDS
    while (seen := cluster.announced()) != routes:
        assert time.monotonic() < ends, f"{what}: the router has {seen}"
        time.sleep(0.2)  # the deadline is the wait


def test_what_is_expected_is_what_real_speakers_announce(
    cache_with_metallb: Cache, intent_of: Any, tmp_path: Path
) -> None:
    cache, w4, w5 = cache_with_metallb, NODES["w4"], NODES["w5"]
    every = {"10.33.192.80/32": {w4, w5}, "10.33.192.81/32": {w5}, "10.33.192.82/32": {w4}}
    without_w4 = {"10.33.192.80/32": {w5}, "10.33.192.81/32": {w5}}
    assert untouched("lab").software.metallb is None  # the shipped lab has PureLB
    with cluster(cache, NODES, tmp_path, bird_program(cache), PASSWORD) as found:
        manifest = list(ours(cache, intent_of))
        found.make(*[one for one in manifest if one["kind"] in ("Namespace", "CustomResourceDefinition")])
        found("wait", "crd", "--all", "--for=condition=Established", f"--timeout={SECONDS}s")
        found.make(*[one for one in manifest if one["kind"] not in ("Namespace", "CustomResourceDefinition")])
        found.make(*[node(name, address) for name, address in NODES.items()])
        found.make(*[one for name in SERVICES for one in service(name)])
        with speakers(cache, found, NODES):
            agree(found, "as it was made", every)

            def told(**spec: Any) -> None:
                found.patch(*ADVERTISEMENT, {"spec": spec}, "--namespace", NAMESPACE)

            told(aggregationLength=24)
            agree(found, "aggregated", {"10.33.192.0/24": {w4, w5}})
            told(aggregationLength=32, nodeSelectors=[{"matchLabels": {"kubernetes.io/hostname": "w5"}}])
            agree(found, "from one node", without_w4)
            told(nodeSelectors=None, peers=["tiny-unraid"])
            agree(found, "for another router", {})
            told(peers=["openwrt"])
            agree(found, "for this router", every)
            found("label", "node", "w4", f"{EXCLUDED}=false")
            agree(found, "a node is excluded, whatever the value", without_w4)
            found("label", "node", "w4", f"{EXCLUDED}-")
            agree(found, "it is let in again", every)
            unavailable_network = {"conditions": [{"type": "NetworkUnavailable", "status": "True"}]}
            found.patch("node", "w4", {"status": unavailable_network}, "--subresource=status")
            agree(found, "its network is unavailable", without_w4)
