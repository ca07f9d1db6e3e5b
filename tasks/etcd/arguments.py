"""What a person says to etcd.py: whether it defragments, and which members."""

import argparse
from collections.abc import Iterable, Sequence

from kubepeer.commandline import CommandLine
from kubepeer.display import Display
from kubepeer.errors import UsageError
from kubepeer.execution import run_phases
from kubepeer.intent import Intent
from kubepeer.opening import Opening
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    add = parser.add_argument
    add(
        "--defragment",
        action="store_true",
        help="give back what is free in the databases: one member after the other, the leader last",
    )
    add("--all", action="store_true", help="with --defragment: also where it is not worth it")


def checked(given: CommandLine, intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: it means nothing here, or etcd is somebody else's.

    """
    if given.groups or given.hosts:
        raise UsageError(
            "--group and --host have no meaning here: etcd is looked at as a whole. Nothing was contacted."
        )
    for option, said in (("--dry-run", given.dry_run), ("--all", given.further["all"])):
        if said and not given.further["defragment"]:
            raise UsageError(f"{option} without --defragment: nothing is changed anyway. Nothing was contacted.")
    if not intent.kubeadm.stacked_etcd:
        raise UsageError(
            "etcd is somebody else's (kubeadm.external_etcd): it is not asked. Nothing was contacted.",
            cure="etcdctl endpoint status, where it runs",
        )
    return given


def only_looks(given: CommandLine) -> bool:
    """Whether nothing is to be defragmented."""
    return not given.further["defragment"]


def run(this: Run, phases: Sequence[Phase | Together], display: Display) -> list[PhaseOutcome]:
    """The phases; without --defragment the first alone."""
    return run_phases(this, phases if this.options.further["defragment"] else phases[:1], display)


def control_planes(run: Run) -> Iterable[str]:
    """The control planes: each has a member."""
    return [node.name for node in run.intent.control_planes]


def one_that_is_asked(run: Run) -> Iterable[str]:
    """The control plane in whose name etcd is looked at."""
    return list(control_planes(run))[:1]


OPENING = Opening(arguments=arguments, selection=checked, runner=run, only_looks=only_looks)
