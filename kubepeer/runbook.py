"""Run a runbook: the command line, the selection, the phases, one line for what went wrong."""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

from rich.console import Console

from kubepeer.commandline import CommandLine, parse, select
from kubepeer.conclusion import Describe, Show, Tell, conclude, print_error, print_fault
from kubepeer.display import Display, print_warnings
from kubepeer.errors import KubepeerError, UsageError
from kubepeer.holder import Holder
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.combinations import warnings
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.memory import refuse_wrong_order
from kubepeer.namespace import enter
from kubepeer.open_files import allow_for
from kubepeer.opening import USUAL, Opening, logins
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Purpose, TaskFunction, Together
from kubepeer.run import Options, Run
from kubepeer.runlock import the_only_run
from kubepeer.secret import Redactor
from kubepeer.settings import Settings, read_settings
from kubepeer.sources.gather import gather
from kubepeer.streams import outlive_readers

INTERRUPTED = 130
# A worker waits for the network most of the time; of more than these each waits for the interpreter instead.
LEAST_WORKERS, WORKERS_PER_CORE = 20, 20
WIDTH = 140  # of plain output, where no terminal says how wide it is
Phases = Sequence[Phase | Together]
Members = Callable[[Run], None]


def run(
    name: str,
    phases: Phases | Mapping[str, Phases],
    *,
    platforms: Platforms,
    description: str = "",
    show: Show | None = None,
    tell: Tell | None = None,
    describe: Describe | None = None,
    purpose: Purpose = Purpose.CHANGE,
    opening: Opening = USUAL,
    members: Members | None = None,
) -> int:
    """Run a runbook as a command; gives the exit code of the contract, and never a traceback unless --verbose asks for it.

    Args:
        name: the runbook's name.
        phases: the list, in order; or, of a runbook with several commands, a list for each. An empty list contacts nothing.
        platforms: those that a router of the inventory may be of, by name.
        description: for --help.
        show: prints what the runbook found, at the end.
        tell: the same for --output json: keys beside those of the contract.
        describe: the same for --report: what the web page has beside phases, hosts and changes.
        purpose: what it is for; a difference is no change yet, and no drift where changing is the purpose.
        opening: what comes before its first phase.
        members: makes the nodes of a cluster known that Kubepeer did not build; None: the runbook is not for such a cluster.

    """
    outlive_readers()
    commands = list(phases) if isinstance(phases, Mapping) else []
    plans = purpose is Purpose.CHANGE and not commands and opening.plans
    given = parse(name, description, commands=commands, plans=plans, further=opening.arguments)
    if isinstance(phases, Mapping):
        phases = phases[given.command]
    if purpose is Purpose.DRIFT:
        given = replace(given, dry_run=True)
    if opening.only_looks and opening.only_looks(given):
        purpose = Purpose.VERIFY
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # Nornir logs a traceback for every failed task: we print one line instead
    console = Console(
        stderr=given.output == "json",
        highlight=False,
        width=None if _wide() else WIDTH,
    )
    began = time.monotonic()
    _end_when_interrupted(console)
    outcomes: list[PhaseOutcome] | None = None
    try:
        refuse_wrong_order(_titles_and_tasks(phases))
        this, outcomes, told = _execute(name, phases, given, console, platforms, purpose, opening, members)
        print_warnings(console, this.redactor, this.warnings[told:])
        seconds = time.monotonic() - began
        if given.plan_out:
            from kubepeer.approved import write_plan_of  # noqa: PLC0415  few runs need it

            written = write_plan_of(this, outcomes, given.plan_out, console)
            tell = lambda _: written  # noqa: E731
        return conclude(
            name, this, given, outcomes, console, seconds, show, tell=tell, purpose=purpose, describe=describe
        )
    except KubepeerError as error:
        return print_error(name, error, console, time.monotonic() - began, given, nothing_written=outcomes is None)
    except Exception as error:  # noqa: BLE001  the last door: a person gets one line
        return print_fault(error, console, verbose=given.verbose)


