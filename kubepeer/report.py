"""The outcome of a run for machines: JSON by the command line's contract, and JUnit. Pure."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from kubepeer.errors import KubepeerError, UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome

NOT_IN_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # XML 1.0, 2.2; few runs compile it
FAILED, UNREACHABLE, CHANGES_FOUND = 1, 3, 4


def exit_code(outcomes: Sequence[PhaseOutcome], *, changes_count: bool) -> int:
    """The process's exit code; when several hold: unreachable before failed.

    Args:
        outcomes: of all phases.
        changes_count: --dry-run --detailed-exitcode was given.

    """
    hosts = [host for outcome in outcomes for host in outcome.hosts.values()]
    codes = {host.error.exit_code for host in hosts if isinstance(host.error, KubepeerError)}
    codes |= {FAILED for host in hosts if host.failed and not isinstance(host.error, KubepeerError)}
    for code in (2, UNREACHABLE, FAILED):
        if code in codes:
            return code
    return CHANGES_FOUND if changes_count and any(host.changed for host in hosts) else 0


def as_json(
    runbook: str, outcomes: Sequence[PhaseOutcome], seconds: float, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The run by the command line's contract: phases with their hosts, warnings, and all findings as checks."""
    findings = [finding for outcome in outcomes for host in outcome.hosts.values() for finding in host.findings]
    document: dict[str, Any] = {
        "runbook": runbook,
        "ok": not any(host.failed for outcome in outcomes for host in outcome.hosts.values()),
        "changed": any(host.changed for outcome in outcomes for host in outcome.hosts.values()),
        "seconds": round(seconds, 2),
        "warnings": list(warnings),
        "phases": [_phase(outcome) for outcome in outcomes],
    }
    if findings:
        document["checks"] = [finding.as_json() for finding in findings]
    return document


def _phase(outcome: PhaseOutcome) -> dict[str, Any]:
    return {
        "title": outcome.title,
        "seconds": round(outcome.seconds, 2),
        "skipped": outcome.skipped_because or None,
        "hosts": {name: _host(host) for name, host in outcome.hosts.items()},
    }


def _host(host: HostOutcome) -> dict[str, Any]:
    return {
        "changed": host.changed,
        "failed": host.failed,
        "skipped": host.skipped,
        "changes": [{"what": change.what, "diff": change.diff} for change in host.changes],
        "error": None if host.error is None else str(host.error),
    }


def as_junit(runbook: str, outcomes: Sequence[PhaseOutcome], seconds: float) -> str:
    """The run as JUnit XML: a case a host and phase, and a case a finding."""
    suite = ET.Element("testsuite", name=runbook, time=f"{seconds:.3f}")
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for outcome in outcomes:
        for name, host in outcome.hosts.items():
            counts["tests"] += 1
            case = ET.SubElement(suite, "testcase", classname=outcome.title, name=name, time=f"{outcome.seconds:.3f}")
            if host.skipped:
                counts["skipped"] += 1
                ET.SubElement(case, "skipped")
            elif host.error is not None:
                counts["errors"] += 1
                ET.SubElement(case, "error", message=str(host.error), type=type(host.error).__name__)
            elif host.failed and not host.findings:
                counts["failures"] += 1
                ET.SubElement(case, "failure", message=host.summary)
            for finding in host.findings:
                counts["tests"] += 1
                case = ET.SubElement(
                    suite,
                    "testcase",
                    classname=f"{finding.host}.{finding.check}",
                    name=f"{finding.subject} {finding.layer}",
                )
                if not finding.ok:
                    counts["failures"] += 1
                    missing, unexpected = (
                        ", ".join(hops) or "nothing" for hops in (finding.missing, finding.unexpected)
                    )
                    said = f"missing {missing}; unexpected {unexpected}; {finding.reason}"
                    failure = ET.SubElement(case, "failure", message=said, type=finding.cause or "failure")
                    proofs = [f"{one.host}: {one.asked}: {one.answered}" for one in finding.evidence]
                    failure.text = "\n".join([*proofs, *([f"Cure: {finding.cure}"] if finding.cure else [])]) or None
    for key, count in counts.items():
        suite.set(key, str(count))
    ET.indent(suite)
    # what a device says may hold colours and bells: XML has no way to write them
    text = re.sub(NOT_IN_XML, "", ET.tostring(suite, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def unreachable(outcomes: Sequence[PhaseOutcome]) -> list[str]:
    """The hosts that could not be reached."""
    return sorted(
        {
            name
            for outcome in outcomes
            for name, host in outcome.hosts.items()
            if isinstance(host.error, UnreachableError)
        }
    )
