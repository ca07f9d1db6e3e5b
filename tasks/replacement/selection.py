"""What a person says to deploy.py of machines that died and of how many go at once, and which hosts its phase is for."""

from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import replace

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.opening import Opening
from kubepeer.run import Run
from tasks import batches
from tasks.control_plane.replaced import OPTION, named


def arguments(parser: ArgumentParser) -> None:
    """Those that are deploy.py's own."""
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="NAME",
        dest=OPTION,
        help="the machine of this node died and was installed anew under its name: take out what the cluster still has of the old one,"
        " and join it; repeatable",
    )
    parser.add_argument(
        "--batch",
        type=batches.checked,
        metavar=batches.FORMS,
        help="nodes that are changed at the same time: a number, a share of them, or a rack (default: all)",
    )


def checked(given: CommandLine, intent: Intent) -> CommandLine:
    """The command line, if the names are nodes.

    Raises:
        UsageError: one is none, or is left out by --host and --group; batches by rack without racks.

    """
    batches.refuse_without_racks(intent.workers, given.further.get("batch"))
    for name in given.further.get(OPTION) or ():
        if not any(name in (node.name, node.full_name) for node in intent.nodes):
            names = ", ".join(node.name for node in intent.nodes)
            raise UsageError(f"No node is called {name}. Nodes: {names}. Nothing was contacted.")
    return given


REPLACEMENT = Opening(arguments=arguments, selection=checked, plans=True)


def replaced_nodes(run: Run) -> Iterable[str]:
    """The nodes that are replaced, if they may be changed."""
    return [name for name in named(run) if name in run.chosen]


def alone(run: Run, name: str) -> Run:
    """The same run as remove_node.py would have it of this one node, whose machine is gone."""
    return replace(run, options=replace(run.options, further={"dead": True}), chosen=frozenset((name,)), filtered=True)
