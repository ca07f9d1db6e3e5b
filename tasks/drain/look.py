"""The first look of drain.py and undrain.py: the machine's lock, the Node, what depends on its label; and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, RefusedError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import API_SECONDS, ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.drained import before, is_cordoned, is_drained
from tasks.control_plane.peers import Peers
from tasks.drain import pods, safety
from tasks.drain.pods import Sorted
from tasks.drain.safety import Leaving
from tasks.drain.selection import node_of
from tasks.linux import run_lock
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.routes.cluster import items, read_objects
from tasks.routes.expected import ClusterObjects, is_excluded

LEAVING = Memory[tuple[Leaving, ...]]("what the routers show of the node only while it is not excluded")
NODES = "/api/v1/nodes"
NOTHING = "Nothing was changed."


@hands_over(gives=(OTHER_RUN,))
def observe(task: Task, run: Run) -> Result:
    """Connect to the node, and see whether another run is at work there."""
    seen = ask(open_shell(run.nornir, task.host.name), {"run lock": run_lock.question(wait=not run.options.dry_run)})
    look_for_others(run, task.host.name, run_lock.other_run(seen["run lock"]))
    return done(task)


@hands_over(needs=(OTHER_RUN,), gives=(LEAVING, *ASKED_API))
def preflight_drain(task: Task, run: Run, *, stays: bool = False) -> Result:
    """Refuse, with every reason at once, where taking the node out would take something with it.

    Args:
        task: the node's.
        run: the running run.
        stays: its machine is not switched off.

    Raises:
        RefusedError: it would; nothing was changed.

    """
    refuse_beside_another(run)
    api, node = open_api(run, wait_seconds=API_SECONDS), node_of(run)
    found = Cluster.read(api, run, node)
    routes = found.leaving(run)
    run.keep(LEAVING, routes)
    sorted_pods = pods_of(api, run, node)
    reasons = [*found.reasons(run, api, routes, stays=stays), *sorted_pods.refused]
    if reasons:
        raise RefusedError(f"cannot be drained: {'; '.join(reasons)}. {NOTHING}", host=node.name)
    warn_of_pods(run, sorted_pods, found.objects)
    return done(task, summary=told(sorted_pods, routes))


def remember_leaving(run: Run) -> None:
    """Read anew what the node announces as one of many."""
    run.keep(LEAVING, Cluster.read(open_api(run), run, node_of(run)).leaving(run))


def warn_of_pods(run: Run, found: Sorted, objects: ClusterObjects) -> None:
    """Tell of the pods that may lose what they are asked while the node is taken out."""
    if hasty := pods.stop_at_once(found.leave, objects.services):
        run.warn(
            f"{pods.names_of(hasty)}: no preStop hook: attempts that come between the pod's end and kube-proxy's knowing of it are refused "
            "(docs/drain.md)"
        )
    if stubborn := pods.behind_services(filter(pods.comes_back, found.stay), objects.services):
        run.warn(
            f"{pods.names_of(stubborn)}: stays, since it tolerates the cordon and would come back here at once: what it serves ends when "
            "the node is switched off (docs/drain.md)"
        )


@hands_over(needs=(OTHER_RUN,), gives=(LEAVING, *ASKED_API))
def preflight_undrain(task: Task, run: Run) -> Result:
    """Read what stood before the node was drained; what somebody else has done to it is told, and left alone."""
    refuse_beside_another(run)
    api, node = open_api(run, wait_seconds=API_SECONDS), node_of(run)
    found = Cluster.read(api, run, node)
    stood = before(found.node)
    run.keep(LEAVING, found.leaving(run))
    if stood is None and (is_cordoned(found.node) or is_excluded(found.node)):
        run.warn(f"{node.name} was not drained by drain.py: what it is cordoned or excluded by is somebody else's")
    elif stood and stood.unschedulable:
        run.warn(f"{node.name} was cordoned before it was drained, and stays so: kubectl uncordon {node.full_name}")
    return done(task, summary="" if stood else "not drained")


def refuse_beside_others(api: KubernetesApi, run: Run) -> None:
    """Judge once more, when the node says that it is being drained: of two that begin at the same moment one sees the other.

    Raises:
        RefusedError: with the other one out this one may not go.

    """
    found = Cluster.read(api, run, node_of(run))
    if reasons := found.reasons(run, api, found.leaving(run)):
        raise RefusedError(f"cannot be drained: {'; '.join(reasons)}", host=node_of(run).name)


@dataclass(frozen=True)
class Cluster:
    """What decides whether a node may go.

    Attributes:
        node: as the cluster has it.
        objects: that decide what is announced; a node that is being drained counts as excluded, whether it is so far or not.

    """

    intent: Node
    node: Manifest
    objects: ClusterObjects

    @classmethod
    def read(cls, api: KubernetesApi, run: Run, node: Node) -> "Cluster":
        """Ask the API.

        Raises:
            CommandError: the cluster has no such node.

        """
        objects = read_objects(api)
        stands = next((dict(one) for one in objects.nodes if one["metadata"]["name"] == node.full_name), None)
        if stands is None:
            raise CommandError(
                f"{run.intent.cluster.name} has no node {node.full_name}. {NOTHING}",
                host=node.name,
                cure="python runbooks/deploy.py makes it a member",
            )
        return cls(node, stands, safety.with_drained(objects))

    def leaving(self, run: Run) -> tuple[Leaving, ...]:
        """What the node announces as one of many; nothing where it was excluded before it was drained, and stays so."""
        stood = before(self.node)
        if (stood.label == "true") if stood else is_excluded(self.node):
            return ()
        calico, families = run.intent.software.calico, run.intent.cluster.networks.versions
        return safety.leaving(self.objects, self.intent.full_name, calico, families)

    def reasons(self, run: Run, api: KubernetesApi, routes: Sequence[Leaving], *, stays: bool = False) -> list[str]:
        """Why the node may not go.

        Args:
            run: the running run.
            api: the cluster's.
            routes: what it announces as one of many.
            stays: its machine is not switched off: the only member of etcd is away for a moment at most, and no other could serve.

        """
        found = safety.last_next_hops(routes)
        if self.intent.role == "control_plane" and run.intent.kubeadm.external_etcd is None:
            drained = {one["metadata"]["name"] for one in self.objects.nodes if is_drained(one)}
            away = [one for one in run.intent.control_planes if one.full_name in drained and one != self.intent]
            registered = {one["metadata"]["name"] for one in self.objects.nodes}
            members = Peers(run, self.intent, api, registered).members
            if not (stays and len(members) == 1):
                found += filter(None, [safety.without_quorum(self.intent, members, away)])
        return found


def pods_of(api: KubernetesApi, run: Run, node: Node) -> Sorted:
    """The pods of a node, judged by what the command line allows."""
    given = run.options.further
    return pods.sort(
        pods_on(api, node), force=bool(given.get("force")), local_data=bool(given.get("delete_emptydir_data"))
    )


def pods_on(api: KubernetesApi, node: Node) -> list[Manifest]:
    """All pods of a node."""
    found = items(api, "/api/v1/pods", {"fieldSelector": f"spec.nodeName={node.full_name}"})
    return [dict(pod) for pod in found]


def told(found: Sorted, routes: Sequence[Leaving]) -> str:
    """What goes with the node, for the phase's line."""
    leave, stay, count = len(found.leave), len(found.stay), len(routes)
    return f"pods: {leave} to evict, {stay} stay; prefixes: {count}"
