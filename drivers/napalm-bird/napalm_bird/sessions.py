"""BGP sessions: BIRD's text into NAPALM's shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from napalm.base.models import (
    BGPStateAddressFamilyDict,
    BGPStateNeighborDict,
    BGPStateNeighborsPerVRFDict,
    PeerDetailsDict,
)

from napalm_bird.clock import age
from napalm_bird.protocols import Channel, Protocol

_NOT_COUNTED = -1
"""What BIRD neither counts nor shows, and NAPALM asks for."""


def neighbors(shown: Iterable[Protocol], router_id: str, now: str) -> dict[str, BGPStateNeighborsPerVRFDict]:
    """Shape the sessions for get_bgp_neighbors, by the address of the neighbour."""
    result: dict[str, BGPStateNeighborsPerVRFDict] = {"global": {"router_id": router_id, "peers": {}}}
    for one in _sessions(shown):
        of_vrf = result.setdefault(_vrf(one), {"router_id": router_id, "peers": {}})
        of_vrf["peers"][one.neighbor] = _peer(one, now)
    return result


def _sessions(shown: Iterable[Protocol]) -> Iterator[Protocol]:
    """Leave out what waits for a whole range of neighbours: each that comes is a protocol of its own."""
    return (one for one in shown if one.type == "BGP" and one.neighbor)


def _vrf(one: Protocol) -> str:
    return one.fields.get("VRF", "global")


def _number(text: str | None) -> int:
    word = (text or "").split(" ")[0]
    return int(word) if word.isdigit() else 0


def _peer(one: Protocol, now: str) -> BGPStateNeighborDict:
    return {
        "is_enabled": one.state != "down",
        "is_up": one.established,
        "uptime": age(one.since, now) if one.established else -1,
        "remote_as": _number(one.fields.get("Neighbor AS")),
        "local_as": _number(one.fields.get("Local AS")),
        "remote_id": one.fields.get("Neighbor ID", "0.0.0.0"),  # noqa: S104 (unknown before a session was up)
        "description": one.fields.get("Description", ""),
        "address_family": {each.family: _family(each) for each in one.channels},
    }


def _family(channel: Channel) -> BGPStateAddressFamilyDict:
    routes = channel.routes
    return {
        "received_prefixes": _received(channel),
        "accepted_prefixes": routes.get("imported", 0),
        "sent_prefixes": routes.get("exported", 0),
    }


def _received(channel: Channel) -> int:
    """BIRD forgets what a filter refuses, unless ``import keep filtered`` is on."""
    routes = channel.routes
    if "filtered" in routes or channel.fields.get("Input filter") == "ACCEPT":
        return routes.get("imported", 0) + routes.get("filtered", 0)
    return 0 if channel.fields.get("State") != "UP" else _NOT_COUNTED


def neighbors_detail(
    shown: Iterable[Protocol], wanted: str = "", *, multipath: bool
) -> dict[str, dict[int, list[PeerDetailsDict]]]:
    """Shape the sessions for get_bgp_neighbors_detail."""
    result: dict[str, dict[int, list[PeerDetailsDict]]] = {"global": {}}
    for one in _sessions(shown):
        if wanted in ("", one.neighbor):
            by_as = result.setdefault(_vrf(one), {})
            by_as.setdefault(_number(one.fields.get("Neighbor AS")), []).append(_detail(one, multipath))
    return result


def _detail(one: Protocol, multipath: bool) -> PeerDetailsDict:  # noqa: FBT001 (a value)
    fields, counts = one.fields, [each.routes for each in one.channels]
    first = one.channels[0].fields if one.channels else {}
    received = [_received(each) for each in one.channels]
    return {
        "up": one.established,
        "local_as": _number(fields.get("Local AS")),
        "remote_as": _number(fields.get("Neighbor AS")),
        "router_id": fields.get("Neighbor ID", ""),
        "local_address": fields.get("Source address", ""),
        "routing_table": _vrf(one),
        "local_address_configured": False,  # BIRD does not show it; see get_bgp_config
        "local_port": _NOT_COUNTED,
        "remote_address": one.neighbor,
        "remote_port": _NOT_COUNTED,
        "multihop": "multihop" in fields.get("Session", "").split(),
        "multipath": multipath,
        "remove_private_as": False,
        "import_policy": first.get("Input filter", ""),
        "export_policy": first.get("Output filter", ""),
        "input_messages": _NOT_COUNTED,
        "output_messages": _NOT_COUNTED,
        "input_updates": _NOT_COUNTED,
        "output_updates": _NOT_COUNTED,
        "messages_queued_out": _NOT_COUNTED,
        "connection_state": fields.get("BGP state", ""),
        "previous_connection_state": "",
        "last_event": fields.get("Last error", ""),
        "suppress_4byte_as": one.established and "AS4" not in fields.get("Session", "").split(),
        "local_as_prepend": False,
        "holdtime": _of(fields.get("Hold timer")),
        "configured_holdtime": _NOT_COUNTED,
        "keepalive": _of(fields.get("Keepalive timer")),
        "configured_keepalive": _NOT_COUNTED,
        "active_prefix_count": sum(each.get("preferred", 0) for each in counts),
        "received_prefix_count": _NOT_COUNTED if _NOT_COUNTED in received else sum(received),
        "accepted_prefix_count": sum(each.get("imported", 0) for each in counts),
        "suppressed_prefix_count": _NOT_COUNTED,
        "advertised_prefix_count": sum(each.get("exported", 0) for each in counts),
        "flap_count": _NOT_COUNTED,
    }


def _of(timer: str | None) -> int:
    """Read the whole of ``166.409/240``, where the first number is what is left of it."""
    return _number((timer or "").partition("/")[2])