def _execute(
    name: str,
    phases: Phases,
    given: CommandLine,
    console: Console,
    platforms: Platforms,
    purpose: Purpose,
    opening: Opening,
    members: Members | None,
) -> tuple[Run, list[PhaseOutcome], int]:
    """Run the phases as the command line asks for it; gives the run, their outcomes, and how many warnings were told before them."""
    settings = read_settings(given.config)
    if given.apply:
        from kubepeer import approved  # noqa: PLC0415  few runs need it

        plan = approved.read_plan(given.apply)
    if phases:
        enter(settings.namespace)
    settings = gather(settings)
    this = prepare(settings, given, platforms, opening, name=name, adopted=bool(members) or not phases)
    told = len(this.warnings)
    if this.intent.cluster.adopted and phases and members:
        members(this)
    if given.apply:
        this = approved.select_as_planned(plan, this)
    if phases:
        opening.meet(this, console)
    gc.freeze()  # what is loaded stays: the collector need not look at it
    gc.enable()
    if purpose is Purpose.CHANGE and phases:
        print_warnings(console, this.redactor, this.warnings)
        told = len(this.warnings)
    changing = purpose is Purpose.CHANGE and bool(phases) and not given.dry_run
    only_run = the_only_run(this) if changing else nullcontext()
    with only_run, Display(console, this.redactor) as display, _to_its_end(this), this.nornir:
        if given.apply:
            this, outcomes = approved.run_as_planned(plan, this, phases, display, console)
        else:
            outcomes = opening.runner(this, phases, display)
    return this, outcomes, told


@contextmanager
def _to_its_end(this: Run) -> Iterator[None]:
    """At the end, however it comes, the runner lets go of what it holds elsewhere."""
    try:
        yield
    finally:
        if close := getattr(this.nornir.runner, "close", None):
            close()


def _titles_and_tasks(phases: Phases) -> Iterator[list[tuple[str, TaskFunction]]]:
    for step in phases:
        yield [(phase.title, phase.task) for phase in (step.phases if isinstance(step, Together) else (step,))]


def prepare(
    settings: Settings,
    given: CommandLine,
    platforms: Platforms,
    opening: Opening = USUAL,
    *,
    name: str = "a runbook",
    adopted: bool = True,
) -> Run:
    """Everything up to the first packet; `adopted`: the runbook is for clusters, too, that Kubepeer did not build."""
    intent, redactor = load_intent(settings, platforms), Redactor()
    if intent.cluster.adopted and not adopted:
        raise UsageError(
            f"{name} is not for a cluster that Kubepeer did not build ({intent.cluster.name}). Nothing was contacted.",
            cure="verify_routes.py, drift.py, rollback_routers.py and deploy.py are, for its routers",
        )
    given = opening.selection(given, intent)
    nornir = build_nornir(
        settings,
        logins=logins(intent, settings, redactor),
        missing_key=partial(opening.missing_key, given),
        leave_out=() if opening.probes else [probe.name for probe in intent.probes],
    )
    chosen = select(nornir, given.groups, given.hosts)
    files = allow_for(len(nornir.inventory.hosts))
    options = Options(
        dry_run=given.dry_run,
        verbose=given.verbose,
        workers=given.workers or settings.num_workers or workers_for(len(nornir.inventory.hosts)),
        wait_seconds=given.wait_seconds,
        max_failures=given.max_failures,
        command=given.command,
        backup=given.backup,
        replace=given.replace,
        further=given.further,
        as_json=given.output == "json",
    )
    return Run(
        intent=intent,
        settings=settings,
        options=options,
        nornir=nornir,
        chosen=chosen,
        filtered=bool(given.groups or given.hosts),
        redactor=redactor,
        warnings=[*warnings(intent), *([files] if files else [])],
        holder=Holder.of_this_process(name),
    )


def workers_for(hosts: int) -> int:
    """As many hosts at the same time as there are, up to so many for each processor; on a small machine twenty all the same."""
    return max(1, min(hosts, max(LEAST_WORKERS, WORKERS_PER_CORE * (os.cpu_count() or 1))))


def _end_when_interrupted(console: Console) -> None:
    """Ctrl-C and SIGTERM end it at once: an exception would wait for every thread, and a thread may wait minutes for a host."""

    def end(*_: object) -> None:
        console.show_cursor()
        console.print(
            "\nInterrupted. What was done stands; a router's unconfirmed change reverts by itself. Run again to go on.",
            style="red",
            soft_wrap=True,
        )
        sys.stdout.flush()
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _wide() -> bool:
    return sys.stdout.isatty() or "COLUMNS" in os.environ
