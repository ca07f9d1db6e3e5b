"""What FRR shows as JSON, each text read once: BGP's neighbours and paths, zebra's routes. Pure.

The keys are those of bgpd/bgp_vty.c, bgpd/bgp_route.c and zebra/zebra_vty.c, recorded on FRR 8.4.4 and 10.3. An AS
number is a number with ``as-notation plain``, else a text (lib/asn.c, asn_asn2json).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from napalm_frr.as_numbers import as_number

Json = Mapping[str, Any]

_CLOCK = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
_YEAR, _WEEK, _DAY, _HOUR, _MINUTE = 31536000, 604800, 86400, 3600, 60
_NOTHING: Final = re.compile(r"instance not found|is unknown", re.IGNORECASE)
"""What bgpd says where it has no process, or none in that VRF: there is nothing to show."""


def document(text: str) -> Json:
    """Find the JSON object in an answer of vtysh, which may say something else first ("% Can't open ...").

    Raises:
        json.JSONDecodeError: it is cut off.
        ValueError: there is none; with the last line that was said.

    """
    found = re.search(r"^\s*\{", text, re.MULTILINE)
    if not found:
        said = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "nothing")
        if _NOTHING.search(said):
            return {}
        raise ValueError(said)
    read, _ = json.JSONDecoder().raw_decode(text, found.end() - 1)
    return read if isinstance(read, dict) else {}


def age(text: str) -> int:
    """Turn FRR's ``00:13:27``, ``1d02h03m``, ``02w3d04h`` or ``01y05w2d`` into seconds."""
    if ":" in text:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
        return hours * _HOUR + minutes * _MINUTE + seconds
    found = _CLOCK.match(text)
    units = (_YEAR, _WEEK, _DAY, _HOUR, _MINUTE)
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), units, strict=True)) if found else 0


@dataclass(frozen=True)
class Neighbour:
    """One neighbour of ``show bgp neighbors json``.

    Attributes:
        said: all that FRR says of it.
        families: what it says of each address family that is activated.

    """

    address: str
    said: Json
    families: Mapping[str, Json]

    @property
    def remote_as(self) -> int:
        """Its AS; FRR shows 0 for ``remote-as internal`` until a session was up."""
        return as_number(self.said["remoteAs"]) or (self.local_as if self.said.get("nbrInternalLink") else 0)

    @property
    def local_as(self) -> int:
        """The AS that it knows us by."""
        return as_number(self.said.get("localAs", 0))

    @property
    def state(self) -> str:
        """As FRR names it: Established, Active, Connect, Idle, OpenSent, OpenConfirm."""
        return str(self.said.get("bgpState", "unknown"))

    @property
    def established(self) -> bool:
        """Whether its session is up."""
        return self.state == "Established"

    @property
    def seconds(self) -> int | None:
        """How long its session is up or, where it is down, since it was last reset; None where nothing tells."""
        milliseconds = self.said.get("bgpTimerUpMsec" if self.established else "lastResetTimerMsecs")
        return None if milliseconds is None else int(milliseconds) // 1000

    @property
    def shut_down(self) -> bool:
        """Whether ``neighbor ... shutdown`` stands."""
        return bool(self.said.get("adminShutDown"))

    @property
    def restart_seconds(self) -> int | None:
        """How long its routes are still kept (RFC 4724); None where none are."""
        timers = (self.said.get("gracefulRestartInfo") or {}).get("timers") or {}
        remaining = timers.get("restartTimerRemaining")
        return None if remaining is None or self.established else int(remaining)


def neighbours(shown: Json) -> dict[str, Neighbour]:
    """Read the neighbours of one VRF, by address or interface."""
    return {
        name: Neighbour(name, one, one.get("addressFamilyInfo") or {})
        for name, one in shown.items()
        if isinstance(one, dict) and "remoteAs" in one
    }


@dataclass(frozen=True)
class BgpPath:
    """One path of a prefix in ``show bgp ... json``.

    Attributes:
        next_hop: the one in use of its next hops (the link-local one beside it is left out); "" where none is shown.
        peer: the address of who announced it; "" for a path of the router's own.
        chosen: the best path, or one of its equals (multipath).
        stale: kept although its session was lost (RFC 4724).
        next_hops: all of them.
        origin: "IGP", "EGP" or "incomplete" (RFC 4271, 5.1.1).
        large_communities: those of RFC 8092.
        detailed: whether it was shown in detail: without it no communities are shown.

    """

    next_hop: str
    peer: str
    router_id: str
    as_path: str
    local_preference: int
    communities: tuple[str, ...]
    chosen: bool
    valid: bool
    stale: bool
    next_hops: tuple[str, ...] = ()
    origin: str = ""
    large_communities: tuple[str, ...] = ()
    detailed: bool = False


