"""Interfaces and addresses: FRR's JSON into NAPALM's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_interface
from typing import Any

from napalm.base.models import InterfaceDict

_UNKNOWN_SPEED = 4294967295  # zebra prints the -1 of the kernel as unsigned
_TIME = "%Y/%m/%d %H:%M:%S"


def interfaces(shown: Mapping[str, Any], clock: str) -> dict[str, InterfaceDict]:
    """Shape ``show interface vrf all json``; clock is the router's own local time, in which zebra notes flaps."""
    return {name: _interface(one, clock.strip()) for name, one in shown.items()}


def _interface(one: Mapping[str, Any], clock: str) -> InterfaceDict:
    speed = int(one.get("speed", 0))
    return {
        "is_up": one.get("operationalStatus") == "up",
        "is_enabled": one.get("administrativeStatus") == "up",
        "description": one.get("description", one.get("OsDescription", "")),
        "last_flapped": _since(one, clock),
        "speed": -1.0 if speed == _UNKNOWN_SPEED else float(speed),
        "mtu": int(one.get("mtu", 0)),
        "mac_address": one.get("hardwareAddress", "").upper(),
    }


def _since(one: Mapping[str, Any], clock: str) -> float:
    flaps = [one[key] for key in ("lastLinkUp", "lastLinkDown") if one.get(key)]
    if not flaps:
        return -1.0
    last = max(datetime.strptime(text.partition(".")[0], _TIME) for text in flaps)  # noqa: DTZ007 (see clock)
    return (datetime.strptime(clock, _TIME) - last).total_seconds()  # noqa: DTZ007


def addresses(shown: Mapping[str, Any]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """Shape ``show interface vrf all json`` for get_interfaces_ip; interfaces without an address are left out."""
    result: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
    for name, one in shown.items():
        for entry in one.get("ipAddresses", []):
            address = ip_interface(entry["address"])
            family = result.setdefault(name, {}).setdefault(f"ipv{address.version}", {})
            family[str(address.ip)] = {"prefix_length": address.network.prefixlen}
    return result
