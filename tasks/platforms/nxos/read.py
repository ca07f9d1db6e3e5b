"""NX-OS's answers: sessions by NAPALM's getter, routes in the JSON form of `show ip route`, paths as a table. Pure.

The JSON's form is Cisco's (TABLE_vrf/ROW_vrf/TABLE_addrf/ROW_addrf/TABLE_prefix/ROW_prefix/TABLE_path/ROW_path; a list of one is no list).
The table of paths is read by ntc-templates, whose tests hold recorded answers (tests/cisco_nxos); it does not tell who has sent a path,
so each node's is asked for as well. What the line cards forward is not asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from kubepeer.intent.families import Address, Network
from tasks.linux.observe import Answer
from tasks.platforms.driver_answers import (
    GETTER,
    document,
    is_address,
    neighbours_among,
    parsed,
    paths_of,
    sessions_in,
    text_of,
)
from tasks.platforms.reader import ByVrf, each
from tasks.platforms.seen import WITHOUT_FORWARDING, Path, RibRoute, RouterSeen

DEFAULT = "default"  # NX-OS's name of the table outside all VRFs
TABLE = "show bgp vrf default ipv4 unicast neighbors 10.31.90.1 routes"  # by which ntc-templates knows the form
NOTHING = ("Route not found", "No such neighbor", "Can't find neighbor")


@dataclass(frozen=True)
class Nxos(ByVrf):
    """A Cisco Nexus, read by its own show commands."""

    encoding = "text"

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:
        """The cluster's networks and its nodes alone: the cost does not grow with the router's table."""
        vrf = self.vrf or DEFAULT
        asked = {"sessions": GETTER}
        for network in networks:
            asked[f"bgp {network}"] = f"show ip bgp {network} longer-prefixes vrf {vrf}"
            asked[f"rib {network}"] = f"show ip route {network} longer-prefixes vrf {vrf} | json"
        for node in neighbours_among(networks, probes):
            asked[f"sent {node}"] = f"show bgp vrf {vrf} ipv4 unicast neighbors {node} routes"
        return asked

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:  # noqa: ARG002
        """Read the answers."""
        routes = each(answers, "rib", lambda name: _routes(answers, name))
        return RouterSeen(
            sessions=sessions_in(answers, self.vrf),
            bgp=paths_of(answers, _paths),
            rib={prefix: tuple(some) for prefix, some in routes},
            layers=WITHOUT_FORWARDING,
        )


def _paths(text: str, sender: Address | None) -> dict[Network, list[Path]]:
    if any(said in text for said in NOTHING):
        return {}
    paths: dict[Network, list[Path]] = {}
    for row in parsed("cisco_nxos", TABLE, text):
        chosen = row["path_selection"] in (">", "|") or row["origin"] == "|"
        path = Path(row["next_hop"], sender, chosen=chosen, valid=row["status"] == "*", stale=row["status"] == "S")
        paths.setdefault(ip_network(f"{row['prefix']}/{row['prefix_length']}"), []).append(path)
    return paths


def _rows(table: Any, name: str) -> list[Mapping[str, Any]]:
    """The rows of a table; where there is one, NX-OS writes no list, and where there is none, no table."""
    rows = (table or {}).get(f"TABLE_{name}", {}).get(f"ROW_{name}", [])
    return rows if isinstance(rows, list) else [rows]


def _routes(answers: Mapping[str, Answer], name: str) -> Iterator[tuple[Network, list[RibRoute]]]:
    text = text_of(answers, name)
    if not text.strip() or any(said in text for said in NOTHING):
        return
    for vrf in _rows(document(answers, name), "vrf"):
        for family in _rows(vrf, "addrf"):
            for row in _rows(family, "prefix"):
                yield ip_network(str(row["ipprefix"])), list(_routes_of(_rows(row, "path")))


def _routes_of(paths: Sequence[Mapping[str, Any]]) -> Iterator[RibRoute]:
    """The best paths as one route, then one for each that is in reserve."""
    best = [path for path in paths if path.get("ubest") == "true"]
    for some, selected in ((best, True), *(([path], False) for path in paths if path not in best)):
        if some:
            lines = tuple((path.get("ipnexthop", ""), path.get("ifname", ""), None) for path in some)
            yield RibRoute(
                protocol=str(some[0].get("clientname", "")).split("-")[0],
                distance=int(some[0].get("pref", 0)),
                metric=int(some[0].get("metric", 0)),
                hops=frozenset(hop if is_address(hop) else f"dev {interface}" for hop, interface, _ in lines),
                selected=selected,
                uptime=str(some[0].get("uptime", "")),
                lines=lines,
                absent="not a best next hop of the route",
            )
