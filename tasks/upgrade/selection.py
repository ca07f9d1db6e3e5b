"""What a person says to upgrade.py, and which hosts its phases are for."""

import argparse
from collections.abc import Iterable, Sequence

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent, Node
from kubepeer.memory import Memory
from kubepeer.phases import nodes
from kubepeer.run import Run
from tasks import batches
from tasks.control_plane.record import SETTINGS
from tasks.drain.selection import for_pods
from tasks.nodes.facts import FACTS
from tasks.upgrade import containerd
from tasks.upgrade.seen import VERSIONS, NodeVersions

BY = "upgrade.py"  # what a Node's annotation says of who has drained it
OUT = Memory[frozenset[str]]("the nodes that an earlier run of the upgrade has taken out, and not brought back")
BATCH = "1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    parser.add_argument(
        "--batch",
        type=batches.checked,
        default=BATCH,
        metavar=batches.FORMS,
        help=f"workers that are taken out at the same time: a number, a share of them, or a rack (default: {BATCH})",
    )
    parser.add_argument(
        "--containerd",
        action="store_true",
        help="the container runtime, too: on each node while it is drained, to the archive of the inventory or the newest package",
    )
    parser.add_argument(
        "--calico",
        action="store_true",
        help="Calico, too, to software.calico: definitions, operator, then every node in turn",
    )
    parser.add_argument(
        "--load-balancer",
        action="store_true",
        help="who gives services their addresses, too, to the inventory's version",
    )
    for_pods(parser)


def checked(given: CommandLine, intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: a batch would be all workers; something of the whole cluster was asked for of some hosts.

    """
    if intent.cluster.adopted:
        raise UsageError("upgrade.py is not for a cluster that Kubepeer did not build. Nothing was contacted.")
    if (given.hosts or given.groups) and (given.further.get("calico") or given.further.get("load_balancer")):
        what = "--calico" if given.further.get("calico") else "--load-balancer"
        raise UsageError(
            f"{what} is for the whole cluster: it goes with no --host and no --group. Nothing was contacted."
        )
    named = {*given.hosts}
    workers = [node for node in intent.workers if not named or given.groups or node.name in named]
    batches.refuse_all_at_once(intent.workers, workers, given.further["batch"])
    return given


def every_node(run: Run) -> Iterable[str]:
    """All nodes of the inventory: what one may have depends on what the others have."""
    return [node.name for node in run.intent.nodes]


def every_router(run: Run) -> Iterable[str]:
    """All routers."""
    return [router.name for router in run.intent.routers]


def everyone(run: Run) -> Iterable[str]:
    """All hosts: where one of them has failed, nothing goes on."""
    return [*every_node(run), *every_router(run)]


def whole(run: Run) -> Run:
    """The same run for what is asked of the whole cluster, whatever was chosen."""
    return run.selecting(frozenset(run.nornir.inventory.hosts), filtered=False)


def versions_of(run: Run, name: str) -> NodeVersions:
    """What a node was seen to have; nothing where it was not looked at."""
    return run.recall(VERSIONS, of=name) or NodeVersions()


def wanted(run: Run) -> str:
    """The version that the inventory says."""
    return run.intent.software.kubernetes


def behind(run: Run) -> list[Node]:
    """The chosen nodes that have not got all of the wanted version, or not the runtime that was asked for."""
    return [
        node
        for node in run.intent.nodes
        if node.name in run.chosen and (not _is_through(run, node) or runtime_behind(run, node))
    ]


def runtime_behind(run: Run, node: Node) -> bool:
    """Whether another version of the container runtime is asked for, and there for a node."""
    facts = run.recall(FACTS, of=node.name)
    if facts is None or not run.options.further.get("containerd"):
        return False
    settings = run.recall(SETTINGS, of=node.name)
    pending = (
        settings is not None and containerd.UNIT in settings.restarts
    )  # cut off between the new program and the restart
    return pending or containerd.is_behind(run.intent, versions_of(run, node.name), facts.containerd, facts.repository)


def _is_through(run: Run, node: Node) -> bool:
    seen = versions_of(run, node.name)
    return seen.current(wanted(run)) and (node.role != "control_plane" or seen.applied(wanted(run)))


def nodes_behind(run: Run) -> Iterable[str]:
    """Those that have not got the wanted version of Kubernetes, for a phase."""
    return [node.name for node in behind(run) if not _is_through(run, node)]


def control_planes_behind(run: Run) -> list[str]:
    """The control planes that kubeadm has not brought to the wanted version, the first one first."""
    return [
        node.name
        for node in run.intent.control_planes
        if node.name in run.chosen and not versions_of(run, node.name).applied(wanted(run))
    ]


def one_that_plans(run: Run) -> Iterable[str]:
    """The first control plane, before kubeadm upgrades it: kubeadm's own plan is of use only then."""
    return [name for name in control_planes_behind(run) if name == run.intent.control_planes[0].name]


def one_that_speaks(run: Run) -> Iterable[str]:
    """The first control plane, while any node is behind or out."""
    out = run.recall(OUT)
    return [run.intent.control_planes[0].name] if out or behind(run) else []


def one_that_saves(run: Run) -> Iterable[str]:
    """The first control plane, while any control plane is behind; of somebody else's etcd nobody."""
    first = [run.intent.control_planes[0].name]
    return first if control_planes_behind(run) and run.intent.kubeadm.stacked_etcd else []


def each_control_plane(run: Run) -> Sequence[Sequence[str]]:
    """One after the other, each whole before the next: etcd has lost none but one of its members at any moment."""
    return [[name] for name in control_planes_behind(run)]


def each_kubelet_of_a_control_plane(run: Run) -> Sequence[Sequence[str]]:
    """One after the other, too; whoever is out already comes first."""
    out = run.recall(OUT) or frozenset()
    found = [node for node in run.intent.control_planes if _has_its_turn(run, node, out)]
    return batches.split(found, "1", out=tuple(out))


def batches_of_workers(run: Run) -> Sequence[Sequence[str]]:
    """As many at a time as the command line says."""
    out = run.recall(OUT) or frozenset()
    found = [node for node in run.intent.workers if _has_its_turn(run, node, out)]
    return batches.split(found, run.options.further.get("batch", BATCH), out=tuple(out))


def _has_its_turn(run: Run, node: Node, out: frozenset[str]) -> bool:
    behind_in_any = not versions_of(run, node.name).current(wanted(run)) or runtime_behind(run, node)
    return node.name in run.chosen and (node.name in out or behind_in_any)


def the_batch(run: Run) -> Iterable[str]:
    """The nodes whose turn it is."""
    return nodes(run)


def with_containerd(run: Run) -> Iterable[str]:
    """The same, where the container runtime goes with them."""
    return nodes(run) if run.options.further.get("containerd") else []


def with_calico(run: Run) -> Iterable[str]:
    """The first control plane, where Calico's upgrade was asked for."""
    return [run.intent.control_planes[0].name] if run.options.further.get("calico") else []


def with_load_balancer(run: Run) -> Iterable[str]:
    """The first control plane, where the load balancer's was."""
    return [run.intent.control_planes[0].name] if run.options.further.get("load_balancer") else []


def routers_after_calico(run: Run) -> Iterable[str]:
    """All routers, where Calico's was."""
    return every_router(run) if run.options.further.get("calico") else []


def routers_of_the_batch(run: Run) -> Iterable[str]:
    """The routers that serve any of them."""
    served = {name for node in run.intent.nodes if node.name in run.chosen for name in node.routers}
    return [router.name for router in run.intent.routers if router.name in served]
