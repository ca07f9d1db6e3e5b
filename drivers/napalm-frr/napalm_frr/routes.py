"""Routes: FRR's JSON into NAPALM's shape. Several next hops of one route are several entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from napalm.base.models import RouteDict

_CLOCK = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
_WEEK, _DAY, _HOUR, _MINUTE = 604800, 86400, 3600, 60


def age(text: str) -> int:
    """Turn FRR's ``00:13:27``, ``1d02h03m`` or ``02w3d04h`` into seconds."""
    if ":" in text:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
        return hours * _HOUR + minutes * _MINUTE + seconds
    found = _CLOCK.match(text)
    weeks, days, hours, minutes = (int(part or 0) for part in (found.groups() if found else (0, 0, 0, 0)))
    return weeks * _WEEK + days * _DAY + hours * _HOUR + minutes * _MINUTE


def routes(table: Mapping[str, Any], bgp: Mapping[str, Any], protocol: str) -> dict[str, list[RouteDict]]:
    """Shape ``show ip route ... json``; BGP's attributes come from ``show bgp ... json``."""
    result: dict[str, list[RouteDict]] = {}
    for prefix, candidates in table.items():
        entries = [
            _route(route, hop, bgp.get(prefix, []))
            for route in candidates
            if not protocol or route["protocol"] == protocol.lower()
            for hop in route.get("nexthops", [])
            if not hop.get("resolver")
        ]
        if entries:
            result[prefix] = entries
    return result


def _route(route: Mapping[str, Any], hop: Mapping[str, Any], paths: list[dict[str, Any]]) -> RouteDict:
    selected = bool(route.get("selected"))
    chosen = selected and bool(hop.get("fib") or hop.get("recursive")) and bool(hop.get("active"))
    return {
        "protocol": route["protocol"],
        "current_active": selected,
        "last_active": False,
        "age": age(route.get("uptime", "00:00:00")),
        "next_hop": hop.get("ip", ""),
        "outgoing_interface": hop.get("interfaceName", ""),
        "selected_next_hop": chosen,
        "preference": int(route.get("distance", 0)),
        "inactive_reason": _inactive(route, hop, selected=selected, chosen=chosen),
        "routing_table": route.get("vrfName", "default"),
        "protocol_attributes": _attributes(route, hop, paths),
    }


def _inactive(route: Mapping[str, Any], hop: Mapping[str, Any], *, selected: bool, chosen: bool) -> str:
    if chosen:
        return ""
    if not hop.get("active"):
        return "next hop unreachable"
    if not selected:
        return "another route is preferred"
    return "not installed" if not route.get("installed") else "next hop not installed"


def _attributes(route: Mapping[str, Any], hop: Mapping[str, Any], paths: list[dict[str, Any]]) -> dict[str, Any]:
    if route["protocol"] != "bgp":
        return {}
    path = next((one for one in paths if any(each.get("ip") == hop.get("ip") for each in one.get("nexthops", []))), {})
    as_path = path.get("aspath", {}).get("string", path.get("path", ""))
    return {
        "as_path": as_path,
        "remote_as": _last_as(as_path),
        "remote_address": path.get("peer", {}).get("peerId", path.get("peerId", "")),
        "peer_id": path.get("peer", {}).get("routerId", ""),
        "local_preference": int(path.get("locPrf", path.get("localpref", 0)) or 0),
        "metric": int(route.get("metric", 0)),
        "communities": path.get("community", {}).get("list", []),
        "preference2": 0,
    }


def _last_as(as_path: str) -> int:
    words = as_path.split()
    return int(words[0]) if words and words[0].isdigit() else 0


def bgp_paths(output: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Bring the two shapes of ``show bgp ... json`` (one prefix, many prefixes) to one."""
    if "paths" in output:
        return {output["prefix"]: output["paths"]}
    return dict(output.get("routes", {}))
