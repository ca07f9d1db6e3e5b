"""Routes into NAPALM's shape, for get_route_to. Several next hops of one route are several entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from napalm.base.models import RouteDict

from napalm_bird.clock import age
from napalm_bird.protocols import Protocol
from napalm_bird.routes import NextHop, Route, parse

_NO_HOP = NextHop("", "")


def _hops(route: Route) -> list[tuple[str, str]]:
    """List gateway and interface; a route without one (blackhole, ...) has an empty one."""
    return [(hop.gateway, hop.interface) for hop in route.hops or [_NO_HOP]]


def routes(
    shown: str, exported: str, now: str, protocol: str, running: Mapping[str, Protocol]
) -> dict[str, list[RouteDict]]:
    """Shape the routes of all tables; ``exported`` is what the kernel protocols were given, with merged paths."""
    given = {(one.table, one.net, hop) for one in parse(exported) for hop in _hops(one)}
    kernels = {each.fields.get("Table") for one in running.values() if one.type == "Kernel" for each in one.channels}
    found = list(parse(shown))
    best = {(one.table, one.net): one for one in found if one.best}
    result: dict[str, list[RouteDict]] = {}
    for route in found:
        if protocol and route.type != protocol.lower():
            continue
        chosen_one = best.get((route.table, route.net))
        equal = chosen_one is not None and route.merges_with(chosen_one)
        for hop in _hops(route):
            in_kernel = equal and (route.table, route.net, hop) in given
            chosen = in_kernel if route.table in kernels else route.best
            result.setdefault(route.net, []).append(_entry(route, hop, now, running, chosen=chosen))
    return result


def _entry(route: Route, hop: tuple[str, str], now: str, running: Mapping[str, Protocol], *, chosen: bool) -> RouteDict:
    return {
        "protocol": route.type,
        "current_active": route.best or chosen,
        "last_active": False,
        "age": age(route.since, now),
        "next_hop": hop[0],
        "outgoing_interface": hop[1],
        "selected_next_hop": chosen,
        "preference": route.preference,
        "inactive_reason": "" if chosen else _inactive(route),
        "routing_table": route.table,
        "protocol_attributes": _bgp(route, running.get(route.protocol)) if route.type == "bgp" else {},
    }


def _inactive(route: Route) -> str:
    return "not given to the kernel" if route.best else "another route is preferred"


def _bgp(route: Route, session: Protocol | None) -> dict[str, object]:
    fields = session.fields if session else {}
    path = route.attributes.get("bgp_path", "")
    words: Collection[str] = route.as_path
    return {
        "as_path": path,
        "remote_as": next((int(word) for word in words if word.isdigit()), 0),
        "local_as": int(fields.get("Local AS", "0").split(" ")[0]),
        "remote_address": session.neighbor if session and session.neighbor else route.sender,
        "local_preference": int(route.attributes.get("bgp_local_pref", "0") or 0),
        "metric": int(route.attributes.get("bgp_med", "0") or 0),
        "communities": [
            community.strip("()").replace(",", ":")
            for community in route.attributes.get("bgp_community", "").split(" ")
            if community
        ],
        "next_hop": route.next_hop,
        "preference2": 0,
    }
