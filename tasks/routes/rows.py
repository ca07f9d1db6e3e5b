"""The findings about a router's routes as rows: a prefix with its finding in each layer. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby

from kubepeer.checks import Finding
from tasks.routes.checks import LAYERS

Row = Mapping[str, Finding]  # layer -> what was found there of one prefix


def rows_of(findings: Iterable[Finding]) -> list[Row]:
    """A row a prefix, in the order in which they are met; other findings are left out."""
    rows: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        if finding.check in LAYERS.values():
            rows.setdefault(finding.subject, {})[finding.layer] = finding
    return list(rows.values())


def is_right(row: Row) -> bool:
    """Whether every layer is as it should be."""
    return all(finding.ok for finding in row.values())


def alike(rows: Collection[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    """The rows of one length and number of next hops together: both in words, and the rows."""

    def kind(row: Row) -> tuple[int, str]:
        finding = next(iter(row.values()))
        return len(finding.expected), finding.subject.rpartition("/")[2]

    for (hops, length), group in groupby(sorted(rows, key=kind), key=kind):
        found = list(group)
        what = f"{len(found)} prefix{'' if len(found) == 1 else 'es'} /{length}"
        yield what, f"{hops} next hop{'' if hops == 1 else 's'} each", found
