"""Routes: FRR's JSON into NAPALM's shape. Several next hops of one route are several entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napalm.base.models import RouteDict

from napalm_frr.as_numbers import as_number
from napalm_frr.shown import BgpPath, NextHop, TableRoute, age, table_routes

NO_PATH = BgpPath("", "", "", "", 0, (), chosen=False, valid=False, stale=False)


def routes(
    table: Mapping[str, Any], bgp: Mapping[str, tuple[BgpPath, ...]], protocol: str
) -> dict[str, list[RouteDict]]:
    """Shape ``show ip route ... json``; BGP's attributes come from the paths of ``show bgp ... json``."""
    result: dict[str, list[RouteDict]] = {}
    for prefix, candidates in table_routes(table).items():
        entries = [
            _route(route, hop, bgp.get(prefix, ()))
            for route in candidates
            if not protocol or route.protocol == protocol.lower()
            for hop in route.next_hops
        ]
        if entries:
            result[prefix] = entries
    return result


def _route(route: TableRoute, hop: NextHop, paths: tuple[BgpPath, ...]) -> RouteDict:
    chosen = route.selected and hop.active and (hop.in_kernel or hop.recursive)
    return {
        "protocol": route.protocol,
        "current_active": route.selected,
        "last_active": False,
        "age": age(route.uptime or "00:00:00"),
        "next_hop": hop.address,
        "outgoing_interface": hop.interface,
        "selected_next_hop": chosen,
        "preference": route.distance,
        "inactive_reason": _inactive(route, hop, chosen=chosen),
        "routing_table": route.vrf,
        "protocol_attributes": _attributes(route, hop, paths),
    }


def _inactive(route: TableRoute, hop: NextHop, *, chosen: bool) -> str:
    if chosen:
        return ""
    if not hop.active:
        return "next hop unreachable"
    if not route.selected:
        return "another route is preferred"
    return "next hop not installed" if route.installed else "not installed"


def _attributes(route: TableRoute, hop: NextHop, paths: tuple[BgpPath, ...]) -> dict[str, Any]:
    if route.protocol != "bgp":
        return {}
    path = next((one for one in paths if hop.address in one.next_hops), NO_PATH)
    return {
        "as_path": path.as_path,
        "remote_as": as_number((path.as_path.split() or [""])[0]),
        "remote_address": path.peer,
        "peer_id": path.router_id,
        "local_preference": path.local_preference,
        "metric": route.metric,
        "communities": list(path.communities),
        "preference2": 0,
    }
