"""A plan for a person: who made it and when, the steps in their order, and every change as a diff with the hosts that it is for."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kubepeer.approval import read_plan
from kubepeer.change import Change, Held
from kubepeer.display import print_changes, print_warnings
from kubepeer.errors import KubepeerError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.plan import Plan, PlannedPhase
from kubepeer.secret import Redactor
from kubepeer.streams import outlive_readers

WIDTH = 140
MARKS = {Held.EXACT: "", Held.NAME: "  [new]", Held.STEP: "  [step]"}
LEGEND = """ Every diff below is compared with what would be done before anything is done; one that has moved stops all.
 [new]   by the time that it is made an earlier step may have brought some of it: from then on it is held by its name
 [step]  a program does it, with all that belongs to it"""


def main(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """The command: print the plan, or write it as a web page too; gives the exit code.

    Args:
        description: for --help.
        arguments: instead of the process's own.

    """
    outlive_readers()
    parser = argparse.ArgumentParser(prog="show_plan", description=description)
    parser.add_argument("plan", type=Path, metavar="FILE", help="what deploy.py --plan-out has written")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write what is printed as a web page")
    given = parser.parse_args(arguments)
    console = Console(record=given.report is not None, highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    try:
        show(console, read_plan(given.plan))
        if given.report:
            given.report.write_text(console.export_html(), encoding="utf-8")
    except KubepeerError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    except OSError as error:
        console.print(f"{given.report}: {error.strerror}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    return 0


def show(console: Console, plan: Plan) -> None:
    """Print a plan."""
    hidden = Redactor()  # the file holds none: it was written so

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    line(f"Plan {plan.identity}: {plan.runbook}.py", "bold")
    line(f" made      {plan.made} by {plan.by}, with Kubepeer {plan.kubepeer} (sources {plan.code[:12]})")
    line(f" inventory {plan.inventory_digest[:12]}: {plan.inventory['intent']['cluster']['name']}")
    whole = "those that --host and --group chose" if plan.filtered else "the whole inventory"
    line(f" hosts     {len(plan.hosts)}, {whole}: {', '.join(plan.hosts)}")
    line(f" to do     {_counted(plan.count, len(plan.changed_hosts))}")
    print_warnings(console, hidden, plan.warnings, whole=True)
    line(LEGEND, "dim")
    line("\nSteps, in this order", "bold")
    for number, phase in enumerate(plan.phases, start=1):
        count = sum(map(len, phase.hosts.values()))
        what = _counted(count, len(phase.hosts)) if count else "nothing to change"
        line(f" {number:2}. {phase.title:<23} {what}", "" if count else "dim")
    print_changes(console, hidden, [_as_outcome(phase) for phase in plan.phases], whole=True)


def _counted(changes: int, hosts: int) -> str:
    return f"{changes} change{'s' if changes != 1 else ''} on {hosts} host{'s' if hosts != 1 else ''}"


def _as_outcome(phase: PlannedPhase) -> PhaseOutcome:
    """The phase as its dry run had it, with the diffs of the file: those are what was approved."""
    hosts = {
        name: HostOutcome(
            changes=tuple(Change(f"{one.what}{MARKS[one.held]}", unified=one.diff or " ") for one in entries)
        )
        for name, entries in phase.hosts.items()
    }
    return PhaseOutcome(phase.title, 0.0, hosts)
