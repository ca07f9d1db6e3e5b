"""BGP sessions: FRR's JSON into NAPALM's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napalm.base.models import BGPStateNeighborDict, BGPStateNeighborsPerVRFDict, PeerDetailsDict

from napalm_frr.as_numbers import process_of
from napalm_frr.shown import Neighbour, neighbours

_FAMILIES = {"ipv4Unicast": "ipv4", "ipv6Unicast": "ipv6"}
_NOT_COUNTED = -1
"""FRR does not count what was received before the filters; NAPALM asks for it."""


def vrf_name(name: str) -> str:
    """Name a VRF as NAPALM does."""
    return "global" if name == "default" else name


def neighbors(details: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, BGPStateNeighborsPerVRFDict]:
    """Shape ``show bgp vrf all neighbors json`` and ``show bgp vrf all summary json`` for get_bgp_neighbors."""
    result: dict[str, BGPStateNeighborsPerVRFDict] = {"global": {"router_id": "", "peers": {}}}
    for vrf, of_vrf in details.items():
        peers = neighbours(of_vrf)
        families = summary.get(vrf, {})
        router_id = next((one["routerId"] for one in families.values() if "routerId" in one), "")
        result[vrf_name(vrf)] = {
            "router_id": router_id or next((one.said.get("localRouterId", "") for one in peers.values()), ""),
            "peers": {address: _peer(peer, families) for address, peer in peers.items()},
        }
    return result


def _peer(peer: Neighbour, families: Mapping[str, Any]) -> BGPStateNeighborDict:
    return {
        "is_enabled": not peer.shut_down,
        "is_up": peer.established,
        "uptime": peer.seconds or 0 if peer.established else -1,
        "remote_as": peer.remote_as,
        "local_as": peer.local_as,
        "remote_id": peer.said.get("remoteRouterId", "0.0.0.0"),  # noqa: S104 (what FRR shows before a session was up)
        "description": peer.said.get("nbrDesc", ""),
        "address_family": {
            _FAMILIES.get(family, family): {
                "received_prefixes": _NOT_COUNTED,
                "accepted_prefixes": int(counts.get("acceptedPrefixCounter", 0)),
                "sent_prefixes": _sent(counts, families, family, peer.address),
            }
            for family, counts in peer.families.items()
        },
    }


def _sent(counts: Mapping[str, Any], families: Mapping[str, Any], family: str, address: str) -> int:
    in_summary = families.get(family, {}).get("peers", {}).get(address, {})
    return int(counts.get("sentPrefixCounter", in_summary.get("pfxSnt", 0)))


def neighbors_detail(
    details: Mapping[str, Any], summary: Mapping[str, Any], running: str, wanted: str = ""
) -> dict[str, dict[int, list[PeerDetailsDict]]]:
    """Shape the same output for get_bgp_neighbors_detail; the running configuration tells what JSON does not."""
    processes = _processes(running)
    result: dict[str, dict[int, list[PeerDetailsDict]]] = {}
    for vrf, of_vrf in details.items():
        by_as = result.setdefault(vrf_name(vrf), {})
        for address, peer in neighbours(of_vrf).items():
            if wanted in ("", address):
                detail = _detail(peer, vrf_name(vrf), summary.get(vrf, {}))
                detail["multipath"] = not processes[vrf].single_path if vrf in processes else True
                own_as = vrf not in processes or processes[vrf].local_as == peer.local_as
                detail["local_as_prepend"] = not own_as and not peer.said.get("localAsNoPrepend", False)
                by_as.setdefault(peer.remote_as, []).append(detail)
    return result


@dataclass
class _Process:
    local_as: int
    single_path: bool = False
    """Whether it is told to use one path; FRR uses several unless told so."""


def _processes(running: str) -> dict[str, _Process]:
    """Find the BGP process of each VRF."""
    found: dict[str, _Process] = {}
    vrf = "default"
    for line in running.splitlines():
        if process := process_of(line):
            local_as, vrf, _ = process
            found[vrf] = _Process(local_as)
        elif line.split() == ["maximum-paths", "1"] and vrf in found:
            found[vrf].single_path = True
    return found


def _detail(neighbour: Neighbour, vrf: str, families: Mapping[str, Any]) -> PeerDetailsDict:
    peer, counts, address = neighbour.said, neighbour.families, neighbour.address
    messages = peer.get("messageStats", {})
    accepted = sum(int(one.get("acceptedPrefixCounter", 0)) for one in counts.values())
    return {
        "up": neighbour.established,
        "local_as": neighbour.local_as,
        "remote_as": neighbour.remote_as,
        "router_id": peer.get("remoteRouterId", ""),
        "local_address": _known(peer.get("hostLocal")),
        "routing_table": vrf,
        "local_address_configured": "updateSource" in peer,
        "local_port": max(int(peer.get("portLocal", 0)), 0),
        "remote_address": address,
        "remote_port": max(int(peer.get("portForeign", 0)), 0),
        "multihop": int(peer.get("externalBgpNbrMaxHopsAway", 1)) > 1,
        "multipath": True,
        "remove_private_as": any(any(key.startswith("privateAs") for key in one) for one in counts.values()),
        "import_policy": _policy(counts, "routeMapForIncomingAdvertisements", "incomingUpdatePrefixFilterList"),
        "export_policy": _policy(counts, "routeMapForOutgoingAdvertisements", "outgoingUpdatePrefixFilterList"),
        "input_messages": int(messages.get("totalRecv", 0)),
        "output_messages": int(messages.get("totalSent", 0)),
        "input_updates": int(messages.get("updatesRecv", 0)),
        "output_updates": int(messages.get("updatesSent", 0)),
        "messages_queued_out": int(messages.get("depthOutq", 0)),
        "connection_state": peer.get("bgpState", ""),
        "previous_connection_state": "",  # FRR keeps it and does not show it
        "last_event": peer.get("lastResetDueTo", ""),
        "suppress_4byte_as": "4byteAs" in peer.get("neighborCapabilities", {})
        and peer["neighborCapabilities"]["4byteAs"] not in ("advertisedAndReceived", "advertised"),
        "local_as_prepend": False,
        "holdtime": int(peer.get("bgpTimerHoldTimeMsecs", 0)) // 1000,
        "configured_holdtime": int(peer.get("bgpTimerConfiguredHoldTimeMsecs", 0)) // 1000,
        "keepalive": int(peer.get("bgpTimerKeepAliveIntervalMsecs", 0)) // 1000,
        "configured_keepalive": int(peer.get("bgpTimerConfiguredKeepAliveIntervalMsecs", 0)) // 1000,
        "active_prefix_count": _NOT_COUNTED,
        "received_prefix_count": _NOT_COUNTED,
        "accepted_prefix_count": accepted,
        "suppressed_prefix_count": _NOT_COUNTED,
        "advertised_prefix_count": sum(_sent(one, families, family, address) for family, one in counts.items()),
        "flap_count": int(peer.get("connectionsDropped", 0)),
    }


def _known(host: Any) -> str:
    return host if isinstance(host, str) and host != "Unknown" else ""


def _policy(counts: Mapping[str, Any], *keys: str) -> str:
    return next((one[key] for one in counts.values() for key in keys if key in one), "")
