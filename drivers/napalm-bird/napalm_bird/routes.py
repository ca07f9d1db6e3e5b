"""Routes as ``show route`` prints them, with or without ``all``; BIRD 2 and BIRD 3. Pure, and without NAPALM.

A route's line comes from rt_show_rte (BIRD 2 and 3: nest/rt-show.c), what stands behind its marks from the protocol's
own get_route_info: ``(100/10) [AS64517i]`` of BGP, ``E2 (150/10/100) [1f] [192.0.2.1]`` of OSPF, ``(120/2)`` of RIP.
BIRD 3 writes the attributes by the names that filters have for them (``bgp_path``); BIRD 2's own (``BGP.as_path``) are
read as those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_ROUTE = re.compile(
    r"(?P<net>\S(?:.*?\S)?)?\s+(?P<kind>unicast|blackhole|unreachable|prohibited|none)"
    r" \[(?P<protocol>\S+) (?P<since>[^\]]*?)(?: from (?P<sender>[^\s\]]+))?\]"
    r"(?P<mark> [*!])?(?P<filtered> F)?(?: (?:I|IA|E1|E2|L1|L2))?"
    r"(?: \((?P<preference>\d+)(?P<rest>[^)]*)\))?(?P<path>(?: \[[^\]]*\])*)\s*"
)
_HOP = re.compile(
    r"\t(?:via (?P<gateway>\S+) on (?P<interface>\S+)|dev (?P<device>\S+))(?:.*? weight (?P<weight>\d+))?.*"
)
_ATTRIBUTE = re.compile(r"\t(?P<name>[A-Za-z][\w. ]*?): ?(?P<value>.*)")
_AS_SET = re.compile(r"\{[^}]*\}")
_METRIC = re.compile(r"/(\d+)")
_ORIGINS = ("IGP", "EGP", "Incomplete")
_TABLE = re.compile(r"Table (\S+):")
_NOT_A_ROUTE = re.compile(
    r"BIRD \S+ ready\.|Access restricted|Network not found|No valid tables|\d+ of \d+ routes for \d+ networks.*|\s*"
)
_SAME_ATTRIBUTE = {"type": "source", "bgp_as_path": "bgp_path"}
"""Names that BIRD 2 has for what the filter language, and BIRD 3, call otherwise."""


class UnknownRoute(ValueError):  # noqa: N818 (told to a person)
    """A line that should be a route's and is not known: what stands below it is nobody's."""


@dataclass(frozen=True)
class NextHop:
    """Where a route leads; the gateway is empty for what is reached directly."""

    gateway: str
    interface: str
    weight: int | None = None


@dataclass(frozen=True)
class Route:
    """One route of a table.

    ``kind`` is unicast, or what becomes of the packet. ``mark`` is ``*`` for the best route of its net, ``!`` for one
    that the kernel did not take. ``sender`` is who told it, where that is not the gateway. ``rest`` stands behind
    the preference: ``s`` for stale, the metric of the way to the next hop. ``attributes`` have the names of the filter
    language.
    """

    table: str
    net: str
    kind: str
    protocol: str
    since: str
    sender: str
    mark: str
    preference: int
    rest: str
    hops: list[NextHop] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Name the kind of protocol that it comes from: bgp, static, ospf, device, inherit (the kernel's), ..."""
        return self.attributes.get("source", "").split(" ")[0].split("-")[0].lower()

    @property
    def best(self) -> bool:
        """Tell whether it is the one that its table has chosen."""
        return bool(self.mark)

    @property
    def stale(self) -> bool:
        """Tell whether it is kept from a session that is gone (long-lived graceful restart; RFC 9494)."""
        return self.rest.startswith(("s", "-s"))

    @property
    def next_hop(self) -> str:
        """The next hop that BGP told, before the router has resolved it; empty for what is not BGP's."""
        return self.attributes.get("bgp_next_hop", "").split(" ")[0]

    @property
    def as_path(self) -> list[str]:
        """The AS path, nearest first; a set counts as one AS (RFC 4271, 9.1.2.2)."""
        return _AS_SET.sub("{}", self.attributes.get("bgp_path", "")).split()

    def merges_with(self, best: Route) -> bool:
        """Tell whether BIRD may merge it with the best route of its net (bgp_rte_mergable in proto/bgp/attrs.c).

        What else differs only decides which of several equals is called the best. A MED counts among the routes of one
        neighbour AS alone.
        """
        same_neighbour = self.as_path[:1] == best.as_path[:1]
        same_med = self.attributes.get("bgp_med") == best.attributes.get("bgp_med")
        return self._rank == best._rank and (same_med or not same_neighbour)

    @property
    def metric(self) -> int | None:
        """The metric of the way to its next hop (RFC 4271, 9.1.2.2 e); None where the table does not say."""
        found = _METRIC.search(self.rest)
        return int(found.group(1)) if found else None

    @property
    def order(self) -> tuple[object, ...]:
        """How good it is, the best the highest, as far as that shows (RFC 4271, 9.1.2)."""
        shown = self.attributes
        origin = _ORIGINS.index(shown["bgp_origin"]) if shown.get("bgp_origin") in _ORIGINS else len(_ORIGINS)
        local_preference = shown.get("bgp_local_pref", "0")
        return (
            self.best,
            self.preference,
            bool(self.hops),
            not self.stale,
            int(local_preference) if local_preference.isdigit() else 0,
            -len(self.as_path),
            -origin,
            -(self.metric or 0),
        )

    @property
    def _rank(self) -> tuple[object, ...]:
        shown = self.attributes
        path = len(self.as_path)
        return self.type, self.preference, self.rest, shown.get("bgp_local_pref"), path, shown.get("bgp_origin")


def parse(shown: str) -> Iterator[Route]:
    """Read ``show route``.

    Raises:
        UnknownRoute: a line is of a form that is not known; to pass over it would give its hops to the route before.

    """
    table, net, current = "", "", None
    for line in shown.splitlines():
        if line.startswith("\t"):
            if current is not None:
                _add(current, line)
            continue
        found = _ROUTE.fullmatch(line)
        if found is None:
            if named := _TABLE.fullmatch(line):
                table = named.group(1)
            elif not _NOT_A_ROUTE.fullmatch(line):
                raise UnknownRoute(f"a route in a form that is not known: {line.strip()!r}")
            continue
        if current is not None:
            yield current
        net = found["net"] or net
        current = Route(
            table,
            net,
            found["kind"],
            found["protocol"],
            found["since"],
            found["sender"] or "",
            (found["mark"] or "").strip(),
            int(found["preference"] or 0),
            found["rest"] or "",
        )
    if current is not None:
        yield current


def _add(route: Route, line: str) -> None:
    if found := _HOP.fullmatch(line):
        weight = int(found["weight"]) if found["weight"] else None
        route.hops.append(NextHop(found["gateway"] or "", found["interface"] or found["device"], weight))
    elif found := _ATTRIBUTE.fullmatch(line):
        name = found["name"].lower().replace(".", "_").replace("kernel_", "krt_")
        route.attributes[_SAME_ATTRIBUTE.get(name, name)] = found["value"]


def resolved(routes: Iterable[Route]) -> dict[str, frozenset[str]]:
    """Say for the next hops of BGP's routes which gateways the router has resolved them to, through its own routes.

    A next hop on a common link leads to itself. One behind further hops (``multihop``, ``gateway recursive``, an
    internal session, a loopback) leads to what the table has for it: one gateway or several, or an interface alone.
    """
    return {
        route.next_hop: frozenset(hop.gateway or f"dev {hop.interface}" for hop in route.hops)
        for route in routes
        if route.next_hop and route.hops
    }
