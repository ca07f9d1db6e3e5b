"""Where a new line goes among those that stand, roughly as FRR would print it: for the eye, order has no meaning."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

NEW: Final = float("inf")
"""The position of a line that did not stand before."""

_Address = tuple[int, int]


def in_order(positions: Mapping[str, float]) -> list[str]:
    """Sort lines by position; a new neighbour goes by its address, another line after the last that begins like it."""
    last_of: dict[str, float] = {}
    for line, position in positions.items():
        if position != NEW:
            for beginning in _beginnings(line):
                last_of[beginning] = max(position, last_of.get(beginning, -1))
    if len(last_of) == 0 or NEW not in positions.values():
        return sorted(positions, key=positions.__getitem__)
    addresses = sorted(address for address in map(_address, last_of) if address)
    end = max(last_of.values())
    lines = list(positions)

    def place(number: int) -> tuple[float, _Address, int]:
        line = lines[number]
        if positions[line] != NEW:
            return positions[line], (0, 0), number
        near = next((last_of[one] for one in _beginnings(line) if one in last_of), end)
        address = _address(" ".join(line.split(" ", 2)[:2]))
        if address and (before := bisect_left(addresses, address)):
            near = (
                last_of[_neighbor(addresses[before - 1])] if address not in addresses else last_of[_neighbor(address)]
            )
        return near + 0.5, address or (0, 0), number

    return [lines[number] for number in sorted(range(len(lines)), key=place)]


def _beginnings(line: str) -> list[str]:
    words = line.split(" ")
    return [" ".join(words[:length]) for length in (3, 2, 1)]


def _address(beginning: str) -> _Address | None:
    words = beginning.split(" ")
    if words[0] != "neighbor" or len(words) != 2:  # noqa: PLR2004 (neighbor ADDRESS)
        return None
    try:
        address = ip_address(words[1])
    except ValueError:
        return None
    return address.version, int(address)


def _neighbor(address: _Address) -> str:
    version, number = address
    return f"neighbor {ip_address(number) if version == 4 else ip_address(number.to_bytes(16, 'big'))}"  # noqa: PLR2004
