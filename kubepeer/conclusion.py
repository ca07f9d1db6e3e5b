"""How a run ends: the last lines for a person, the documents for machines, the exit code."""

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kubepeer.commandline import CommandLine
from kubepeer.display import print_changes, print_differences
from kubepeer.errors import KubepeerError, MovedError, UsageError
from kubepeer.folding import FEW, named
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.phases import Purpose
from kubepeer.report import CHANGES_FOUND, FAILED, as_json, as_junit, exit_code
from kubepeer.run import Run
from kubepeer.secret import Redactor

if TYPE_CHECKING:  # few runs write a page
    from kubepeer.page.document import Routes

BEGIN, HERE = "Begin", "the run itself"  # what stands in a document for phase and host of a run that had none
Show = Callable[[Console, Run, Sequence[PhaseOutcome]], None]
Tell = Callable[[Run], dict[str, Any]]
Describe = Callable[[Run, Sequence[PhaseOutcome]], "Routes"]


def conclude(
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
    describe: Describe | None = None,
) -> int:
    """Print, write and tell what came of a run, as the command line asks for it; gives the exit code.

    Args:
        name: the runbook's name.
        this: the run.
        given: its command line.
        outcomes: of all phases.
        console: for people.
        seconds: that it took.
        show: prints what the runbook found.
        tell: the same for --output json.
        purpose: of the runbook.
        describe: what the runbook found, for the web page.

    """
    drift = purpose is Purpose.DRIFT
    code = exit_code(outcomes, changes_count=drift or (given.dry_run and given.detailed_exitcode))
    if drift and code == CHANGES_FOUND:
        code = FAILED
    if given.verbose:
        _print_tracebacks(outcomes, this.redactor)
    if given.dry_run or given.verbose:
        print_changes(console, this.redactor, outcomes, _own_words(this))
    if show:
        show(console, this, outcomes)
    last = _last_line(outcomes, seconds, purpose, dry_run=given.dry_run, ok=code not in (1, 2, 3))
    if last:
        console.print(f" {last}", soft_wrap=True)
    if given.output == "json":
        document = as_json(name, outcomes, seconds, this.warnings) | {"ok": not code} | (tell(this) if tell else {})
        print(this.redactor.hide(json.dumps(document, indent=None if this.json_lines else 2)))
    if given.junit:
        _write(given.junit, this.redactor.hide(as_junit(name, outcomes, seconds)))
    if given.report:
        _write(given.report, _web_page(name, this, outcomes, seconds, last, describe, ok=not code))
    return code


def _own_words(this: Run) -> dict[str, list[str]]:
    return {node.name: [node.name, node.full_name, *map(str, node.addresses)] for node in this.intent.nodes}


def print_error(
    name: str, error: KubepeerError, console: Console, seconds: float, given: CommandLine, *, nothing_written: bool
) -> int:
    """Tell what ended a run before its phases were through: one line, and what belongs to it; gives the exit code.

    Args:
        name: the runbook's name.
        error: what ended it.
        console: for people.
        seconds: that it took.
        given: its command line.
        nothing_written: the documents of the run are not written yet: an older one must not pass for its own.

    """
    document: dict[str, Any] = {"runbook": name, "ok": False, "seconds": round(seconds, 2), "error": str(error)}
    if isinstance(error, MovedError):
        print_differences(console, error.differences)
        document["differences"] = error.differences
    console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
    if given.output == "json":
        print(json.dumps(document))
    if nothing_written:
        outcome = PhaseOutcome(BEGIN, seconds, {error.host or HERE: HostOutcome(error=error, failed=True)})
        try:
            if given.junit:
                _write(given.junit, as_junit(name, [outcome], seconds))
            if given.report:
                _write(given.report, _web_page_of_a_run_that_did_not_begin(name, outcome, seconds))
        except UsageError as second:
            console.print(str(second), style="red", markup=False, highlight=False, soft_wrap=True)
    return error.exit_code


def _last_line(outcomes: Sequence[PhaseOutcome], seconds: float, purpose: Purpose, *, dry_run: bool, ok: bool) -> str:
    if purpose is Purpose.DRIFT:
        return drift_line(outcomes, seconds)
    if outcomes and purpose is Purpose.CHANGE:
        return closing_line(outcomes, seconds, dry_run=dry_run, ok=ok)
    return ""


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


def print_fault(error: Exception, console: Console, *, verbose: bool) -> int:
    """One line of an error that nobody foresaw, while it is handled; gives the exit code."""
    if verbose:
        traceback.print_exc()
    said = f"{type(error).__name__}: {error} (a fault of Kubepeer: run with --verbose and report it)"
    console.print(said, style="red", markup=False, soft_wrap=True)
    return FAILED


def drift_line(outcomes: Sequence[PhaseOutcome], seconds: float) -> str:
    """The last line of a look for drift: how much differs from intent, and what could not be seen."""
    count = sum(len(host.changes) for outcome in outcomes for host in outcome.hosts.values())
    hosts = {name for outcome in outcomes for name, host in outcome.hosts.items() if host.changes}
    unseen = {name for outcome in outcomes for name, host in outcome.hosts.items() if host.failed and not host.findings}
    every = sorted({name for outcome in outcomes for name in outcome.hosts})
    wrong = sum(not finding.ok for outcome in outcomes for host in outcome.hosts.values() for finding in host.findings)
    what = (
        f"{count} difference{'s' if count != 1 else ''} from intent on {_names(hosts, every)}" if count else "no drift"
    )
    if wrong:
        failed = f"{wrong} check{'s' if wrong != 1 else ''} failed, see above"
        what = f"{what}, {failed}" if count else failed
    return f"{what} in {seconds:.1f} s" + (f"; not looked at: {_names(unseen, every)}" if unseen else "")


def _names(hosts: set[str], every: Sequence[str]) -> str:
    """By name where they are few, of many as folding.named has them."""
    return ", ".join(sorted(hosts)) if len(hosts) <= FEW else named(sorted(hosts), every)


def _web_page(
    name: str,
    this: Run,
    outcomes: Sequence[PhaseOutcome],
    seconds: float,
    headline: str,
    describe: Describe | None,
    *,
    ok: bool,
) -> str:
    from kubepeer.page import collect, hidden, write  # noqa: PLC0415  few runs write one

    hide = this.redactor.hide
    shown = hidden.hidden(outcomes, hide)
    page = collect.page(
        name,
        this.intent.cluster.name,
        shown,
        seconds,
        ok=ok,
        made=_now(),
        headline=headline.replace(", see above", ""),  # on a page it is below
        warnings=[hide(line) for line in this.warnings],
        routes=describe(this, shown) if describe else None,
        dry_run=this.options.dry_run,
    )
    return write.as_html(page, hide)


def _web_page_of_a_run_that_did_not_begin(name: str, outcome: PhaseOutcome, seconds: float) -> str:
    from kubepeer.page import collect, write  # noqa: PLC0415  few runs write one

    page = collect.page(name, "", [outcome], seconds, ok=False, made=_now(), headline="Ended before its first phase")
    return write.as_html(page, str)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


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
