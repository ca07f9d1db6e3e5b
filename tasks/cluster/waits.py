"""Conditions of a cluster that a run waits for. Each gives "" when it holds, or what is still missing."""

import time
from collections.abc import Callable, Sequence

from kubepeer.errors import CommandError, KubepeerError, UnreachableError
from tasks.cluster.api import KubernetesApi, Manifest

SHOWN_PODS, SHOWN_SIGNS = 3, 300  # of what keeps pods from running: it is one line
ASK_SECONDS = 0.5  # the API is asked again: a watch would end with each apiserver that a join restarts


def until(problem: Callable[[], str], seconds: float, why: Callable[[], str] | None = None) -> None:
    """Wait until nothing is missing.

    Args:
        problem: what is missing, "" when nothing is.
        seconds: until it is given up.
        why: asked when it is given up; what stands in the way, or "".

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
            raise CommandError(": ".join(filter(None, (f"after {seconds:.0f} s", missing, _asked(why)))))
        time.sleep(ASK_SECONDS)


def _asked(why: Callable[[], str] | None) -> str:
    try:
        return why() if why else ""
    except KubepeerError:
        return ""  # what is missing is said all the same


def trouble(api: KubernetesApi, namespace: str) -> str:
    """What keeps pods of a namespace from running: the kubelet's or the scheduler's last warning of each, with its node."""
    base = f"/api/v1/namespaces/{namespace}"
    warnings: dict[str, str] = {}
    events = [event for event in api.items(f"{base}/events") if event["type"] == "Warning"]
    for event in sorted(events, key=lambda event: event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]):
        warnings[event["involvedObject"]["name"]] = f"{event['reason']}: {' '.join(event['message'].split())}"
    found = [
        f"{pod['metadata']['name']} on {pod['spec'].get('nodeName', 'no node')}: {warnings[pod['metadata']['name']]}"
        for pod in api.items(f"{base}/pods")
        if pod["metadata"]["name"] in warnings and not _is_ready(pod)
    ]
    more = f" (and {len(found) - SHOWN_PODS} more)" if len(found) > SHOWN_PODS else ""
    return "; ".join(line[:SHOWN_SIGNS] for line in found[:SHOWN_PODS]) + more


def _is_ready(found: Manifest) -> bool:
    """Whether a node or a pod says Ready."""
    conditions = {condition["type"]: condition["status"] for condition in found["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


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
    ready = {node["metadata"]["name"] for node in api.items("/api/v1/nodes") if _is_ready(node)}
    missing = [name for name in expected if name not in ready]
    return f"not Ready: {', '.join(missing)}" if missing else ""


def static_pod(api: KubernetesApi, name: str, configuration: str) -> str:
    """A static pod of ours runs with this configuration, and is ready."""
    found = api.get(f"/api/v1/namespaces/kube-system/pods/{name}") or {"metadata": {}}
    if found["metadata"].get("annotations", {}).get("kubepeer.io/configuration") != configuration:
        return f"pod {name} does not run with its new configuration"
    return "" if _is_ready(found) else f"pod {name} is not ready"


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
