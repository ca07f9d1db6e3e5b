"""What iproute2 or busybox' ip prints, in NAPALM's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napalm.base.models import ARPTableDict


def arp_table(neighbors: Sequence[Mapping[str, Any]]) -> list[ARPTableDict]:
    """Shape ``ip -4 -j -s neigh show``."""
    return [
        {
            "interface": one["dev"],
            "mac": one["lladdr"].upper(),
            "ip": one["dst"],
            "age": float(one.get("confirmed", one.get("updated", -1))),
        }
        for one in neighbors
        if "lladdr" in one
    ]


def neighbors_of_text(shown: str) -> list[dict[str, Any]]:
    """Read ``ip neigh show`` as busybox prints it: an address, then words in pairs, then the state."""
    found: list[dict[str, Any]] = []
    for line in shown.splitlines():
        address, *words = line.split()
        known = dict(zip(words[::2], words[1::2], strict=False))
        if "dev" in known:
            found.append({"dst": address, **known})
    return found
