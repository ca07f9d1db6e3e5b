"""The first looks of remove_node.py: the hosts, the cluster, etcd's members; and what is refused before anything is changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, LoginRefusedError, RefusedError, UnreachableError
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import obstacles, waits
from tasks.cluster.access import API_SECONDS, ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.drained import is_drained
from tasks.control_plane.etcd import Member
from tasks.control_plane.peers import Peers
from tasks.control_plane.record import SETTINGS
from tasks.drain import look, pods
from tasks.drain import safety as drain_safety
from tasks.drain.look import LEAVING, NODES, NOTHING, pods_of
from tasks.drain.safety import Leaving
from tasks.drain.selection import node_of
from tasks.linux.connect import answers
from tasks.linux.holding import OTHER_RUN, refuse_beside_another
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.observe import OBSERVED
from tasks.observe import observe as observe_host
from tasks.removal import etcd_data, safety
from tasks.removal.selection import MEMBERS, STANDS, changing, is_dead, remaining
from tasks.routes.cluster import read_objects
from tasks.routes.expected import ClusterObjects

# the controller manager calls a node that says nothing NotReady after 40 s (50 from Kubernetes 1.32 on); it looks every 5 s
SILENT_SECONDS = 90


@hands_over(gives=(*OBSERVED, SETTINGS))
def observe(task: Task, run: Run) -> Result:
    """Connect, and ask what the phases must know; of a machine that is said to be gone, only whether it answers.

    Raises:
        RefusedError: it answers.
        UnreachableError: a host does not, and is not said to be gone.

    """
    node = node_of(run)
    if task.host.name != node.name:
        return observe_host(task, changing(run))
    if is_dead(run):
        if answers(task.host):
            raise RefusedError(
                f"it answers, and --dead is for a machine that is gone. {NOTHING}",
                host=node.name,
                cure="leave --dead out; what answers there and cannot be used must be switched off first",
            )
        return done(task, summary="does not answer, as was said")
    try:
        return observe_host(task, changing(run))
    except UnreachableError as error:
        if not isinstance(error, LoginRefusedError):
            error.cure = "; ".join(filter(None, (error.cure, "if the machine is gone for good, --dead removes it")))
        raise


@hands_over(needs=(OTHER_RUN,), gives=(LEAVING, MEMBERS, STANDS, *ASKED_API))
def preflight(task: Task, run: Run) -> Result:
    """Refuse, with every reason at once, where removing the node would take something with it.

    Raises:
        RefusedError: it would; nothing was changed.

    """
    refuse_beside_another(changing(run))
    api, node = open_api(run, wait_seconds=API_SECONDS), node_of(run)
    found = Cluster.read(api, node)
    routes = () if is_dead(run) else found.leaving(run)
    run.keep(STANDS, found.node is not None)
    run.keep(MEMBERS, frozenset(str(one["metadata"]["name"]) for one in found.objects.nodes))
    run.keep(LEAVING, routes)
    sorted_pods = pods_of(api, run, node)
    reasons = [*found.reasons(run, api, routes), *(() if is_dead(run) or not found.node else sorted_pods.refused)]
    reasons += filter(None, [_foreign_etcd(run, api, found)])
    if reasons:
        raise RefusedError(f"cannot be removed: {'; '.join(reasons)}. {NOTHING}", host=node.name)
    _warn(run, sorted_pods, found)
    if is_dead(run) and found.node is not None:
        _wait_until_silent(run, api, found.node)
        return done(task, summary=f"pods: {len(sorted_pods.leave) + len(sorted_pods.stay)} are lost")
    return done(task, summary=look.told(sorted_pods, routes) if found.node else "is no node of the cluster any more")


def _foreign_etcd(run: Run, api: KubernetesApi, found: "Cluster") -> str:
    """Why the machine may not be reset: its folder of etcd has somebody else's data; "" where it has not."""
    if is_dead(run):
        return ""
    seen = etcd_data.read(ask(open_shell(run.nornir, found.intent.name), etcd_data.QUESTIONS))
    if seen.copies:
        run.warn(f"lost with {found.intent.name}: {seen.lost}")
    if not seen.entries:
        return ""
    registered = {one["metadata"]["name"] for one in found.objects.nodes}
    ours = Peers(run, found.intent, api, registered).cluster if run.intent.kubeadm.stacked_etcd else None
    return etcd_data.foreign(seen, ours)


