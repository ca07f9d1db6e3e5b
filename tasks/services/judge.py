"""The findings of one host: a cell each, and how its connections were spread over the nodes. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kubepeer.checks import Finding
from tasks.services.answers import Counted, complaint
from tasks.services.expectation import entered_by, expected, least_allowed
from tasks.services.matrix import Cell, Source, Workload

LAYER = "data"
SPREAD, REMARK = "spread", "remark"


@dataclass(frozen=True)
class Traffic:
    """What one host has tried, and what became of it.

    Attributes:
        host: its name in the inventory.
        addresses: its own.
        cells: in the order of the numbers in `counted`.

    """

    host: str
    addresses: frozenset[str] = frozenset()
    cells: Sequence[Cell] = ()
    counted: Mapping[int, Counted] = field(default_factory=dict)


@dataclass(frozen=True)
class Red:
    """A finding that is not as it should be, with all that a cause is looked for by.

    Attributes:
        check: traffic, mtu or spread.
        source: who tried.
        cell: what was tried.
        counted: what became of it.
        short: of a spread: the nodes that got less than they must.

    """

    check: str
    source: Source
    cell: Cell
    counted: Counted
    short: frozenset[str] = frozenset()


Judged = tuple[Finding, Red | None]


def judge(traffic: Traffic, workload: Workload, addresses: Mapping[str, Collection[str]]) -> Iterator[Judged]:
    """Every finding of a host; with each that is bad what it is about.

    Args:
        traffic: of the host.
        workload: what there was to try.
        addresses: of all hosts by name.

    """
    for number, cell in enumerate(traffic.cells):
        counted = traffic.counted.get(number, Counted())
        yield _cell(traffic.host, cell, counted, workload, addresses)
        if cell.target.kind == "load-balancer" and cell.source.kind == "outside" and not cell.full:
            yield _spread(traffic.host, cell, counted, workload, addresses)


def _cell(
    host: str, cell: Cell, counted: Counted, workload: Workload, addresses: Mapping[str, Collection[str]]
) -> Judged:
    wanted = frozenset() if cell.full else expected(cell.source, cell.target, workload, addresses)
    wrong = complaint(cell, counted, wanted)
    finding = Finding(
        host,
        cell.check,
        str(cell),
        LAYER,
        not wrong,
        expected=(f"{counted.size} bytes",) if cell.full else tuple(sorted(wanted)),
        observed=tuple(sorted(counted.seen)),
        unexpected=() if cell.full else tuple(sorted(frozenset(counted.seen) - wanted)),
        reason=wrong,
    )
    return finding, Red(cell.check, cell.source, cell, counted) if wrong else None


def spread_of(counted: Counted, workload: Workload, addresses: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How many of a cell's connections entered by each node; the nodes that may be entered by come first, with none too."""
    nodes = {name: addresses.get(name, ()) for name in workload.nodes}
    counts = entered_by(counted.seen, nodes)
    return {name: number for name, number in counts.items() if number or name in workload.entrances}


def _spread(
    host: str, cell: Cell, counted: Counted, workload: Workload, addresses: Mapping[str, Collection[str]]
) -> Judged:
    counts = spread_of(counted, workload, addresses)
    least = least_allowed(counted.tried, len(workload.entrances))
    short = frozenset(name for name in workload.entrances if counts[name] < least)
    share = counted.tried / max(1, len(workload.entrances))
    words = ", ".join(f"{name} {counts[name]}" for name in sorted(short))
    reason = (
        f"{words} of {counted.tried} connections; at least {least} each, the even share is {share:.0f}" if short else ""
    )
    finding = Finding(
        host,
        SPREAD,
        str(cell),
        LAYER,
        not short,
        expected=tuple(f"{name} >= {least}" for name in sorted(workload.entrances)),
        observed=tuple(f"{name} {number}" for name, number in counts.items()),
        missing=tuple(sorted(short)),
        reason=reason,
    )
    return finding, Red(SPREAD, cell.source, cell, counted, short) if short else None
