"""Waiting for a condition of a cluster, and what stood in its way when it does not come."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from kubepeer.errors import CommandError, KubepeerError, UnreachableError
from tasks.cluster import obstacles
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.refusal import ApiRefusal

ASK_SECONDS = 0.5  # the API is asked again: a watch would end with each apiserver that a join restarts
LOOK_SECONDS = 5  # between two looks at what may make the waiting vain
LOGS = 3  # of so many crashed containers the log is read
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
