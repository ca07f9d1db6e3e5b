"""What a person says to certificates.py: whether it renews, within how many days, and where metrics go."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kubepeer.commandline import CommandLine
from kubepeer.display import Display
from kubepeer.errors import UsageError
from kubepeer.execution import run_phases
from kubepeer.intent import Intent
from kubepeer.intent.model import MOST_RENEWAL_DAYS
from kubepeer.opening import Opening
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    add = parser.add_argument
    add(
        "--renew",
        action="store_true",
        help="renew what is due: one control plane after the other, each checked before the next",
    )
    add(
        "--days",
        type=_days,
        metavar="DAYS",
        help="due is what ends within so many days (default: cluster.certificates.renew_before_days)",
    )
    add("--metrics", type=Path, metavar="FILE", help="write metrics for the textfile collector of Prometheus")


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_RENEWAL_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {MOST_RENEWAL_DAYS}")
    return int(text)


def checked(given: CommandLine, _intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: it asks for a dry run of what only looks.

    """
    if given.dry_run and not given.further["renew"]:
        raise UsageError("--dry-run without --renew: nothing is changed anyway. Nothing was contacted.")
    return given


def only_looks(given: CommandLine) -> bool:
    """Whether nothing is to be renewed."""
    return not given.further["renew"]


def run(this: Run, phases: Sequence[Phase | Together], display: Display) -> list[PhaseOutcome]:
    """The phases; without --renew the first alone."""
    return run_phases(this, phases if this.options.further["renew"] else phases[:1], display)


def within(this: Run) -> int:
    """Due is what ends within so many days."""
    days: int | None = this.options.further.get("days")
    return this.intent.cluster.certificates.renew_before_days if days is None else days


OPENING = Opening(arguments=arguments, selection=checked, runner=run, only_looks=only_looks)
