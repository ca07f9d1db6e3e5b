"""Numbered lists: prefix lists, access lists, AS path lists, community lists."""

from __future__ import annotations

import re
from typing import Final

LIST_ENTRY: Final = re.compile(
    r"((?:ip|ipv6) prefix-list \S+|(?:ipv6 |mac )?access-list \S+|bgp as-path access-list \S+|"
    r"bgp (?:community|large-community|extcommunity)-list (?:(?:standard|expanded) )?\S+)(?: seq (\d+))?(?: (.+))?"
)
"""An entry of a list, or its description: the list, the number, what is said."""

_WORDS: Final = ("description ", "remark ")
_STEP: Final = 5
"""FRR numbers entries in steps of five."""


class Lists:
    """The entries of all lists, found by what they say."""

    def __init__(self) -> None:
        """Start without any."""
        self._numbers: dict[str, dict[str, int]] = {}

    def put(self, line: str) -> None:
        """Take note of an entry."""
        name, number, entry = _parts(line)
        if name and number:
            self._numbers.setdefault(name, {})[entry] = int(number)

    def drop(self, line: str) -> None:
        """Forget an entry."""
        name, number, entry = _parts(line)
        if name and number and self._numbers[name].get(entry) == int(number):
            del self._numbers[name][entry]

    def numbered(self, line: str) -> str:
        """Give an entry the number that FRR would give it; the same entry under another number keeps that one."""
        name, number, entry = _parts(line)
        if not name or not entry or entry.startswith(_WORDS):
            return line
        standing = self._numbers.get(name, {})
        if entry in standing:
            return f"{name} seq {standing[entry]} {entry}"
        if not number:
            number = str(max(standing.values(), default=0) // _STEP * _STEP + _STEP)
        return f"{name} seq {number} {entry}"


def _parts(line: str) -> tuple[str, str, str]:
    found = LIST_ENTRY.fullmatch(line)
    return (found.group(1), found.group(2) or "", found.group(3) or "") if found else ("", "", "")
