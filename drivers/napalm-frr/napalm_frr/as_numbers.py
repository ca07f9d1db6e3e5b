"""AS numbers as FRR writes them: ``bgp as-notation`` plain, dot or dot+ (RFC 5396; FRR's lib/asn.c). Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

Notation = Literal["plain", "dot", "dot+"]

_HALF: Final = 1 << 16
_PROCESS = re.compile(r"router bgp (\S+)(?: (?:vrf|view) (\S+))?(?: as-notation (plain|dot\+|dot))?")


def as_number(text: str | int) -> int:
    """Read an AS number in any notation, also one that JSON has as a number; 0 where it is none."""
    high, dot, low = str(text).partition(".")
    if not high.isdigit() or (dot and not low.isdigit()):
        return 0
    return int(high) * _HALF + int(low) if dot else int(high)


def written(number: int, notation: Notation) -> str:
    """Write an AS number as FRR prints it: the first 65535 are plain with ``dot``, and dotted with ``dot+``."""
    if notation == "plain" or (notation == "dot" and number < _HALF):
        return str(number)
    return f"{number // _HALF}.{number % _HALF}"


def process_of(line: str) -> tuple[int, str, Notation] | None:
    """Read ``router bgp ...``: its AS, its VRF or view ("default" for none), its notation; None for another line.

    Without ``as-notation`` FRR prints numbers as the process's own was written (bgpd/bgpd.c, bgp_create: as_pretty).
    """
    found = _PROCESS.fullmatch(line.strip())
    if not found:
        return None
    number, vrf, notation = found.groups()
    of_number: Notation = "plain" if "." not in number else "dot+" if number.startswith("0.") else "dot"
    said: dict[str | None, Notation] = {"plain": "plain", "dot": "dot", "dot+": "dot+"}
    return as_number(number), vrf or "default", said.get(notation, of_number)