def bgp_paths(shown: Json) -> dict[str, tuple[BgpPath, ...]]:
    """Read the paths of each prefix, from either shape: of many prefixes, or of one; in detail or not."""
    listed: Json = {shown["prefix"]: shown} if "paths" in shown else shown.get("routes") or {}
    return {prefix: tuple(map(_path, _paths(said))) for prefix, said in listed.items()}


def _paths(said: Any) -> Iterator[Json]:
    """Find the paths of one prefix: in detail FRR 10 has them under a name, FRR 8.4 behind an entry for the prefix."""
    listed = said["paths"] if isinstance(said, dict) else said
    return (one for one in listed if one.keys() != {"prefix", "version"})


def _path(said: Json) -> BgpPath:
    hops = said.get("nexthops") or [{}]
    peer = said.get("peer") or {}
    best = said.get("bestpath")  # in detail also of one that is the best of its neighbour AS alone (deterministic-med)
    return BgpPath(
        next_hop=str(next((hop for hop in hops if hop.get("used")), hops[0]).get("ip", "")),
        peer=str(peer.get("peerId", said.get("peerId", ""))),
        router_id=str(peer.get("routerId", "")),
        as_path=str((said.get("aspath") or {}).get("string", said.get("path", ""))),
        local_preference=int(said.get("locPrf", said.get("localpref", 0)) or 0),
        communities=tuple((said.get("community") or {}).get("list", ())),
        chosen=bool(best.get("overall") if isinstance(best, dict) else best) or bool(said.get("multipath")),
        valid=bool(said.get("valid")),
        stale=bool(said.get("stale")),
        next_hops=tuple(str(hop["ip"]) for hop in hops if "ip" in hop),
        origin=str(said.get("origin", "")),
        large_communities=tuple((said.get("largeCommunity") or {}).get("list", ())),
        detailed="aspath" in said,
    )


@dataclass(frozen=True)
class NextHop:
    """One next hop of a route of zebra.

    Attributes:
        address: "" for an interface alone, or for a route that leads nowhere.
        nowhere: what becomes of the packet instead: "blackhole", "unreachable"; "" where it has a next hop.
        in_kernel: whether zebra has given it to the kernel.
        resolved_by: where it is on no link, the next hops by which zebra reaches it.

    """

    address: str
    interface: str
    weight: int | None
    active: bool
    in_kernel: bool
    recursive: bool = False
    nowhere: str = ""
    resolved_by: tuple[NextHop, ...] = ()


@dataclass(frozen=True)
class TableRoute:
    """One route of a prefix in ``show ip route ... json``, chosen or not."""

    prefix: str
    protocol: str
    distance: int
    metric: int
    selected: bool
    installed: bool
    uptime: str
    vrf: str
    next_hops: tuple[NextHop, ...] = field(default=())


def table_routes(shown: Json) -> dict[str, tuple[TableRoute, ...]]:
    """Read zebra's routes of each prefix."""
    return {prefix: tuple(_route(prefix, one) for one in routes) for prefix, routes in shown.items()}


def _route(prefix: str, said: Json) -> TableRoute:
    return TableRoute(
        prefix=prefix,
        protocol=str(said.get("protocol", "unknown")),
        distance=int(said.get("distance", 0)),
        metric=int(said.get("metric", 0)),
        selected=bool(said.get("selected")),
        installed=bool(said.get("installed")),
        uptime=str(said.get("uptime", "")),
        vrf=str(said.get("vrfName", "default")),
        next_hops=tuple(_resolved(said.get("nexthops") or ())),
    )


def _resolved(said: Iterable[Json]) -> Iterator[NextHop]:
    """Yield the next hops; those that resolve another stand behind it, marked ``resolver`` (zebra/zebra_vty.c)."""
    said = list(said)
    marked = any(one.get("resolver") for one in said)
    current: NextHop | None = None
    for one in said:
        hop = _next_hop(one)
        if current and current.recursive and not hop.recursive and (one.get("resolver") or not marked):
            current = replace(current, resolved_by=(*current.resolved_by, hop))
            continue
        if current:
            yield current
        current = hop
    if current:
        yield current


def _next_hop(said: Json) -> NextHop:
    nowhere = "blackhole" if said.get("blackhole") else "unreachable" if said.get("unreachable") else ""
    return NextHop(
        address=str(said.get("ip", "")),
        interface=str(said.get("interfaceName", "")),
        weight=said.get("weight"),
        active=bool(said.get("active")),
        in_kernel=bool(said.get("fib")),
        recursive=bool(said.get("recursive")),
        nowhere=nowhere,
    )
