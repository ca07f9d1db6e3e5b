"""Conditions of a cluster that a run waits for. Each gives "" when it holds, or what is still missing."""

import time
from collections.abc import Callable, Sequence

from kubepeer.errors import CommandError, UnreachableError
from tasks.cluster.api import KubernetesApi

ASK_SECONDS = 0.5  # the API is asked again: a watch would end with each apiserver that a join restarts


def until(problem: Callable[[], str], seconds: float) -> None:
    """Wait until nothing is missing.

    Raises:
        CommandError: the deadline has passed; says what was still missing.

    """
    ends = time.monotonic() + seconds
    while True:
        try:
            missing = problem()
        except UnreachableError as error:  # the virtual IP may be moving
            missing = error.message
        if not missing:
            return
        if time.monotonic() > ends:
            raise CommandError(f"after {seconds:.0f} s: {missing}")
        time.sleep(ASK_SECONDS)


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


def tigera_status(api: KubernetesApi, name: str) -> str:
    """The operator says that a component of Calico is available."""
    found = api.get(f"/apis/operator.tigera.io/v1/tigerastatuses/{name}") or {}
    conditions = {condition["type"]: condition for condition in found.get("status", {}).get("conditions", [])}
    if conditions.get("Available", {}).get("status") == "True":
        return ""
    why = [
        str(c.get("message") or c.get("reason"))
        for kind, c in conditions.items()
        if kind != "Available" and c["status"] == "True"
    ]
    return f"Calico's {name} is not available{': ' + '; '.join(why) if why else ''}"


def nodes_ready(api: KubernetesApi, expected: Sequence[str]) -> str:
    """These nodes are Ready."""
    ready = set()
    for node in api.items("/api/v1/nodes"):
        states = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])}
        if states.get("Ready") == "True":
            ready.add(node["metadata"]["name"])
    missing = [name for name in expected if name not in ready]
    return f"not Ready: {', '.join(missing)}" if missing else ""


def static_pod(api: KubernetesApi, name: str, configuration: str) -> str:
    """A static pod of ours runs with this configuration, and is ready."""
    found = api.get(f"/api/v1/namespaces/kube-system/pods/{name}") or {"metadata": {}}
    if found["metadata"].get("annotations", {}).get("kubepeer.io/configuration") != configuration:
        return f"pod {name} does not run with its new configuration"
    states = {condition["type"]: condition["status"] for condition in found["status"].get("conditions", [])}
    return "" if states.get("Ready") == "True" else f"pod {name} is not ready"


def endpoints(api: KubernetesApi, namespace: str, name: str) -> str:
    """A service has at least one ready endpoint."""
    found = api.get(f"/api/v1/namespaces/{namespace}/endpoints/{name}") or {}
    addresses = [address for subset in found.get("subsets") or [] for address in subset.get("addresses") or []]
    return "" if addresses else f"service {namespace}/{name} has no endpoints"


def workload_answers(api: KubernetesApi) -> str:
    """The pods are available, every load balancer has its address, every service its endpoints."""
    if missing := deployment(api, "nginx-quic", "nginx-quic-deployment"):
        return missing
    for service in api.items("/api/v1/namespaces/nginx-quic/services"):
        name = service["metadata"]["name"]
        if service["spec"]["type"] == "LoadBalancer" and not service.get("status", {}).get("loadBalancer", {}).get(
            "ingress"
        ):
            return f"service nginx-quic/{name} has no address"
        if missing := endpoints(api, "nginx-quic", name):
            return missing
    return ""
