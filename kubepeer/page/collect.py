"""A run as a report: phases on a time line, hosts with errors first, each change once. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from kubepeer.display import summarize
from kubepeer.errors import KubepeerError
from kubepeer.outcome import NOTHING_CHOSEN, HostOutcome, PhaseOutcome
from kubepeer.page.document import Bar, Cause, Diff, DiffLine, HostLine, Page, Routes
from kubepeer.page.drawing import State
from kubepeer.words import listed

CAUSES = 200  # on the page; what is left is counted
NAMED_HOSTS = 6  # of a diff
DIFF_LINES = 2000  # of one change
LEAST_WIDTH = 0.3  # per cent: a phase of no time is seen, too


def page(
    runbook: str,
    cluster: str,
    outcomes: Sequence[PhaseOutcome],
    seconds: float,
    *,
    ok: bool,
    made: str,
    headline: str = "",
    warnings: Sequence[str] = (),
    routes: Routes | None = None,
    dry_run: bool = False,
) -> Page:
    """The report of a run.

    Args:
        runbook: its name.
        cluster: the cluster's.
        outcomes: of all phases, with secrets hidden.
        seconds: that it took.
        ok: whether its exit code is 0.
        made: when, as a person writes it.
        headline: its last line; "": how many causes there are.
        warnings: what was told and the run went on with.
        routes: what a verification of routes adds.
        dry_run: changes are those that would be made.

    """
    routes = routes or Routes()
    found = (*routes.causes, *_of_findings(outcomes, routes.explained))
    causes = [*_of_errors(outcomes), *sorted(found, key=lambda cause: -cause.weight)]  # what was not seen comes first
    shown = tuple(causes[:CAUSES])
    rest = len(causes) - len(shown)
    notes = (*routes.notes, *([f"{rest} more causes are not shown: --output json has all"] if rest else ()))
    return Page(
        runbook=runbook,
        cluster=cluster,
        made=made,
        seconds=seconds,
        ok=ok,
        headline=headline or _headline(len(causes), ok=ok),
        causes=shown,
        picture=routes.picture,
        matrices=routes.matrices,
        notes=notes,
        bars=_bars(outcomes, seconds),
        hosts=_hosts(outcomes),
        diffs=tuple(_diffs(outcomes)),
        warnings=tuple(warnings),
        dry_run=dry_run,
    )


def _headline(causes: int, *, ok: bool) -> str:
    if ok:
        return "All is as it should be"
    return f"{causes} cause{'' if causes == 1 else 's'} of failure" if causes else "Failed"


def _of_errors(outcomes: Iterable[PhaseOutcome]) -> Iterable[Cause]:
    """Why hosts failed; hosts of one phase that say the same are told once."""
    for outcome in outcomes:
        together: dict[tuple[str, str], list[str]] = {}
        for name, host in outcome.hosts.items():
            if isinstance(host.error, KubepeerError):
                together.setdefault((host.error.message, host.error.cure), []).append(host.error.host or name)
            elif host.failed and not host.findings:
                together.setdefault((host.summary or "failed", ""), []).append(name)
        for (message, cure), hosts in together.items():
            shown = listed(hosts, NAMED_HOSTS)
            yield Cause(shown, outcome.title, message, weight=len(hosts), cure=cure, hosts=tuple(hosts))


def _of_findings(outcomes: Iterable[PhaseOutcome], explained: frozenset[str]) -> Iterable[Cause]:
    for outcome in outcomes:
        for host in outcome.hosts.values():
            for finding in host.findings:
                if not finding.ok and finding.check not in explained:
                    reason = finding.reason or f"expected {', '.join(finding.expected) or 'nothing'}"
                    yield Cause(
                        finding.host,
                        f"{finding.check}: {finding.subject}",
                        reason,
                        ", ".join(finding.missing),
                        ", ".join(finding.unexpected),
                    )


def _bars(outcomes: Iterable[PhaseOutcome], seconds: float) -> tuple[Bar, ...]:
    """Each phase that was for anybody, from its begin; the line is as long as the run, or as the last phase where that ends later."""
    shown = [outcome for outcome in outcomes if outcome.skipped_because != NOTHING_CHOSEN]
    whole = max([seconds, *(one.began + one.seconds for one in shown)], default=0.0) or 1.0
    return tuple(_bar(outcome, whole) for outcome in shown)


def _bar(outcome: PhaseOutcome, whole: float) -> Bar:
    hosts = list(outcome.hosts.values())
    count = sum(not host.skipped for host in hosts)
    left = min(100 * outcome.began / whole, 100 - LEAST_WIDTH)
    width = min(max(100 * outcome.seconds / whole, LEAST_WIDTH), 100 - left)
    state: State = "wrong" if any(host.failed for host in hosts) else "unknown" if outcome.skipped_because else "right"
    named = f"{count} host{'' if count == 1 else 's'}"
    return Bar(
        outcome.title,
        round(left, 2),
        round(width, 2),
        outcome.seconds,
        named,
        summarize(hosts),
        state,
        outcome.skipped_because,
    )


def _hosts(outcomes: Sequence[PhaseOutcome]) -> tuple[HostLine, ...]:
    """All hosts: those that failed first, then those that changed, then the others; each in the order in which it was met."""
    of_each: dict[str, list[tuple[str, HostOutcome]]] = {}
    for outcome in outcomes:
        for name, host in outcome.hosts.items():
            of_each.setdefault(name, []).append((outcome.title, host))
    lines = [_host(name, met) for name, met in of_each.items()]
    order: Mapping[str, int] = {"failed": 0, "changed": 1, "done": 2, "left out": 3}
    return tuple(sorted(lines, key=lambda line: order[line.state]))


def _host(name: str, met: Sequence[tuple[str, HostOutcome]]) -> HostLine:
    changes = sum(len(host.changes) for _, host in met)
    failed = [(title, host) for title, host in met if host.failed]
    if failed:
        return HostLine(name, "failed", changes, tuple(f"{title}: {_why(host)}" for title, host in failed))
    if changes:
        return HostLine(name, "changed", changes)
    return HostLine(name, "left out" if all(host.skipped for _, host in met) else "done")


def _why(host: HostOutcome) -> str:
    if isinstance(host.error, KubepeerError):
        return f"{host.error.message}{f'; cure: {host.error.cure}' if host.error.cure else ''}"
    wrong = sum(not finding.ok for finding in host.findings)
    return host.summary or (f"{wrong} check{'' if wrong == 1 else 's'} failed" if wrong else "failed")


def _diffs(outcomes: Iterable[PhaseOutcome]) -> Iterable[Diff]:
    """Every change; what is the same on several hosts once, with their names."""
    for outcome in outcomes:
        for change, hosts in outcome.changes_together().items():
            lines = [_diff_line(line) for line in change.diff.splitlines() if line.strip()]
            rest = len(lines) - DIFF_LINES
            if rest > 0:
                lines[DIFF_LINES:] = [DiffLine("", f"... and {rest} more lines: --verbose prints them")]
            yield Diff(outcome.title, change.what, listed(hosts, NAMED_HOSTS), tuple(lines))


def _diff_line(line: str) -> DiffLine:
    if line.startswith("+") and not line.startswith("+++ "):
        return DiffLine("added", line)
    return DiffLine("removed" if line.startswith("-") and not line.startswith("--- ") else "", line)
