"""Evict the pods of a node by the eviction API, which respects PodDisruptionBudgets, and wait until they are gone."""

from nornir.core.task import Result, Task

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError, RefusedError, UnreachableError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import waits
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.differences import CONFLICT
from tasks.cluster.refusal import NOT_FOUND, ApiRefusal
from tasks.drain import pods
from tasks.drain.look import pods_of, pods_on
from tasks.drain.selection import EVICTION_SECONDS, node_of

POLICY, OLD_POLICY = "policy/v1", "policy/v1beta1"  # from Kubernetes 1.22 on; before
TERMINATING = "being terminated"  # of a namespace: its pods go by themselves


@hands_over(gives=ASKED_API)
def evict(task: Task, run: Run) -> Result:
    """Let every pod go that is neither a DaemonSet's nor a static one, as fast as the budgets allow.

    Raises:
        RefusedError: a pod has come that may not go unless the command line says so.
        CommandError: the deadline has passed; says which pods are left, and why each is.

    """
    api, node = open_api(run), node_of(run)
    found = pods_of(api, run, node)
    if found.refused:
        raise RefusedError(f"no pod was evicted: {'; '.join(found.refused)}", host=node.name)
    if run.options.dry_run:
        return done(task, [pods.change_of(pod) for pod in found.leave if not _on_its_way(pod)])
    evicting = Evicting(api, run, found.leave)
    seconds = float(run.options.further.get("timeout", EVICTION_SECONDS))
    try:
        waits.until(evicting, seconds)
    except CommandError as error:
        cure = "run again to go on; what has been evicted stays away" + (
            ": a budget that never allows it is the owner's to change" if evicting.blocked else ""
        )
        raise CommandError(f"{error.message}", host=node.name, cure=cure) from error
    return done(task, evicting.changes, summary=f"{len(found.stay)} stay")


class Evicting:
    """What is still missing, asked again and again: each time what may go is told to go."""

    def __init__(self, api: KubernetesApi, run: Run, leave: tuple[pods.Pod, ...]) -> None:
        self._api, self._run = api, run
        self._wanted = {pod["metadata"]["uid"] for pod in leave}
        self._told: set[str] = set()
        self._version = POLICY if api.get(f"/apis/{POLICY}") else OLD_POLICY
        self.blocked: dict[str, str] = {}
        self.changes: list[Change] = []

    def __call__(self) -> str:
        """The pods that are left, with what keeps each; "" when none is."""
        left = [pod for pod in pods_on(self._api, node_of(self._run)) if pod["metadata"]["uid"] in self._wanted]
        self.blocked = {}
        for pod in left:
            if pod["metadata"]["uid"] not in self._told and not _on_its_way(pod):
                self._evict(pod)
        if not left:
            return ""
        ending = [pod for pod in left if pods.name_of(pod) not in self.blocked]
        said = [f"{name}: {why}" for name, why in self.blocked.items()]
        if ending:
            said.append(f"{pods.names_of(ending)}: told to go, and not ended yet")
        missing = f"pods are left on {node_of(self._run).name}: {'; '.join(said)}"
        waiting(missing)
        return missing

    def _evict(self, pod: Manifest) -> None:
        change, grace = pods.change_of(pod), self._run.options.further.get("grace_period")
        about_to_change((change,))
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
        try:
            self._api.call("POST", path, body=pods.eviction(pod, self._version, grace))
        except UnreachableError as error:  # it may have been heard: the next look tells
            self.blocked[pods.name_of(pod)] = error.message
        except ApiRefusal as refusal:
            if refusal.status in (NOT_FOUND, CONFLICT):
                return  # it is gone, or another has its name: the next look tells
            if not refusal.passing and TERMINATING not in refusal.said:
                raise
            self.blocked[pods.name_of(pod)] = refusal.said
        else:
            self._told.add(metadata["uid"])
            self.changes.append(change)
            made(change)


def _on_its_way(pod: pods.Pod) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
