"""Run a runbook: the command line, the selection, the phases, what is printed, the exit code."""

import gc
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from rich.console import Console

from kubepeer.commandline import CommandLine, parse, select
from kubepeer.display import Display, print_changes, print_warnings
from kubepeer.errors import KubepeerError, UsageError
from kubepeer.hostkeys import learn_new_hosts
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.combinations import warnings
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.memory import refuse_wrong_order
from kubepeer.namespace import enter
from kubepeer.phases import Phase, PhaseOutcome, TaskFunction, Together, run_phases
from kubepeer.report import CHANGES_FOUND, FAILED, as_json, as_junit, exit_code
from kubepeer.run import Options, Run
from kubepeer.secret import Redactor
from kubepeer.settings import Settings, read_settings

INTERRUPTED = 130


class Purpose(Enum):
    """What a runbook is for: to change hosts, to verify what they do, or to look for differences from intent."""

    CHANGE = "change"
    VERIFY = "verify"
    DRIFT = "drift"


WIDTH = 140  # of plain output, where no terminal says how wide it is
Show = Callable[[Console, Run, Sequence[PhaseOutcome]], None]


Tell = Callable[[Run], dict[str, Any]]
Phases = Sequence[Phase | Together]


def run(
    name: str,
    phases: Phases | Mapping[str, Phases],
    *,
    platforms: Platforms,
    description: str = "",
    show: Show | None = None,
    tell: Tell | None = None,
    purpose: Purpose = Purpose.CHANGE,
) -> int:
    """Run a runbook as a command; gives the exit code of the contract, and never a traceback unless --verbose asks for it.

    Args:
        name: the runbook's name.
        phases: the list, in order; or, of a runbook with several commands, a list for each. An empty list contacts nothing.
        platforms: those that a router of the inventory may be of, by name.
        description: for --help.
        show: prints what the runbook found, at the end.
        tell: the same for --output json: keys beside those of the contract.
        purpose: what it is for; a difference is no change yet, and no drift where changing is the purpose.

    """
    given = parse(name, description, commands=list(phases) if isinstance(phases, Mapping) else ())
    if isinstance(phases, Mapping):
        phases = phases[given.command]
    if purpose is Purpose.DRIFT:
        given = replace(given, dry_run=True)
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # Nornir logs a traceback for every failed task: we print one line instead
    console = Console(
        stderr=given.output == "json",
        record=given.report is not None,
        highlight=False,
        width=None if _wide() else WIDTH,
    )
    began = time.monotonic()
    _end_when_interrupted(console)
    try:
        refuse_wrong_order(_titles_and_tasks(phases))
        settings = read_settings(given.config)
        if phases:
            enter(settings.namespace)
        this = prepare(settings, given, platforms, contact=bool(phases))
        known = len(this.warnings)
        gc.freeze()  # what is loaded stays: the collector need not look at it
        gc.enable()
        if purpose is Purpose.CHANGE and phases:
            print_warnings(console, this.redactor, this.warnings)
        with Display(console, this.redactor) as display, this.nornir:
            outcomes = run_phases(this, phases, display)
        print_warnings(console, this.redactor, this.warnings[known:])
        return _conclude(
            name, this, given, outcomes, console, time.monotonic() - began, show, tell=tell, purpose=purpose
        )
    except KubepeerError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        if given.output == "json":
            print(
                json.dumps(
                    {"runbook": name, "ok": False, "seconds": round(time.monotonic() - began, 2), "error": str(error)}
                )
            )
        return error.exit_code
    except Exception as error:  # noqa: BLE001  the last door: a person gets one line
        if given.verbose:
            traceback.print_exc()
        console.print(
            f"{type(error).__name__}: {error} (a fault of Kubepeer: run with --verbose and report it)",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        return 1


def _titles_and_tasks(phases: Phases) -> Iterator[list[tuple[str, TaskFunction]]]:
    for step in phases:
        yield [(phase.title, phase.task) for phase in (step.phases if isinstance(step, Together) else (step,))]


def prepare(settings: Settings, given: CommandLine, platforms: Platforms, *, contact: bool = True) -> Run:
    """Everything up to the first packet, and the host keys where hosts will be contacted at all."""
    intent = load_intent(settings, platforms)
    nornir = build_nornir(settings)
    chosen = select(nornir, given.groups, given.hosts)
    options = Options(
        dry_run=given.dry_run,
        verbose=given.verbose,
        workers=given.workers or settings.num_workers,
        wait_seconds=given.wait_seconds,
        command=given.command,
        backup=given.backup,
        replace=given.replace,
    )
    if contact:
        _know_hosts(settings, nornir)
    return Run(
        intent=intent,
        settings=settings,
        options=options,
        nornir=nornir,
        chosen=chosen,
        filtered=bool(given.groups or given.hosts),
        warnings=list(warnings(intent)),
    )


def _know_hosts(settings: Settings, nornir: Nornir) -> None:
    """Learn the keys of new hosts, or insist on those that are known."""
    if settings.host_keys == "accept-new":
        hosts = nornir.inventory.hosts.values()
        learn_new_hosts(settings.known_hosts, [(str(host.hostname), host.port or 22) for host in hosts])
    elif not settings.known_hosts.exists():
        raise UsageError(f"{settings.known_hosts}: not there, and host_keys is strict. Nothing was contacted.")


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


def _conclude(
    name: str,
    this: Run,
    given: CommandLine,
    outcomes: list[PhaseOutcome],
    console: Console,
    seconds: float,
    show: Show | None,
    *,
    tell: Tell | None,
    purpose: Purpose,
) -> int:
    drift = purpose is Purpose.DRIFT
    code = exit_code(outcomes, changes_count=drift or (given.dry_run and given.detailed_exitcode))
    if drift and code == CHANGES_FOUND:
        code = FAILED
    if given.verbose:
        _print_tracebacks(outcomes, this.redactor)
    if given.dry_run or given.verbose:
        print_changes(console, this.redactor, outcomes)
    if show:
        show(console, this, outcomes)
    if outcomes and purpose is Purpose.CHANGE:
        console.print(
            f" {closing_line(outcomes, seconds, dry_run=given.dry_run, ok=code not in (1, 2, 3))}", soft_wrap=True
        )
    if drift:
        console.print(f" {drift_line(outcomes, seconds)}", soft_wrap=True)
    if given.output == "json":
        document = as_json(name, outcomes, seconds, this.warnings) | {"ok": not code} | (tell(this) if tell else {})
        print(this.redactor.hide(json.dumps(document, indent=2)))
    if given.junit:
        _write(given.junit, this.redactor.hide(as_junit(name, outcomes, seconds)))
    if given.report:
        _write(given.report, this.redactor.hide(console.export_html()))
    return code


def closing_line(outcomes: Sequence[PhaseOutcome], seconds: float, *, dry_run: bool, ok: bool) -> str:
    """The last line of a run that may change something."""
    changed = [
        (name, len(host.changes)) for outcome in outcomes for name, host in outcome.hosts.items() if host.changes
    ]
    count, hosts = sum(number for _, number in changed), len({name for name, _ in changed})
    verb = "would change" if dry_run else "changed"
    what = (
        f"{count} change{'s' if count != 1 else ''} on {hosts} host{'s' if hosts != 1 else ''}" if count else "nothing"
    )
    line = f"{verb} {what}" if not count else f"{'would make ' if dry_run else ''}{what}"
    return f"{line} in {seconds:.1f} s" + ("" if ok else "; failed, see above")


def drift_line(outcomes: Sequence[PhaseOutcome], seconds: float) -> str:
    """The last line of a look for drift: how much differs from intent, and what could not be seen."""
    count = sum(len(host.changes) for outcome in outcomes for host in outcome.hosts.values())
    hosts = {name for outcome in outcomes for name, host in outcome.hosts.items() if host.changes}
    unseen = {name for outcome in outcomes for name, host in outcome.hosts.items() if host.failed}
    what = (
        f"{count} difference{'s' if count != 1 else ''} from intent on {', '.join(sorted(hosts))}"
        if count
        else "no drift"
    )
    return f"{what} in {seconds:.1f} s" + (f"; not looked at: {', '.join(sorted(unseen))}" if unseen else "")


def _print_tracebacks(outcomes: Sequence[PhaseOutcome], redactor: Redactor) -> None:
    for outcome in outcomes:
        for host in outcome.hosts.values():
            if host.error is not None and not isinstance(host.error, KubepeerError):
                sys.stderr.write(redactor.hide("".join(traceback.format_exception(host.error))))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
