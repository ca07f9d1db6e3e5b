"""Lines that say the same with their AS numbers written otherwise: FRR prints what was written.

64086.59904 is 4200000000 (RFC 5396, asplain and asdot); as_numbers.py reads the numbers themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from napalm_frr.as_numbers import as_number
from napalm_frr.contexts import BGP, TOP, Path, kind_of

_DOTTED = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")
_SAYS_AS = {
    TOP: re.compile(r"(?:no )?router bgp \S+"),
    BGP: re.compile(r"(?:no )?(?:neighbor \S+ (?:.*\b)?(?:remote-as|local-as) |bgp confederation )"),
}


def plain(line: str) -> str:
    """Write every AS number of a line as one number; addresses have more dots and stay."""
    return _DOTTED.sub(lambda found: str(as_number(found[0])), line)


def instance(line: str) -> str:
    """Name the instance that a ``router bgp`` line is about: its VRF or view, "" for the default one."""
    found = re.search(r" ((?:vrf|view) \S+)", line)
    return found.group(1) if found else ""


def is_process(line: str, named: str) -> bool:
    """Tell whether a line opens the process that ``router bgp`` names, by number and instance or the latter alone."""
    words, wanted = plain(line).split(" "), plain(named).split(" ")
    if words[:2] != ["router", "bgp"] or instance(line) != instance(named):
        return False
    return len(wanted) == 2 or words[2] == wanted[2]  # noqa: PLR2004 (router bgp)


def same_numbers(context: Path, line: str, block: Iterable[str]) -> str:
    """Return the line of a block that says the same with its AS numbers written otherwise; else the line as it is."""
    pattern = _SAYS_AS.get(kind_of(context))
    if pattern is None or not pattern.match(line):
        return line
    wanted = _key(line.removeprefix("no "))
    found = next((one for one in block if pattern.match(one) and _key(one) == wanted), None)
    if found is None:
        return line
    return f"no {found}" if line.startswith("no ") else found


def _key(line: str) -> str:
    """A process is its number and its instance; how it writes numbers is no part of its name."""
    return re.sub(r" as-notation \S+", "", plain(line)) if line.startswith("router bgp") else plain(line)
