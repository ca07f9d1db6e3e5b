"""Routes: the text of ``show route all`` into NAPALM's shape. Several next hops of one route are several entries."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from napalm.base.models import RouteDict

from napalm_bird.clock import age
from napalm_bird.protocols import Protocol

# rt_show_rte of BIRD 2: net, destination, [protocol time from GATEWAY], flags, (preference/metric), [AS or router]
_ROUTE = re.compile(
    r"(?P<net>\S*)\s+(?P<kind>unicast|blackhole|unreachable|prohibited)"
    r" \[(?P<protocol>\S+) (?P<since>[^\]]*?)(?: from (?P<source>[^\]]+))?\]"
    r"(?P<primary> \*)?(?P<filtered> F)?(?: (?:I|IA|E1|E2))?"
    r"(?: \((?P<preference>\d+)(?:/(?P<metric>[^)]*))?\))?(?: \[(?P<path>[^\]]*)\])?"
)
_HOP = re.compile(r"\tvia (?P<gateway>\S+) on (?P<interface>\S+)|\tdev (?P<device>\S+)")
_ATTRIBUTE = re.compile(r"\t([A-Za-z][\w.]*): ?(.*)")
_TABLE = re.compile(r"Table (\S+):")


@dataclass(frozen=True)
class Route:
    """One route of a table, with its next hops."""

    table: str
    net: str
    kind: str
    protocol: str
    since: str
    source: str
    primary: bool
    preference: int
    metric: str
    hops: list[tuple[str, str]] = field(default_factory=list)
    """Gateway and interface; the gateway is empty for what is reached directly."""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Name the kind of protocol as NAPALM's users do: bgp, static, ospf, device, ..."""
        return self.attributes.get("Type", "").split(" ")[0].split("-")[0].lower()

    @property
    def all_hops(self) -> list[tuple[str, str]]:
        """List the next hops; a route without one (blackhole, ...) has an empty one."""
        return self.hops or [("", "")]

    @property
    def rank(self) -> tuple[str, int, str, int]:
        """What must be equal for two routes to be merged (bgp_rte_mergable of BIRD 2, as far as it is shown)."""
        path = self.attributes.get("BGP.as_path", "").split()
        return self.type, self.preference, self.attributes.get("BGP.local_pref", ""), len(path)


def parse(shown: str) -> Iterator[Route]:
    """Read ``show route``, with or without ``all``."""
    table, net, current = "", "", None
    for line in shown.splitlines():
        if found := _TABLE.fullmatch(line):
            table = found.group(1)
        elif line.startswith("\t"):
            if current is not None:
                _add(current, line)
        elif found := _ROUTE.match(line):
            if current is not None:
                yield current
            net = found["net"] or net
            current = Route(
                table,
                net,
                found["kind"],
                found["protocol"],
                found["since"],
                found["source"] or "",
                bool(found["primary"]),
                int(found["preference"] or 0),
                found["metric"] or "",
            )
    if current is not None:
        yield current


def _add(route: Route, line: str) -> None:
    if found := _HOP.match(line):
        route.hops.append((found["gateway"] or "", found["interface"] or found["device"]))
    elif found := _ATTRIBUTE.match(line):
        route.attributes[found.group(1)] = found.group(2)


def routes(
    shown: str, exported: str, now: str, protocol: str, running: Mapping[str, Protocol]
) -> dict[str, list[RouteDict]]:
    """Shape the routes of all tables; ``exported`` is what the kernel protocols were given, with merged paths."""
    given = {(one.table, one.net, hop) for one in parse(exported) for hop in one.all_hops}
    kernels = {each.fields.get("Table") for one in running.values() if one.type == "Kernel" for each in one.channels}
    found = list(parse(shown))
    best = {(one.table, one.net): one.rank for one in found if one.primary}
    result: dict[str, list[RouteDict]] = {}
    for route in found:
        if protocol and route.type != protocol.lower():
            continue
        equal = route.rank == best.get((route.table, route.net))
        for hop in route.all_hops:
            in_kernel = equal and (route.table, route.net, hop) in given
            chosen = in_kernel if route.table in kernels else route.primary
            result.setdefault(route.net, []).append(_entry(route, hop, now, running, chosen=chosen))
    return result


def _entry(route: Route, hop: tuple[str, str], now: str, running: Mapping[str, Protocol], *, chosen: bool) -> RouteDict:
    return {
        "protocol": route.type,
        "current_active": route.primary or chosen,
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
    return "not given to the kernel" if route.primary else "another route is preferred"


def _bgp(route: Route, session: Protocol | None) -> dict[str, object]:
    fields = session.fields if session else {}
    path = route.attributes.get("BGP.as_path", "")
    words: Collection[str] = path.split()
    return {
        "as_path": path,
        "remote_as": next((int(word) for word in words if word.isdigit()), 0),
        "local_as": int(fields.get("Local AS", "0").split(" ")[0]),
        "remote_address": fields.get("Neighbor address", route.source),
        "local_preference": int(route.attributes.get("BGP.local_pref", "0") or 0),
        "metric": int(route.attributes.get("BGP.med", "0") or 0),
        "communities": [
            community.strip("()").replace(",", ":")
            for community in route.attributes.get("BGP.community", "").split(" ")
            if community
        ],
        "next_hop": route.attributes.get("BGP.next_hop", "").split(" ")[0],
        "preference2": 0,
    }
