"""What a person reads: a row a source, a column a kind of address, the spread as bars, and what is red with its cause."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from kubepeer.checks import Finding
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.services.judge import REMARK, SPREAD
from tasks.services.matrix import KINDS
from tasks.services.verdict import left_out, spreads

COLUMNS = (*KINDS, "mtu")
NAME_WIDTH, CELL_WIDTH = 34, 16
BAR_WIDTH = 40
BAR = "#"


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """Print it all."""
    findings = [one for outcome in outcomes for host in outcome.hosts.values() for one in host.findings]
    for line in [*matrix(findings), *bars(spreads(run)), *reds(findings)]:
        console.print(line, soft_wrap=True, highlight=False)
    for why in left_out(run) if findings else ():
        console.print(Text(f" i not tried: {why}", style="dim"), soft_wrap=True, highlight=False)


def matrix(findings: Iterable[Finding]) -> list[Text]:
    """A row a source: how many cells of each kind are green."""
    rows: dict[str, dict[str, list[bool]]] = {}
    for finding in findings:
        if finding.check in (REMARK, SPREAD):
            continue
        source, _, target = finding.subject.partition(" to ")
        row = rows.setdefault(f"{source} on {finding.host}" if source != finding.host else source, {})
        row.setdefault("mtu" if finding.check == "mtu" else target.split()[0], []).append(finding.ok)
    if not rows:
        return []
    width = max(NAME_WIDTH, max(map(len, rows)) + 2)
    head = "".join(f"{column:<{CELL_WIDTH}}" for column in COLUMNS)
    lines = [Text(f" {'from':<{width}}{head}".rstrip(), style="dim")]
    for name, row in rows.items():
        cells = "".join(f"{_cell(row.get(column, [])):<{CELL_WIDTH}}" for column in COLUMNS)
        bad = not all(ok for column in row.values() for ok in column)
        lines.append(Text(f" {name:<{width}}{cells}".rstrip(), style="red" if bad else ""))
    return lines


def _cell(column: Sequence[bool]) -> str:
    if not column:
        return "-"
    return f"ok {len(column)}" if all(column) else f"x {column.count(False)} of {len(column)}"


def bars(told: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[Text]:
    """A figure and a bar for each node that connections entered by; the mark is the even share."""
    lines: list[Text] = []
    for source, addresses in told.items():
        for address, counts in addresses.items():
            whole, most = sum(counts.values()), max([1, *counts.values()])
            share = whole / max(1, len(counts))
            lines.append(
                Text(f" {source} to {address}: {whole} connections, the even share is {share:.0f}", style="dim")
            )
            for node, number in counts.items():
                bar = BAR * round(BAR_WIDTH * number / most)
                lines.append(Text(f"   {node:<{NAME_WIDTH}}{number:>6}  {bar}"))
    return lines


def reds(findings: Iterable[Finding]) -> list[Text]:
    """A line for each finding that is bad."""
    bad = [finding for finding in findings if not finding.ok]
    return [Text(f" x {finding.check:<8}{finding.subject}: {finding.reason}", style="red") for finding in bad]
