"""What a person says to remove_node.py, and which hosts its phases are for."""

from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import replace

from kubepeer.memory import Memory
from kubepeer.opening import Opening
from kubepeer.run import Run
from tasks.control_plane.membership import MEMBER
from tasks.drain.selection import by_name, for_drain, its_routers, node_of, the_node
from tasks.endpoint import one_that_asks
from tasks.removal.remaining import of_members, without
from tasks.routes.nodes import nodes_to_ask
from tasks.routes.tasks import routers_to_ask

MEMBERS = Memory[frozenset[str]]("the full names of the nodes that the cluster has")
STANDS = Memory[bool]("whether the cluster still has the Node")


def for_removal(parser: ArgumentParser) -> None:
    """Those of drain.py, and one more."""
    for_drain(parser)
    parser.add_argument(
        "--dead",
        action="store_true",
        help="the machine is gone for good and does not answer: it is neither drained nor cleaned",
    )


REMOVAL = Opening(arguments=for_removal, selection=by_name)


def is_dead(run: Run) -> bool:
    """Whether the command line says that the machine is gone."""
    return bool(run.options.further.get("dead"))


def remaining(run: Run) -> Run:
    """The same run of the cluster without the node: every other host is meant that is a node of it, and every router."""
    intent, members = without(run.intent, node_of(run).name), run.recall(MEMBERS)
    if members is not None:
        intent = of_members(intent, members)
    gone = {node.name for node in run.intent.nodes} - {node.name for node in intent.nodes}
    return replace(run, intent=intent, chosen=frozenset(run.nornir.inventory.hosts) - gone, filtered=False)


def changing(run: Run) -> Run:
    """The same run of the machines that it may change: the node, and beside a control plane the other ones."""
    node = node_of(run)
    others = [one.name for one in run.intent.control_planes if one != node] if node.role == "control_plane" else []
    return replace(run, chosen=frozenset((*([] if is_dead(run) else [node.name]), *others)), filtered=True)


def other_control_planes(run: Run) -> Iterable[str]:
    """Those that are left where a control plane goes: they have it as a backend. Beside a worker, none."""
    return [one.name for one in remaining(run).intent.control_planes] if node_of(run).role == "control_plane" else []


def observed(run: Run) -> Iterable[str]:
    """All hosts that are looked at before anything is changed."""
    return [*the_node(run), *other_control_planes(run), *its_routers(run)]


def all_of_them(run: Run) -> Iterable[str]:
    """Where one of these has failed, nothing goes on.

    A control plane that could not be reached in the beginning is none of them: of two that are dead, one is removed first.
    """
    reached = [name for name in other_control_planes(run) if run.recall(MEMBER, of=name)]
    return [*the_node(run), *reached, *its_routers(run)]


def the_machine(run: Run) -> Iterable[str]:
    """The node, where its machine answers."""
    return [] if is_dead(run) else the_node(run)


def the_member(run: Run) -> Iterable[str]:
    """The node, where its machine answers and the cluster still has it: only then is there anything to drain."""
    return the_machine(run) if run.recall(STANDS) else []


def routers_of_the_member(run: Run) -> Iterable[str]:
    """Its routers, where there is anything to drain."""
    return its_routers(run) if the_member(run) else []


def the_control_plane(run: Run) -> Iterable[str]:
    """The node, where it is a control plane."""
    return the_node(run) if node_of(run).role == "control_plane" else []


def the_control_plane_s_machine(run: Run) -> Iterable[str]:
    """The same, where its machine answers."""
    return the_machine(run) if the_control_plane(run) else []


def one_that_is_left(run: Run) -> Iterable[str]:
    """The control plane that is left in whose name the endpoint is looked at."""
    return one_that_asks(remaining(run))


def one_that_takes_over(run: Run) -> Iterable[str]:
    """The same, where a control plane goes."""
    return one_that_is_left(run) if the_control_plane(run) else []


def all_routers(run: Run) -> Iterable[str]:
    """Every router: one that does not serve the node may have been told of it by another."""
    return routers_to_ask(remaining(run))


def nodes_that_are_left(run: Run) -> Iterable[str]:
    """The other nodes, where their ways to each other's pods are worth a look."""
    return nodes_to_ask(remaining(run))
