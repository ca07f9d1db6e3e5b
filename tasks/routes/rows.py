"""The findings about a router's routes as rows: a prefix with its finding in each layer. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby

from kubepeer.checks import Finding
from kubepeer.words import listed
from tasks.platforms.hops import ADDRESS, shortened
from tasks.routes.checks import LAYERS

NAMED = 3  # subjects that are listed; of more, how many there are
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


def of_other_checks(findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """What is wrong beside sessions and routes: of whom, and the first finding that says so; those of one check and one reason together."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if not finding.ok and finding.check not in ("session", *LAYERS.values()):
            alike.setdefault((finding.check, finding.reason), []).append(finding)
    for found in alike.values():
        yield _together([finding.subject for finding in found]), found[0]


def _together(subjects: list[str]) -> str:
    return shortened(subjects) if all(map(ADDRESS.match, subjects)) else listed(subjects, NAMED)
