"""What certificates.py and drift.py tell: the table, the soonest end first; JSON; metrics."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from kubepeer.whole_file import write_whole
from kubepeer.words import listed
from tasks.certificates import judge
from tasks.certificates.arguments import within
from tasks.certificates.pem import Certificate, days
from tasks.certificates.reading import CERTIFICATES_OF, NodeCertificates
from tasks.control_plane import etcd_state, holders
from tasks.routes.metrics import Family, Sample, in_text

HEAD = ("left", "ends", "certificate", "nodes", "kind", "renewed by")
CA = "CA"
MOST = 3  # files of one line
SHOWN = (*judge.CHECKS, etcd_state.CHECK)


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """The table, and what is wrong; before a renewal its order; and metrics, where a file is named."""
    if run.options.further["renew"]:
        names = [node.name for node in run.intent.control_planes if node.name in run.chosen]
        console.print(f" control planes, one after the other: {', '.join(names)}", highlight=False, soft_wrap=True)
    every, now = seen_of(run), datetime.now(UTC)
    for line in rows(every, within(run), now):
        console.print(line, soft_wrap=True, highlight=False)
    show_findings(console, outcomes)
    if path := run.options.further["metrics"]:
        write_whole(path, run.redactor.hide(metrics(every, time.time())))


def show_drift(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """What drift.py tells of the endpoint, of etcd and of certificates."""
    holders.show(console, run, outcomes)
    show_findings(console, outcomes)


def show_findings(console: Console, outcomes: Sequence[PhaseOutcome]) -> None:
    """A line for each finding about certificates and etcd that says something."""
    for line in lines(outcomes):
        console.print(line, soft_wrap=True, highlight=False)


def lines(outcomes: Sequence[PhaseOutcome]) -> Iterator[Text]:
    """What is the same of several nodes, and of several files there, in one line."""
    hosts: dict[tuple[bool, str, str, str], list[str]] = {}
    for outcome in outcomes:
        for host in outcome.hosts.values():
            for found in host.findings:
                if found.check in SHOWN and found.reason:
                    hosts.setdefault((found.ok, found.subject, found.reason, found.cure), []).append(found.host)
    subjects: dict[tuple[bool, str, str, str], list[str]] = {}
    for (ok, subject, reason, cure), names in hosts.items():
        subjects.setdefault((ok, ", ".join(names), reason, cure), []).append(subject)
    for (ok, where, reason, cure), what in subjects.items():
        mark, style = ("i", "dim") if ok else ("x", "red")
        told = f". Cure: {cure}" if cure else ""
        yield Text(f" {mark} {where}: {listed(what, MOST)}  {reason}{told}", style=style)


def seen_of(run: Run) -> dict[str, NodeCertificates]:
    """What each node that could be asked has said last."""
    found = ((node.name, run.recall(CERTIFICATES_OF, of=node.name)) for node in run.intent.nodes)
    return {name: seen for name, seen in found if seen is not None}


def rows(every: dict[str, NodeCertificates], within_days: int, now: datetime) -> Iterator[Text]:
    """The table's lines; nothing where nobody has a certificate."""
    found = judge.by_moment(every)
    if not found:
        return
    cells = [HEAD, *(_cells(one, nodes, now) for one, nodes in found)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    for number, row in enumerate(cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        due = bool(number) and judge.is_due(found[number - 1][0], within_days, now)
        mark = "x" if due else " "
        yield Text(f" {mark} {text}", style="dim" if not number else "red" if due else "")


def _cells(one: Certificate, nodes: Sequence[str], now: datetime) -> tuple[str, ...]:
    names = nodes[0] if len(nodes) == 1 else f"{len(nodes)} nodes"
    kind = CA if one.authority else one.subject
    by = "" if one.authority else one.renewer.value
    return f"{days(one, now)} days", f"{one.expires:%Y-%m-%d}", one.path, names, kind, by


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json."""
    now = datetime.now(UTC)
    return {
        "certificates": [
            {
                "path": one.path,
                "hosts": list(nodes),
                "authority": one.authority,
                "subject": one.subject,
                "issuer": one.issuer,
                "not_before": one.begins.isoformat(),
                "not_after": one.expires.isoformat(),
                "days": days(one, now),
                "due": judge.is_due(one, within(run), now),
                "renewed_by": None if one.authority else one.renewer.value,
            }
            for one, nodes in judge.by_moment(seen_of(run))
        ]
    }


def metrics(every: dict[str, NodeCertificates], now: float) -> str:
    """When each certificate ends, in the text format of Prometheus; an alert compares it with the time at which it is asked."""
    ends: list[Sample] = [
        ({"host": name, "path": one.path, "authority": str(one.authority).lower()}, one.expires.timestamp())
        for name, seen in every.items()
        for one in seen.certificates
    ]
    families: list[Family] = [
        ("kubepeer_certificate_expires_timestamp_seconds", "When a certificate ends, since the epoch.", ends),
        ("kubepeer_certificates_read_timestamp_seconds", "When this was written, since the epoch.", [({}, now)]),
    ]
    return in_text(families)
