"""IOS's answers: sessions by NAPALM's getter; paths, routes and what is forwarded (CEF) as tables, since IOS has no other form. Pure.

The tables are read by ntc-templates, whose tests hold recorded answers (tests/cisco_ios: show_ip_bgp, show_ip_route, show_ip_cef).
The table of paths does not tell who has sent one, so each node's is asked for as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from kubepeer.errors import CommandError
from kubepeer.intent.families import Address, Network
from tasks.linux.observe import Answer
from tasks.platforms.driver_answers import (
    GETTER,
    neighbours_among,
    parsed,
    paths_of,
    sessions_in,
    text_of,
)
from tasks.platforms.hops import Hop
from tasks.platforms.reader import ByVrf, each
from tasks.platforms.seen import KernelRoute, Path, RibRoute, RouterSeen

HEADLINE = re.compile(r"^\s*Network\s+Next Hop", re.MULTILINE)
NOTHING = re.compile(r"not in table|No such neighbor|BGP not active", re.IGNORECASE)
VIA = re.compile(r"\[\d+/\d+\] via ")
CODES = {"B": "bgp", "S": "static", "C": "connected", "L": "local", "O": "ospf", "D": "eigrp", "R": "rip", "i": "isis"}


@dataclass(frozen=True)
class Ios(ByVrf):
    """A Cisco router with IOS or IOS XE, read by its own show commands."""

    encoding = "text"

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:
        """The cluster's networks and its nodes alone: the cost does not grow with the router's table."""
        bgp = f"show ip bgp vpnv4 vrf {self.vrf}" if self.vrf else "show ip bgp"
        vrf = f" vrf {self.vrf}" if self.vrf else ""
        asked = {"sessions": GETTER}
        for network in networks:
            within = f"{network.network_address} {network.netmask} longer-prefixes"
            asked[f"bgp {network}"] = f"{bgp} {within}"
            asked[f"rib {network}"] = f"show ip route{vrf} {within}"
            asked[f"cef {network}"] = f"show ip cef{vrf} {within}"
        for node in neighbours_among(networks, probes):
            asked[f"sent {node}"] = f"{bgp} neighbors {node} routes"
        return asked

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:  # noqa: ARG002
        """Read the answers."""
        routes = each(answers, "rib", lambda name: _routes(text_of(answers, name), name))
        forwarded = each(answers, "cef", lambda name: _forwarded(text_of(answers, name)))
        return RouterSeen(
            sessions=sessions_in(answers, self.vrf),
            bgp=paths_of(answers, _paths),
            rib={prefix: (route,) for prefix, route in routes},
            kernel={route.prefix: (route,) for route in forwarded},
        )


def _is_empty(text: str, name: str) -> bool:
    """Whether IOS says that there is nothing of the kind; what else it says with a % is no answer."""
    said = text.strip().splitlines()[:1]
    if said and said[0].startswith("%") and not NOTHING.search(said[0]):
        raise CommandError(f"IOS said to the question '{name}': {said[0]}")
    return not said or said[0].startswith("%")


def _paths(text: str, sender: Address | None) -> dict[Network, list[Path]]:
    headline = HEADLINE.search(text)
    if _is_empty(text, "show ip bgp") or not headline:
        return {}  # no path, or no such neighbour: IOS then has no table
    rows = parsed("cisco_ios", "show ip bgp", text)
    said = sum(1 for line in text[headline.end() :].splitlines() if re.match(r" ?[bdhmrsSx*][bdhimrsSx*> ]{2}", line))
    if len(rows) != said:
        raise CommandError(f"the answer to 'show ip bgp' has {said} paths, and {len(rows)} of them can be read")
    paths: dict[Network, list[Path]] = {}
    for row in rows:
        flags = row["status"] + row["path_selection"]
        path = Path(
            row["next_hop"],
            sender,
            chosen=">" in flags or "m" in flags,
            valid="*" in flags or "r" in flags,
            stale="S" in flags,
        )
        paths.setdefault(_network(row["network"]), []).append(path)
    return paths


def _network(written: str) -> Network:
    """A prefix as `show ip bgp` writes it: without its length where that is the class's (RFC 791, 3.2)."""
    if "/" in written:
        return ip_network(written)
    first = int(written.split(".", maxsplit=1)[0])
    return ip_network(f"{written}/{8 if first < 128 else 16 if first < 192 else 24}")  # noqa: PLR2004  classes A, B and C


def _routes(text: str, name: str) -> Iterator[tuple[Network, RibRoute]]:
    if _is_empty(text, name):
        return
    rows = parsed("cisco_ios", "show ip route", text)
    said, read = len(VIA.findall(text)), sum(1 for row in rows if row["nexthop_ip"])
    if said != read:
        raise CommandError(f"the answer to the question '{name}' has {said} next hops, and {read} of them can be read")
    found: dict[Network, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(ip_network(f"{row['network']}/{row['prefix_length']}"), []).append(row)
    for prefix, some in found.items():
        lines = tuple((row["nexthop_ip"], row["nexthop_if"], None) for row in some)
        yield (
            prefix,
            RibRoute(
                protocol=CODES.get(some[0]["protocol"], some[0]["protocol"]),
                distance=int(some[0]["distance"] or 0),
                metric=int(some[0]["metric"] or 0),
                hops=frozenset(hop or _without_hop(interface) for hop, interface, _ in lines),
                selected=True,  # IOS shows no other
                uptime=some[0]["uptime"],
                lines=lines,
            ),
        )


def _without_hop(interface: str) -> Hop:
    return "blackhole" if interface.startswith("Null") else f"dev {interface}"


def _forwarded(text: str) -> Iterator[KernelRoute]:
    """What CEF has; a word in place of an address (attached, receive, drop, no route) is no next hop that a node has."""
    if _is_empty(text, "show ip cef"):
        return
    for row in parsed("cisco_ios", "show ip cef", text):
        hops = frozenset(
            hop
            if hop[:1].isdigit()
            else "blackhole"
            if "Null" in interface or hop in ("drop", "discard")
            else f"dev {interface}"
            for hop, interface in zip(row["nexthop"], [*row["interface"], *[""] * len(row["nexthop"])], strict=False)
        )
        yield KernelRoute(ip_network(f"{row['ip_address']}/{row['prefix_length']}"), "", 0, hops)
