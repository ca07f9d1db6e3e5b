"""How --plan-out and --apply run a list of phases."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kubepeer.approval import Approved, make_plan, read_plan, refuse_moved, refuse_other_circumstances, write_plan
from kubepeer.errors import UsageError
from kubepeer.execution import Watcher, run_phases
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.plan import Plan
from kubepeer.run import Run

__all__ = ["read_plan", "run_as_planned", "select_as_planned", "write_plan_of"]


def select_as_planned(plan: Plan, run: Run) -> Run:
    """The run with the plan's selection, which is part of what was approved.

    Raises:
        UsageError: the command line names other hosts than the plan.
        MovedError: the inventory has moved.

    """
    refuse_other_circumstances(plan, run)
    if run.filtered and run.chosen != frozenset(plan.hosts):
        others = ", ".join(sorted(run.chosen ^ frozenset(plan.hosts)))
        raise UsageError(
            f"--host and --group name other hosts than plan {plan.identity}: {others}. Nothing was contacted.",
            cure="leave them out: a plan is applied to its own hosts",
        )
    return run.selecting(frozenset(plan.hosts), filtered=plan.filtered)


def run_as_planned(
    plan: Plan, run: Run, phases: Sequence[Phase | Together], watcher: Watcher, console: Console
) -> tuple[Run, list[PhaseOutcome]]:
    """Plan anew, compare with what was approved, and only then carry it out; a dry run ends with the comparison.

    Raises:
        MovedError: anything has moved since; nothing was changed on any host.

    """
    console.print(
        f" Plan {plan.identity} of {plan.by}, made {plan.made}: is it still what would be done?", soft_wrap=True
    )
    dry = run.again(dry_run=True)
    outcomes = run_phases(dry, phases, watcher)
    refuse_moved(plan, dry, outcomes)
    console.print(f" Plan {plan.identity} holds on all hosts.")
    if run.options.dry_run:
        return dry, outcomes
    real = run.again(dry_run=False)
    real.guards.append(Approved(plan, real))
    return real, run_phases(real, phases, watcher)


def write_plan_of(run: Run, outcomes: Sequence[PhaseOutcome], path: Path, console: Console) -> dict[str, str | None]:
    """Write the plan of a dry run and say what it is called, or why there is none: half a plan is none. Gives the same for JSON.

    Raises:
        UsageError: the file cannot be written.

    """
    if lost := sorted({name for one in outcomes for name, host in one.hosts.items() if host.error is not None}):
        why = f"no plan was written: what would be done is not known of {', '.join(lost)}, see above"
        cure = "mend it, or plan the others alone with --host or --group"
        console.print(f" {why}. Cure: {cure}", style="red", soft_wrap=True, markup=False, highlight=False)
        return {"plan": None}
    plan = make_plan(run, outcomes)
    write_plan(plan, path)
    console.print(f" plan {plan.identity} written to {path}", soft_wrap=True, markup=False, highlight=False)
    return {"plan": plan.identity}
