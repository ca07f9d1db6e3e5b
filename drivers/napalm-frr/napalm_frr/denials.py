"""What FRR prints with ``no``, and what it therefore does not print: denials.tsv, made from FRR's own sources.

The table is written by tests/sources/scan.py; its first column is measured on the daemons of the releases named in it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import NamedTuple

Release = tuple[int, int]
"""Major and minor number of an FRR."""


class Default(StrEnum):
    """What stands when nothing is said."""

    ON = "on"
    """Switched on: ``no`` is printed when it is off, and the line itself never."""
    OFF = "off"
    """Switched off: the line is printed when it is on, and ``no`` only where a wider setting switched it on."""
    BOTH = "both"
    """Nothing: it is printed as it was said, either way."""


class Denial(NamedTuple):
    """One row: lines of a kind of context that begin so, since when, and what is the default."""

    pattern: re.Pattern[str]
    since: Release
    default: Default


_SINCE: dict[str, Release] = {"8.4.4": (0, 0), "10.3": (9, 1), "10.7.1": (10, 4)}
"""The first release that a row of the table may be meant for: the one after the last that was read and has it not."""


@cache
def _table() -> dict[str, tuple[Denial, ...]]:
    rows: dict[str, list[Denial]] = {}
    text = resources.files("napalm_frr").joinpath("denials.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        defaults, kind, pattern, releases, _ = line.split("\t")
        measured = defaults.split(" ")
        for number, release in enumerate(releases.split(" ")):
            if number == 0 or len(measured) > 1:
                row = Denial(re.compile(pattern), _SINCE[release], Default(measured[number]))
                rows.setdefault(kind, []).append(row)
    return {kind: tuple(sorted(found, key=_latest_and_longest)) for kind, found in rows.items()}


def _latest_and_longest(row: Denial) -> tuple[int, int, int]:
    return -row.since[0], -row.since[1], -len(row.pattern.pattern)


def default_of(kind: str, line: str, release: Release) -> Default | None:
    """Tell what is the default of a line that this release may print with ``no``; None when it never does."""
    for row in _table().get(kind, ()):
        if row.since <= release and row.pattern.fullmatch(line):
            return row.default
    return None


def ever_printed(kind: str, line: str) -> bool:
    """Tell whether some release prints ``no LINE`` in a context of this kind."""
    return any(row.pattern.fullmatch(line) for row in _table().get(kind, ()))
