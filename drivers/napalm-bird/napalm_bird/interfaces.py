"""Interfaces, addresses and VRFs: iproute2's JSON into NAPALM's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napalm.base.models import InterfaceDict, NetworkInstanceDict

_RUNS = ("UP", "UNKNOWN")
"""States of a link that carries packets; loopbacks and tunnels do not know their own."""


def interfaces(links: Sequence[Mapping[str, Any]], speeds: Mapping[str, float]) -> dict[str, InterfaceDict]:
    """Shape ``ip -j link show``. The kernel does not keep when a link changed last."""
    return {
        one["ifname"]: {
            "is_up": one.get("operstate") in _RUNS and "UP" in one.get("flags", []),
            "is_enabled": "UP" in one.get("flags", []),
            "description": one.get("ifalias", ""),
            "last_flapped": -1.0,
            "speed": speeds.get(one["ifname"], -1.0),
            "mtu": int(one.get("mtu", 0)),
            "mac_address": one.get("address", "").upper() if one.get("link_type") == "ether" else "",
        }
        for one in links
    }


def speeds(shown: str) -> dict[str, float]:
    """Read lines of ``/sys/class/net/NAME/speed:MEGABITS``."""
    pairs = (line.rpartition(":")[::2] for line in shown.splitlines())
    found = {path.split("/")[4]: float(speed) for path, speed in pairs if path.count("/") > 4}  # noqa: PLR2004
    return {name: speed if speed > 0 else -1.0 for name, speed in found.items()}


def addresses(links: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """Shape ``ip -j addr show``; interfaces without an address are left out."""
    result: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for one in links:
        for entry in one.get("addr_info", []):
            family = "ipv6" if entry.get("family") == "inet6" else "ipv4"
            of_family = result.setdefault(one["ifname"], {}).setdefault(family, {})
            of_family[entry["local"]] = {"prefix_length": int(entry["prefixlen"])}
    return result


def instances(links: Sequence[Mapping[str, Any]], wanted: str = "") -> dict[str, NetworkInstanceDict]:
    """Shape ``ip -d -j link show``: VRFs are the kernel's, and BIRD has no route distinguisher for one."""
    vrfs = [one["ifname"] for one in links if one.get("linkinfo", {}).get("info_kind") == "vrf"]
    members: dict[str, list[str]] = {"default": [], **{name: [] for name in vrfs}}
    for one in links:
        if one["ifname"] not in vrfs:
            master = one.get("master", "")
            members[master if master in vrfs else "default"].append(one["ifname"])
    return {
        name: {
            "name": name,
            "type": "DEFAULT_INSTANCE" if name == "default" else "L3VRF",
            "state": {"route_distinguisher": ""},
            "interfaces": {"interface": {each: {} for each in of_it}},
        }
        for name, of_it in members.items()
        if wanted in ("", name)
    }
