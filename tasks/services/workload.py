"""What of the workload can be tried, from the objects of the API. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubepeer.intent import Intent
from tasks.routes.expected import excluding_label, is_excluded
from tasks.services.matrix import Kind, Pod, Target, Workload

Manifest = Mapping[str, Any]
NAMESPACE = "nginx-quic"  # templates/cluster/workload.yaml.j2
SELECTOR = {"app": "nginx-quic"}
LOCAL_SERVICE = "kubepeer-verify-local"
OURS = {"app.kubernetes.io/managed-by": "kubepeer-verify-services"}
OWNER = "kubernetes.io/service-name"
# annotations by which a service asks for a pool, and not for a single address
POOLS = (
    "purelb.io/service-group",
    "metallb.io/address-pool",
    "metallb.universe.tf/address-pool",
    "projectcalico.org/ipv4pools",
)


def local_service(services: Iterable[Manifest]) -> Manifest | None:
    """A load balancer service of policy Local for the time of the test, with the pool of one that is there; None where there is none."""
    balanced = [one for one in services if one["spec"].get("type") == "LoadBalancer" and not is_ours(one)]
    if not balanced:
        return None
    asked: dict[str, str] = {}
    for one in balanced:
        asked |= {key: text for key, text in (one["metadata"].get("annotations") or {}).items() if key in POOLS}
    classes = {one["spec"]["loadBalancerClass"] for one in balanced if one["spec"].get("loadBalancerClass")}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": LOCAL_SERVICE,
            "namespace": NAMESPACE,
            "labels": dict(OURS),
            "annotations": asked,
        },
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "selector": dict(SELECTOR),
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
            **({"loadBalancerClass": min(classes)} if classes else {}),
        },
    }


def is_ours(service: Manifest) -> bool:
    """Whether a service was made for a test."""
    return OURS.items() <= (service["metadata"].get("labels") or {}).items()


def workload(
    intent: Intent,
    nodes: Iterable[Manifest],
    pods: Iterable[Manifest],
    services: Iterable[Manifest],
    slices: Iterable[Manifest],
) -> Workload:
    """What can be tried.

    Args:
        intent: for the nodes' names in the inventory.
        nodes: of the cluster.
        pods: of the workload's namespace.
        services: of the same.
        slices: EndpointSlices of the same.

    """
    pods, services, slices = list(pods), list(services), list(slices)
    names = {node.full_name: node.name for node in intent.nodes}
    members = {names.get(one["metadata"]["name"], one["metadata"]["name"]): one for one in nodes}
    addresses = {name: address for name, one in members.items() if (address := _internal(one))}
    found = [pod for one in pods if (pod := _pod(one, names))]
    endpoints = {service["metadata"]["name"]: _endpoints(service["metadata"]["name"], slices) for service in services}
    return Workload(
        pods=tuple(found),
        targets=(
            *(Target("pod", pod.address, node=pod.node) for pod in found),
            *(target for service in services for target in _targets(service, addresses)),
        ),
        endpoints=endpoints,
        nodes=addresses,
        excluded=frozenset(name for name, one in members.items() if _excludes(intent, one)),
        without={
            service["metadata"]["name"]: _why_none(service, pods)
            for service in services
            if not endpoints[service["metadata"]["name"]]
        },
    )


def _excludes(intent: Intent, node: Manifest) -> bool:
    """Whether nobody announces services from a Node: MetalLB's speakers heed the label with any value, Calico the exact one."""
    if intent.load_balancer.speaks:
        return excluding_label(node) is not None
    return is_excluded(node)


def _internal(node: Manifest) -> str:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return next((one["address"] for one in addresses if one["type"] == "InternalIP" and ":" not in one["address"]), "")


def _pod(one: Manifest, names: Mapping[str, str]) -> Pod | None:
    """A pod of the workload that has an address of IPv4 and stays; None of any other."""
    status, metadata = one.get("status") or {}, one["metadata"]
    selected = SELECTOR.items() <= (metadata.get("labels") or {}).items()
    addresses = [entry["ip"] for entry in status.get("podIPs") or () if ":" not in entry["ip"]]
    if not selected or metadata.get("deletionTimestamp") or not addresses or status.get("phase") != "Running":
        return None
    node = one["spec"]["nodeName"]
    return Pod(metadata["name"], addresses[0], names.get(node, node), _is_ready(one))


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _targets(service: Manifest, nodes: Mapping[str, str]) -> list[Target]:
    """The addresses of one service; a headless one has none of its own."""
    spec, name = service["spec"], service["metadata"]["name"]
    if spec.get("clusterIP") in (None, "", "None") or not spec.get("ports"):
        return []
    port, local = spec["ports"][0], spec.get("externalTrafficPolicy") == "Local"
    found: list[Target] = []
    if spec["type"] == "ClusterIP":
        found.append(Target("cluster-ip", spec["clusterIP"], port["port"], name))
    if port.get("nodePort") and (spec["type"] == "NodePort" or local):
        kind: Kind = "local-node-port" if local else "node-port"
        found += [Target(kind, address, port["nodePort"], name, node) for node, address in nodes.items()]
    balanced: Kind = "local" if local else "load-balancer"
    found += [Target(balanced, address, port["port"], name) for address in given_addresses(service)]
    return found


def given_addresses(service: Manifest) -> list[str]:
    """The addresses of IPv4 that a load balancer has given to a service."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [one["ip"] for one in ingress if one.get("ip") and ":" not in one["ip"]]


def owner_of(part: Manifest) -> str:
    """The service that an EndpointSlice belongs to."""
    return str((part["metadata"].get("labels") or {}).get(OWNER, ""))


def _endpoints(service: str, slices: Sequence[Manifest]) -> frozenset[str]:
    """The addresses of the ready endpoints; unknown means ready (discovery/v1, EndpointConditions)."""
    return frozenset(
        address
        for one in slices
        if owner_of(one) == service and one.get("addressType") == "IPv4"
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    )


def _why_none(service: Manifest, pods: Sequence[Manifest]) -> str:
    selector: Mapping[str, str] = service["spec"].get("selector") or {}
    shown = ",".join(f"{key}={value}" for key, value in selector.items())
    selected = [pod for pod in pods if selector.items() <= (pod["metadata"].get("labels") or {}).items()]
    if not selected:
        return f"no endpoints: its selector {shown} matches no pod"
    waiting = ", ".join(sorted(pod["metadata"]["name"] for pod in selected if not _is_ready(pod)))
    return f"no endpoints: no pod of {shown} is ready ({waiting})" if waiting else f"no endpoints for {shown} yet"
