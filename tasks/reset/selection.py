"""What a person says to reset.py: the cluster's name, and what else may go; and which hosts its phases are for."""

from argparse import ArgumentParser
from collections.abc import Iterable

from kubepeer import phases
from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.memory import Memory
from kubepeer.opening import Opening
from kubepeer.run import Run

DEAD = Memory[bool]("whether a machine does not answer, and is left out")


def for_reset(parser: ArgumentParser) -> None:
    """The arguments that are reset.py's own."""
    add = parser.add_argument
    add(
        "--cluster",
        metavar="NAME",
        help="the cluster's name, as the inventory has it (data.cluster.name): what is asked for is gone then",
    )
    add(
        "--packages",
        action="store_true",
        help="remove Kubernetes' packages and the container runtime as well, with all of its images and containers",
    )
    add(
        "--dead",
        action="store_true",
        help="nodes that do not answer are gone for good: they are left out and told; without it they are a reason not to begin",
    )


def by_cluster(given: CommandLine, intent: Intent) -> CommandLine:
    """All hosts of the inventory, where the cluster is named that it is of.

    Raises:
        UsageError: no cluster or another one was named, or hosts and groups were.

    """
    if given.groups or given.hosts:
        raise UsageError(
            "--group and --host have no meaning here: a cluster goes as a whole. Nothing was contacted.",
            cure="python runbooks/remove_node.py takes one node out",
        )
    named, name = given.further["cluster"], intent.cluster.name
    if named is None:
        raise UsageError(
            "which cluster is to go? Nothing was contacted.", cure=f"--cluster NAME; the inventory has one: {name}"
        )
    if named != name:
        raise UsageError(f"the inventory has no cluster {named}; it has {name}. Nothing was contacted.")
    return given


RESET = Opening(arguments=for_reset, selection=by_cluster)


def takes_packages(run: Run) -> bool:
    """Whether the command line says that the packages go as well."""
    return bool(run.options.further.get("packages"))


def dead_are_left_out(run: Run) -> bool:
    """Whether the command line says that who does not answer is gone."""
    return bool(run.options.further.get("dead"))


def machines(run: Run) -> Iterable[str]:
    """The nodes whose machines answer."""
    return [name for name in phases.nodes(run) if not run.recall(DEAD, of=name)]


def of_workers(run: Run) -> Iterable[str]:
    """The workers among them: they go first, while the control planes are there."""
    return [name for name in phases.workers(run) if name in machines(run)]


def of_other_control_planes(run: Run) -> Iterable[str]:
    """The control planes among them but the first."""
    return [name for name in phases.other_control_planes(run) if name in machines(run)]


def of_first_control_plane(run: Run) -> Iterable[str]:
    """The first control plane, the last to go."""
    return [name for name in phases.first_control_plane(run) if name in machines(run)]
