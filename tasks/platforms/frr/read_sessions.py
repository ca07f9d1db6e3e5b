"""FRR's neighbours as sessions, with why they are down and what was agreed upon. Pure; the text is read by napalm_frr.shown."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from napalm_frr.shown import Neighbour

from kubepeer.intent.families import Address
from tasks.platforms.attributes import Terms
from tasks.platforms.seen import Session

Json = Mapping[str, Any]


def session(neighbour: Neighbour) -> Session:
    """One neighbour, of the family of its own address."""
    peer = ip_address(neighbour.address)
    family = neighbour.families.get(f"ipv{peer.version}Unicast")
    up = neighbour.established
    return Session(
        peer=peer,
        state=neighbour.state,
        seconds=neighbour.seconds,
        ever=bool(neighbour.said.get("connectionsEstablished")),
        last_error="" if up else _last_error(peer, neighbour.said),
        discards=_discards(peer, family) if up else "",
        stale_seconds=neighbour.restart_seconds,
        accepted=int((family or {}).get("acceptedPrefixCounter", 0)),
        terms=_terms(neighbour, family or {}),
    )


def _terms(neighbour: Neighbour, family: Json) -> Terms:
    """FRR counts what its policy refuses from 8.5 on, and for all time: what was received now it does not tell."""
    said, up = neighbour.said, neighbour.established
    return Terms(
        remote_as=neighbour.remote_as or None,
        local_as=neighbour.local_as or None,
        hold_seconds=_seconds(said, "bgpTimerHoldTimeMsecs") if up else None,
        keepalive_seconds=_seconds(said, "bgpTimerKeepAliveIntervalMsecs") if up else None,
        configured_hold=_seconds(said, "bgpTimerConfiguredHoldTimeMsecs"),
        configured_keepalive=_seconds(said, "bgpTimerConfiguredKeepAliveIntervalMsecs"),
        limit=family.get("prefixAllowedMax"),
        established=said.get("connectionsEstablished"),
        dropped=said.get("connectionsDropped"),
        router_id=str(said.get("remoteRouterId", "")) if up else "",
    )


def _seconds(said: Json, key: str) -> int | None:
    return int(said[key]) // 1000 if key in said else None


def _last_error(peer: Address, neighbour: Json) -> str:
    """Why the session is down; what is configured on the router itself before what was last heard."""
    if neighbour.get("adminShutDown"):
        return "shut down in the router's configuration"
    if not neighbour.get("addressFamilyInfo"):
        return f"IPv{peer.version} unicast is not activated for it on the router"
    said = str(neighbour.get("lastResetDueTo") or "")
    if said.startswith("BGP Notification"):
        sender = "the router" if said.endswith("send") else "the node"
        said = f"{neighbour.get('lastNotificationReason') or 'BGP notification'}, sent by {sender}"
    if neighbour.get("authenticationEnabled"):
        return f"{said} (the router expects a password)".lstrip()
    return said


def _discards(peer: Address, family: Json | None) -> str:
    if family is None:
        return f"IPv{peer.version} unicast is not negotiated"
    return str(family.get("inboundEbgpRequiresPolicy") or "")
