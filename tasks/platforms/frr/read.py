"""FRR's answers: sessions and paths from bgpd, routes from zebra, and the kernel's own. Pure.

The keys are those that FRR 8.4.4 prints for `show ... json` (bgpd/bgp_vty.c, bgpd/bgp_route.c, zebra/zebra_vty.c);
tests/unit/platforms/frr/recorded holds its answers.
"""

import json
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms import kernel
from tasks.platforms.frr.vtysh import VTYSH
from tasks.platforms.seen import Path, RibRoute, RouterSeen, Session

Json = Mapping[str, Any]
SELF = "0.0.0.0"  # noqa: S104  FRR's next hop of a route of its own


class Frr:
    """A router with FRR on Linux, read through vtysh and iproute2."""

    def questions(self, networks: Sequence[IPv4Network], probes: Mapping[IPv4Network, IPv4Address]) -> dict[str, str]:
        """Everything in one round trip: 0.1 s on the router, whatever else its tables hold."""
        asked = {"neighbours": f"{VTYSH} -c 'show bgp neighbors json'"}
        for network in networks:
            asked[f"bgp {network}"] = f"{VTYSH} -c 'show bgp ipv4 unicast {network} longer-prefixes json'"
            asked[f"rib {network}"] = f"{VTYSH} -c 'show ip route {network} longer-prefixes json'"
            asked[f"kernel {network}"] = kernel.routes_question(network)
        return asked | {"lookups": kernel.lookups_question(probes.values())}

    def read(self, answers: Mapping[str, Answer], probes: Mapping[IPv4Network, IPv4Address]) -> RouterSeen:
        """Read the answers to these questions."""
        bgp: dict[IPv4Network, tuple[Path, ...]] = {}
        rib: dict[IPv4Network, tuple[RibRoute, ...]] = {}
        for name in answers:
            if name.startswith("bgp "):
                bgp |= _paths(_json(answers, name))
            elif name.startswith("rib "):
                rib |= _rib(_json(answers, name))
        return RouterSeen(
            sessions=_sessions(_json(answers, "neighbours")),
            bgp=bgp,
            rib=rib,
            kernel=kernel.read_routes(answer for name, answer in answers.items() if name.startswith("kernel ")),
            lookups=kernel.read_lookups(answers["lookups"], probes),
        )


def _json(answers: Mapping[str, Answer], name: str) -> Json:
    """An answer of vtysh; it may say something else first ("% Can't open configuration file ...")."""
    answer = answers[name]
    start = answer.text.find("{")
    if start < 0 or answer.code:
        said = (answer.lines or ["nothing"])[-1]
        cure = "systemctl status frr" if "not running" in said or "failed to connect" in said else ""
        raise CommandError(f"FRR said to the question '{name}': {said}", cure=cure)
    try:
        document, _ = json.JSONDecoder().raw_decode(answer.text, start)
    except ValueError as error:
        raise CommandError(f"FRR's answer to the question '{name}' is no JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def _sessions(document: Json) -> dict[IPv4Address, Session]:
    sessions: dict[IPv4Address, Session] = {}
    for key, neighbour in document.items():
        if not _is_address(key) or not isinstance(neighbour, dict):
            continue  # an IPv6 or unnumbered neighbour
        peer = IPv4Address(key)
        sessions[peer] = _session(peer, neighbour)
    return sessions


def _session(peer: IPv4Address, neighbour: Json) -> Session:
    family = (neighbour.get("addressFamilyInfo") or {}).get("ipv4Unicast")
    restart = neighbour.get("gracefulRestartInfo") or {}
    state = str(neighbour.get("bgpState", "unknown"))
    up = state == "Established"
    milliseconds = neighbour.get("bgpTimerUpMsec" if up else "lastResetTimerMsecs")
    remaining = (restart.get("timers") or {}).get("restartTimerRemaining")
    return Session(
        peer=peer,
        state=state,
        seconds=None if milliseconds is None else int(milliseconds) // 1000,
        ever=bool(neighbour.get("connectionsEstablished")),
        last_error="" if up else _last_error(neighbour),
        discards=_discards(family) if up else "",
        stale_seconds=None if up or remaining is None else int(remaining),
        accepted=int((family or {}).get("acceptedPrefixCounter", 0)),
    )


def _last_error(neighbour: Json) -> str:
    """Why the session is down; what is configured on the router itself before what was last heard."""
    if neighbour.get("adminShutDown"):
        return "shut down in the router's configuration"
    if not neighbour.get("addressFamilyInfo"):
        return "IPv4 unicast is not activated for it on the router"
    said = str(neighbour.get("lastResetDueTo") or "")
    if said.startswith("BGP Notification"):
        sender = "the router" if said.endswith("send") else "the node"
        said = f"{neighbour.get('lastNotificationReason') or 'BGP notification'}, sent by {sender}"
    if neighbour.get("authenticationEnabled"):
        return f"{said} (the router expects a password)".lstrip()
    return said


def _discards(family: Json | None) -> str:
    if family is None:
        return "IPv4 unicast is not negotiated"
    return str(family.get("inboundEbgpRequiresPolicy") or "")


def _paths(document: Json) -> dict[IPv4Network, tuple[Path, ...]]:
    routes = document.get("routes") or {}
    return {IPv4Network(prefix): tuple(_path(path) for path in paths) for prefix, paths in routes.items()}


def _path(path: Json) -> Path:
    hops = path.get("nexthops") or [{}]
    hop = str(next((hop for hop in hops if hop.get("used")), hops[0]).get("ip", "unknown"))
    peer = str(path.get("peerId", ""))
    return Path(
        hop="the router itself" if hop == SELF else hop,
        peer=IPv4Address(peer) if _is_address(peer) else None,
        chosen=bool(path.get("bestpath") or path.get("multipath")),
        valid=bool(path.get("valid")),
        stale=bool(path.get("stale")),
    )


def _rib(document: Json) -> dict[IPv4Network, tuple[RibRoute, ...]]:
    return {IPv4Network(prefix): tuple(_rib_route(route) for route in routes) for prefix, routes in document.items()}


def _rib_route(route: Json) -> RibRoute:
    lines = tuple(
        (_rib_hop(hop), str(hop.get("interfaceName", "")), hop.get("weight"))
        for hop in route.get("nexthops") or ()
        if hop.get("active") and not hop.get("resolver")
    )
    return RibRoute(
        protocol=str(route.get("protocol", "unknown")),
        distance=int(route.get("distance", 0)),
        metric=int(route.get("metric", 0)),
        hops=frozenset(hop for hop, _, _ in lines),
        selected=bool(route.get("selected")),
        installed=bool(route.get("installed")),
        uptime=str(route.get("uptime", "")),
        lines=lines,
    )


def _rib_hop(hop: Json) -> str:
    if hop.get("ip"):
        return str(hop["ip"])
    if hop.get("unreachable"):
        return "blackhole" if hop.get("blackhole") else "unreachable"
    return f"dev {hop.get('interfaceName', 'unknown')}"


def _is_address(text: str) -> bool:
    try:
        return ip_address(text).version == 4  # noqa: PLR2004  IPv4
    except ValueError:
        return False
