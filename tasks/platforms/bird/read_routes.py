"""BIRD's routes, as `show route all` prints them. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network

ROUTE = re.compile(
    r"^(?P<prefix>\S+)?\s+(?P<kind>[a-z]+) \[(?P<protocol>\S+) (?P<since>.*?)(?: from (?P<from>[^\s\]]+))?\]"
    r"(?P<mark> [*!])? \((?P<preference>\d+)(?P<rest>[^)]*)\)"
)
GATEWAY = re.compile(r"^\tvia (?P<hop>\S+) on (?P<interface>\S+)(?:.* weight (?P<weight>\d+))?")
DEVICE = re.compile(r"^\tdev (?P<interface>\S+)")
ATTRIBUTE = re.compile(r"^\t(?P<key>[A-Za-z][\w.]*): ?(?P<value>.*)$")


@dataclass(eq=False)
class Route:
    """One route as BIRD prints it, with its attributes.

    Attributes:
        kind: unicast, or what becomes of the packet: unreachable, blackhole, prohibit.
        mark: `*` for the best route of its prefix, `!` for a best route that the kernel did not take.
        sender: the neighbour that it came from, where that is not its next hop; BIRD prints it then alone.
        rest: what stands behind the preference: `s` for a stale route, the metric of the way to its next hop.

    """

    prefix: IPv4Network
    kind: str
    protocol: str
    since: str
    mark: str
    preference: int
    rest: str
    sender: IPv4Address | None = None
    lines: list[tuple[str, str, int | None]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Where BIRD has it from: bgp, static, device, inherit (from the kernel), ospf ..."""
        return self.attributes.get("Type", "unknown").split(" ")[0].partition("-")[0].lower()

    @property
    def hops(self) -> frozenset[str]:
        """Its next hops, or what becomes of the packet."""
        return frozenset(hop for hop, _, _ in self.lines) or frozenset({self.kind})

    def equals(self, best: "Route") -> bool:
        """Whether BIRD may merge it with the best path: what else differs only decides which of the equals is called the best."""
        mine, its = self._rank, best._rank
        neighbour_as = (self._as_path[:1], best._as_path[:1])
        same_metric = self.attributes.get("BGP.med") == best.attributes.get("BGP.med")
        return mine == its and (
            same_metric or neighbour_as[0] != neighbour_as[1]
        )  # the metric is one neighbour AS's own

    @property
    def _rank(self) -> tuple[object, ...]:
        local_preference = self.attributes.get("BGP.local_pref")
        return (
            self.source,
            self.preference,
            self.rest,
            local_preference,
            len(self._as_path),
            self.attributes.get("BGP.origin"),
        )

    @property
    def _as_path(self) -> list[str]:
        return self.attributes.get("BGP.as_path", "").split()


def routes_of(text: str) -> Iterator[Route]:
    """The routes of an answer, each with the lines below it."""
    prefix: IPv4Network | None = None
    route: Route | None = None
    for line in text.splitlines():
        if found := ROUTE.match(line):
            if route:
                yield route
            prefix = IPv4Network(found["prefix"]) if found["prefix"] else prefix
            if prefix is None:
                continue
            route = Route(
                prefix, found["kind"], found["protocol"], found["since"], (found["mark"] or "").strip(),
                int(found["preference"]), found["rest"], _address(found["from"]),
            )  # fmt: skip
        elif route and (found := GATEWAY.match(line)):
            route.lines.append((found["hop"], found["interface"], int(found["weight"]) if found["weight"] else None))
        elif route and (found := DEVICE.match(line)):
            route.lines.append((f"dev {found['interface']}", "", None))
        elif route and (found := ATTRIBUTE.match(line)):
            route.attributes[found["key"]] = found["value"]
    if route:
        yield route


def _address(text: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(text) if text else None
    except AddressValueError:
        return None  # a neighbour by IPv6
