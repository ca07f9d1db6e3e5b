"""A run's outcomes without its secrets, for a report. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from kubepeer.change import Change
from kubepeer.checks import Evidence, Finding
from kubepeer.errors import KubepeerError
from kubepeer.outcome import HostOutcome, PhaseOutcome

Hide = Callable[[str], str]


def hidden(outcomes: Sequence[PhaseOutcome], hide: Hide) -> list[PhaseOutcome]:
    """The same outcomes, with every secret hidden in all that a host or a device has said: before anything is taken apart."""
    return [
        replace(outcome, hosts={name: _hidden_host(host, hide) for name, host in outcome.hosts.items()})
        for outcome in outcomes
    ]


def _hidden_host(host: HostOutcome, hide: Hide) -> HostOutcome:
    return replace(
        host,
        changes=tuple(Change(hide(change.what), unified=hide(change.diff) or " ") for change in host.changes),
        findings=tuple(_hidden_finding(finding, hide) for finding in host.findings),
        summary=hide(host.summary),
        error=host.error and _hidden_error(host.error, hide),
    )


def _hidden_finding(finding: Finding, hide: Hide) -> Finding:
    def each(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(hide, values))

    return replace(
        finding,
        subject=hide(finding.subject),
        expected=each(finding.expected),
        observed=each(finding.observed),
        missing=each(finding.missing),
        unexpected=each(finding.unexpected),
        reason=hide(finding.reason),
        evidence=tuple(Evidence(hide(one.host), hide(one.asked), hide(one.answered)) for one in finding.evidence),
        cure=hide(finding.cure),
    )


def _hidden_error(error: BaseException, hide: Hide) -> KubepeerError:
    if isinstance(error, KubepeerError):
        return KubepeerError(hide(error.message), host=error.host, cure=hide(error.cure))
    said = hide(f"{type(error).__name__}: {error}")
    return KubepeerError(said, cure="a fault of Kubepeer: run with --verbose and report it")
