"""Numbered lists: prefix lists, access lists, AS path lists, community lists."""

from __future__ import annotations

import re
from typing import Final

from napalm_frr.denials import Release

LIST_ENTRY: Final = re.compile(
    r"((?:ip|ipv6) prefix-list \S+|(?:ipv6 |mac )?access-list \S+|bgp as-path access-list \S+|"
    r"bgp (?:community|large-community|extcommunity)-list (?:(?:standard|expanded) )?\S+)(?: seq (\d+))?(?: (.+))?"
)
"""An entry of a list, or its description: the list, the number, what is said."""

_WORDS: Final = ("description ", "remark ")
_STEP: Final = 5
"""FRR numbers entries in steps of five."""


_BESIDE_SINCE: Final = (9, 1)
"""Since then an equal entry of a prefix list under another number stands beside the first (measured: 8.4.4, 10.3)."""


class Lists:
    """The entries of all lists, found by what they say."""

    def __init__(self) -> None:
        """Start without any."""
        self._numbers: dict[str, dict[str, list[int]]] = {}

    def put(self, line: str) -> None:
        """Take note of an entry."""
        name, number, entry = _parts(line)
        if name and number:
            self._numbers.setdefault(name, {}).setdefault(entry, []).append(int(number))

    def drop(self, line: str) -> None:
        """Forget an entry."""
        name, number, entry = _parts(line)
        if name and number:
            self._numbers[name][entry].remove(int(number))

    def numbered(self, line: str, release: Release) -> str:
        """Give an entry the number that FRR would give it; the same entry under another number keeps that one."""
        name, number, entry = _parts(line)
        if not name or not entry or entry.startswith(_WORDS):
            return line
        standing = self._numbers.get(name, {})
        if standing.get(entry) and not (number and may_stand_twice(name, release)):
            return f"{name} seq {min(standing[entry])} {entry}"
        if not number:
            highest = max((each for numbers in standing.values() for each in numbers), default=0)
            number = str(highest // _STEP * _STEP + _STEP)
        return f"{name} seq {number} {entry}"


def may_stand_twice(name: str, release: Release) -> bool:
    """Tell whether a list may hold an entry under two numbers."""
    return "prefix-list " in name and release >= _BESIDE_SINCE


def _parts(line: str) -> tuple[str, str, str]:
    found = LIST_ENTRY.fullmatch(line)
    return (found.group(1), found.group(2) or "", found.group(3) or "") if found else ("", "", "")
