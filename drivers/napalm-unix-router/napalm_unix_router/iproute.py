"""What iproute2 prints, in NAPALM's shape."""

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
