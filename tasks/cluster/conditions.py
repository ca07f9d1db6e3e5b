"""Conditions of a cluster that a run waits for. Each gives "" when it holds, or what is still missing."""

from collections.abc import Sequence

from tasks.cluster import obstacles
from tasks.cluster.api import KubernetesApi

SLICES = "/apis/discovery.k8s.io/v1"
SERVICE_NAME = "kubernetes.io/service-name"  # the label of an EndpointSlice


def deployment(api: KubernetesApi, namespace: str, name: str) -> str:
    """Every replica of a deployment is available."""
    found = api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    if found is None:
        return f"there is no deployment {namespace}/{name}"
    status, wanted = found.get("status", {}), found["spec"]["replicas"]
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return f"the change of {namespace}/{name} has not been taken up yet"
    # available may still be the pods of before: as `kubectl rollout status`, count the new ones too
    ready = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return "" if ready >= wanted else f"{ready} of {wanted} replicas of {namespace}/{name} are available"


def daemon_set(api: KubernetesApi, namespace: str, name: str, *, absent: int = 0) -> str:
    """Every pod of a daemon set is of its newest form and available.

    Args:
        api: the API.
        namespace: where it is.
        name: which.
        absent: how many nodes are away, whose pods nobody waits for.

    """
    found = api.get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
    if found is None:
        return f"there is no daemon set {namespace}/{name}"
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return f"the change of {namespace}/{name} has not been taken up yet"
    wanted = max(status.get("desiredNumberScheduled", 0) - absent, 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods of {namespace}/{name} have been replaced by the new form"
    return "" if available >= wanted else f"{available} of {wanted} pods of {namespace}/{name} are available"


def tigera_status(api: KubernetesApi, name: str, told: str = "") -> str:
    """The operator says that a component of Calico is available, and at rest.

    Args:
        api: the API.
        name: of the TigeraStatus.
        told: the path of the object that the operator is told by: what it says must be of the object's newest form.

    """
    found = api.get(f"/apis/operator.tigera.io/v1/tigerastatuses/{name}") or {}
    conditions = {condition["type"]: condition for condition in found.get("status", {}).get("conditions", [])}
    why = "; ".join(
        str(condition.get("message") or condition.get("reason"))
        for kind, condition in conditions.items()
        if kind != "Available" and condition["status"] == "True"
    )
    available = conditions.get("Available", {})
    if available.get("status") != "True":
        return f"Calico's {name} is not available{f': {why}' if why else ''}"
    if conditions.get("Progressing", {}).get("status") == "True":
        return f"Calico's {name} is being changed{f': {why}' if why else ''}"
    observed = available.get("observedGeneration")  # from operator 1.30 on
    if told and observed is not None:
        generation = ((api.get(told) or {}).get("metadata") or {}).get("generation", 0)
        if observed < generation:
            return f"Calico's operator has not taken up the change of {told.rpartition('/')[0].rpartition('/')[2]} yet"
    return ""


def nodes_ready(api: KubernetesApi, expected: Sequence[str]) -> str:
    """These nodes are Ready."""
    ready = {node["metadata"]["name"] for node in api.items("/api/v1/nodes") if obstacles.is_ready(node)}
    missing = [name for name in expected if name not in ready]
    return f"not Ready: {', '.join(missing)}" if missing else ""


def static_pod(api: KubernetesApi, name: str, configuration: str) -> str:
    """A static pod of ours runs with this configuration, and is ready."""
    found = api.get(f"/api/v1/namespaces/kube-system/pods/{name}") or {"metadata": {}}
    if found["metadata"].get("annotations", {}).get("kubepeer.io/configuration") != configuration:
        return f"pod {name} does not run with its new configuration"
    return "" if obstacles.is_ready(found) else f"pod {name} is not ready"


def endpoints(api: KubernetesApi, namespace: str, name: str) -> str:
    """A service has at least one ready endpoint."""
    slices = api.get(f"{SLICES}/namespaces/{namespace}/endpointslices", {"labelSelector": f"{SERVICE_NAME}={name}"})
    ready = [
        endpoint
        for one in (slices or {}).get("items") or []
        for endpoint in one.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready") is not False  # unknown is ready (discovery/v1)
    ]
    return "" if ready else f"service {namespace}/{name} has no endpoints"


def workload_answers(api: KubernetesApi, *, addresses: bool = True) -> str:
    """The pods are available, every service has its endpoints, and its address where somebody gives addresses."""
    if missing := deployment(api, "nginx-quic", "nginx-quic-deployment"):
        return missing
    for service in api.items("/api/v1/namespaces/nginx-quic/services"):
        name = service["metadata"]["name"]
        given = service.get("status", {}).get("loadBalancer", {}).get("ingress")
        if addresses and service["spec"]["type"] == "LoadBalancer" and not given:
            return f"service nginx-quic/{name} has no address"
        if missing := endpoints(api, "nginx-quic", name):
            return missing
    return ""