def refuse_with_others(api: KubernetesApi, run: Run) -> None:
    """Judge once more, when the node says that it is being taken out: of two that begin at the same moment one sees the other.

    Raises:
        RefusedError: with the other one out this one may not go.

    """
    found = Cluster.read(api, node_of(run))
    if reasons := found.reasons(run, api, found.leaving(run)):
        raise RefusedError(f"cannot be removed: {'; '.join(reasons)}", host=node_of(run).name)


@dataclass(frozen=True)
class Cluster:
    """What decides whether a node may go.

    Attributes:
        intent: of the node.
        node: as the cluster has it; None where it has it no more.
        objects: that decide what is announced; a node that is being drained counts as excluded.

    """

    intent: Node
    node: Manifest | None
    objects: ClusterObjects

    @classmethod
    def read(cls, api: KubernetesApi, node: Node) -> "Cluster":
        """Ask the API."""
        objects = read_objects(api)
        stands = next((dict(one) for one in objects.nodes if one["metadata"]["name"] == node.full_name), None)
        return cls(node, stands, drain_safety.with_drained(objects))

    def leaving(self, run: Run) -> tuple[Leaving, ...]:
        """What the node announces as one of many; nothing where the cluster has it no more."""
        return look.Cluster(self.intent, self.node, self.objects).leaving(run) if self.node else ()

    def reasons(self, run: Run, api: KubernetesApi, routes: Sequence[Leaving]) -> list[str]:
        """Why the node may not go."""
        registered = {one["metadata"]["name"] for one in self.objects.nodes}
        found = [*safety.reasons(run.intent, self.intent, registered), *drain_safety.last_next_hops(routes)]
        if self.intent.role == "control_plane" and run.intent.kubeadm.stacked_etcd and not found:
            found += filter(None, [self._quorum(run, Peers(run, self.intent, api, registered).members)])
        return found

    def _quorum(self, run: Run, members: Sequence[Member]) -> str:
        drained = {one["metadata"]["name"] for one in self.objects.nodes if is_drained(one)}
        away = [one for one in run.intent.control_planes if one.full_name in drained and one != self.intent]
        return safety.without_quorum(self.intent, members, away)


def _warn(run: Run, found: pods.Sorted, cluster: Cluster) -> None:
    if not is_dead(run):
        look.warn_of_pods(run, found, cluster.objects)
    else:
        warn_of_lost(run, node_of(run), (*found.leave, *found.stay))
    members = run.recall(MEMBERS) or frozenset()
    if no_more := [one.name for one in run.intent.nodes if one != cluster.intent and one.full_name not in members]:
        run.warn(
            f"{', '.join(no_more)}: in the inventory, and no node of the cluster: what is left is set up and proved without"
        )
    if node_of(run).role == "control_plane" and (said := safety.even(remaining(run).intent)):
        run.warn(said)


def warn_of_lost(run: Run, node: Node, found: Sequence[pods.Pod]) -> None:
    """Tell of the pods of a dead machine that nobody starts elsewhere, or that had data there."""
    if lost := pods.sort(found, force=False, local_data=False).refused:
        run.warn(f"lost with {node.name}: {'; '.join(line.partition(' (--')[0] for line in lost)}")


def _wait_until_silent(run: Run, api: KubernetesApi, node: Manifest) -> None:
    """A machine may be cut off from here alone: as long as its kubelet reports to the API it is not dead.

    Raises:
        RefusedError: it still reports.

    """
    name, own = str(node["metadata"]["name"]), node_of(run)

    if run.options.dry_run:
        if obstacles.is_ready(node):
            run.warn(f"{name} is still Ready: a run waits until the API calls it silent, at most {SILENT_SECONDS} s")
        return
    began = time.monotonic()
    if not falls_silent(api, name):
        raise RefusedError(
            f"its kubelet has reported to the API for {time.monotonic() - began:.0f} s more: the machine lives. {NOTHING}",
            host=own.name,
            cure="switch it off, or mend the way from here to it and leave --dead out",
        )


def falls_silent(api: KubernetesApi, name: str) -> bool:
    """Whether the API calls a node no longer Ready, within the time that it needs for one whose kubelet does not report any more."""

    def reports() -> str:
        stands = api.get(f"{NODES}/{name}")
        if stands is None or not obstacles.is_ready(stands):
            return ""
        waiting(said := f"{name} is Ready")
        return said

    try:
        waits.until(reports, SILENT_SECONDS)
    except CommandError:
        return False
    return True
