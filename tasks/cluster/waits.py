"""Conditions of a cluster that a run waits for. Each gives "" when it holds, or what is still missing."""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from kubepeer.errors import CommandError, KubepeerError, UnreachableError
from tasks.cluster import obstacles
from tasks.cluster.api import ApiRefusal, KubernetesApi, Manifest

ASK_SECONDS = 0.5  # the API is asked again: a watch would end with each apiserver that a join restarts
LOOK_SECONDS = 5  # between two looks at what may make the waiting vain
LOGS = 3  # of so many crashed containers the log is read
SLICES = "/apis/discovery.k8s.io/v1"
SERVICE_NAME = "kubernetes.io/service-name"  # the label of an EndpointSlice
VAIN_RESTARTS = (
    4  # 10 + 20 + 40 s of the kubelet's back-off: time enough for what an operator may have to wait for itself
)


def until(
    problem: Callable[[], str],
    seconds: float,
    why: Callable[[], str] | None = None,
    vain: Callable[[], str] | None = None,
) -> None:
    """Wait until nothing is missing.

    Args:
        problem: what is missing, "" when nothing is.
        seconds: until it is given up.
        why: asked when it is given up; what stands in the way, or "".
        vain: asked now and then; why no waiting will help, or "".

    Raises:
        CommandError: the deadline has passed, or waiting is in vain; says what was still missing.

    """
    began = look = time.monotonic()
    while True:
        try:
            missing = problem()
        except UnreachableError as error:  # the virtual IP may be moving
            missing = error.message
        except ApiRefusal as refusal:  # etcd elects, an apiserver starts
            if not refusal.passing:
                raise
            missing = refusal.message
        if not missing:
            return
        now = time.monotonic()
        hopeless = ""
        if vain is not None and now >= look:
            hopeless, look = _asked(vain), now + LOOK_SECONDS
        if hopeless or now > began + seconds:
            reason = hopeless or _asked(why)
            raise CommandError(": ".join(filter(None, (f"after {now - began:.0f} s", missing, reason))))
        time.sleep(ASK_SECONDS)


def _asked(why: Callable[[], str] | None) -> str:
    try:
        return why() if why else ""
    except KubepeerError:
        return ""  # what is missing is said all the same


def trouble(api: KubernetesApi, *namespaces: str, pods: Collection[str] = (), nodes: Collection[str] = ()) -> str:
    """What keeps the pods of these namespaces from running: conditions of nodes, evictions, waiting containers, the last warnings.

    Args:
        api: the API.
        namespaces: whose pods and events are looked at.
        pods: where given, these pods alone.
        nodes: where given, these nodes alone, and the pods on them.

    """
    found: list[Manifest] = []
    events: list[Manifest] = []
    for namespace in namespaces:
        found += api.items(f"/api/v1/namespaces/{namespace}/pods")
        events += api.items(f"/api/v1/namespaces/{namespace}/events")
    if pods:
        found = [pod for pod in found if pod["metadata"]["name"] in pods]
    if nodes:
        found = [pod for pod in found if pod.get("spec", {}).get("nodeName") in nodes]
    logs = {
        (crash.namespace, crash.pod, crash.container): _last_log(api, crash)
        for crash in obstacles.crashes(found)[:LOGS]
    }
    seen_nodes = [one for one in api.items("/api/v1/nodes") if not nodes or one["metadata"]["name"] in nodes]
    return obstacles.told(obstacles.Seen(seen_nodes, found, events, logs, datetime.now(UTC)))


def _last_log(api: KubernetesApi, crash: obstacles.Crash) -> str:
    """What a container said before it crashed: the one before, or the one that has just ended."""
    arguments = (crash.namespace, crash.pod, crash.container)
    return api.log(*arguments, previous=True) or api.log(*arguments, previous=False)


class CrashLoop:
    """Tells when waiting is in vain: a container of a namespace crashes again and again.

    It gets a fair chance: only one that has been started anew since the waiting began is given up, and only after several restarts: what
    this run has put right shows at the next start.
    """

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self.api, self.namespace = api, namespace
        self._before: dict[str, int] | None = None

    def __call__(self) -> str:
        """Why no waiting will help, or ""."""
        pods = self.api.items(f"/api/v1/namespaces/{self.namespace}/pods")
        if self._before is None:
            self._before = {
                f"{pod['metadata']['name']}/{status['name']}": status.get("restartCount", 0)
                for pod in pods
                for status in obstacles.container_statuses(pod)
            }
        for crash in obstacles.crashes(pods):
            before = self._before.get(f"{crash.pod}/{crash.container}", 0)
            if crash.restarts >= VAIN_RESTARTS and crash.restarts > before:
                return trouble(self.api, self.namespace, pods=[crash.pod])
        return ""


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
