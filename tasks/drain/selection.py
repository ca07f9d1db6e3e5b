"""What a person says to drain.py and undrain.py: one node, and what of its pods may be lost."""

from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import replace

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent, Node
from kubepeer.opening import Opening
from kubepeer.run import Run

EVICTION_SECONDS = (
    300  # a pod has 30 s to end, unless its owner says otherwise, and a budget may let go one after the other
)


def for_undrain(parser: ArgumentParser) -> None:
    """The one argument that both have."""
    parser.add_argument("node", metavar="NODE", help="the node: its host in the inventory, or its full name")


def for_drain(parser: ArgumentParser) -> None:
    """The arguments of drain.py."""
    for_undrain(parser)
    for_pods(parser)


def for_pods(parser: ArgumentParser) -> None:
    """What of a node's pods may be lost; the names are those of kubectl drain."""
    add = parser.add_argument
    add("--force", action="store_true", help="evict also pods that no controller would start elsewhere")
    add("--delete-emptydir-data", action="store_true", help="evict also pods that lose what is in an emptyDir")
    add(
        "--grace-period",
        type=int,
        metavar="SECONDS",
        help="that a pod has to end (default: its own terminationGracePeriodSeconds)",
    )
    add(
        "--timeout",
        type=float,
        default=EVICTION_SECONDS,
        metavar="SECONDS",
        help=f"for all pods to leave the node (default: {EVICTION_SECONDS})",
    )


def by_name(given: CommandLine, intent: Intent) -> CommandLine:
    """The node that was named, as the selection of the run.

    Raises:
        UsageError: there is no such node, or hosts and groups were named as well.

    """
    if given.groups or given.hosts:
        raise UsageError("--group and --host have no meaning here: NODE is what is changed. Nothing was contacted.")
    name = given.further["node"]
    found = [node for node in intent.nodes if name in (node.name, node.full_name)]
    if not found:
        names = ", ".join(node.name for node in intent.nodes)
        raise UsageError(f"No node is called {name}. Nodes: {names}. Nothing was contacted.")
    return replace(given, hosts=(found[0].name,))


DRAIN = Opening(arguments=for_drain, selection=by_name)
UNDRAIN = Opening(arguments=for_undrain, selection=by_name)


def node_of(run: Run) -> Node:
    """The node of the run."""
    return next(node for node in run.intent.nodes if node.name in run.chosen)


def the_node(run: Run) -> Iterable[str]:
    """The one node, for a phase."""
    return [node_of(run).name]


def its_routers(run: Run) -> Iterable[str]:
    """The routers that serve it."""
    return list(node_of(run).routers)


def all_of_them(run: Run) -> Iterable[str]:
    """Node and routers: where one of them has failed, nothing goes on."""
    return [*the_node(run), *its_routers(run)]
