"""Calico's own rules, which the real server's library checks when it writes: never in a dry run.

Texts and fields as libcalico-go/lib/validator/v3 and lib/errors have them; the server hands them on as HTTP 500.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from cluster_api.objects import Json, spec

from calico_apiserver.selectors import SelectorError, check

_COMMUNITY = re.compile(r"(\d+):(\d+)|(\d+):(\d+):(\d+)")
_LEVEL = re.compile(r"(?i)(Trace|Debug|Info|Warning|Error|Fatal)?")
_PORT = re.compile(r"(?P<four>[\d.]+):\d+|\[(?P<six>.*)\](:\d+)?")


@dataclass(frozen=True)
class Fault:
    """A field that breaks a rule."""

    field: str
    value: Any
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.field} = '{self.value}'" + (f" ({self.reason})" if self.reason else "")


def refusal(kind: str, item: Json) -> str:
    """Say what is wrong with an object, in the library's words; nothing where all is right."""
    faults = list(_RULES[kind](spec(item))) if kind in _RULES else []
    if len(faults) == 1:
        return f"error with field {faults[0]}"
    return "error with the following fields:\n" + "".join(f"-  {fault}\n" for fault in faults) if faults else ""


def _peer(peer: Json) -> Iterator[Fault]:
    if peer.get("node") and peer.get("nodeSelector"):
        yield Fault("Node", peer["node"], "Node field must be empty when NodeSelector is specified")
    if peer.get("peerIP") and peer.get("peerSelector"):
        yield Fault("PeerIP", peer["peerIP"], "PeerIP field must be empty when PeerSelector is specified")
    if peer.get("asNumber") and peer.get("peerSelector"):
        yield Fault("ASNumber", peer["asNumber"], "ASNumber field must be empty when PeerSelector is specified")
    for key, title in (("nodeSelector", "NodeSelector"), ("peerSelector", "PeerSelector")):
        yield from _selector(title, peer.get(key))
    if peer.get("peerIP") and not _address(str(peer["peerIP"])):
        yield Fault("PeerIP", peer["peerIP"])
    if peer.get("ttlSecurity") is not None and not 0 <= peer["ttlSecurity"] <= 255:  # noqa: PLR2004  one byte
        yield Fault("TTLSecurity", peer["ttlSecurity"])


def _configuration(configuration: Json) -> Iterator[Fault]:
    names = set()
    for community in configuration.get("communities") or []:
        names.add(community.get("name"))
        if not _COMMUNITY.fullmatch(str(community.get("value", ""))):
            yield Fault("Value", community.get("value", ""))
    for advertisement in configuration.get("prefixAdvertisements") or []:
        yield from _network("CIDR", advertisement.get("cidr"))
        for community in advertisement.get("communities") or []:
            if community not in names and not _COMMUNITY.fullmatch(community):
                words = f"community used is invalid or not defined. Communities must be defined or in the form aa:nn: {community}"
                yield Fault("PrefixAdvertisements[].Communities[]", community, words)
    for key in ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs"):
        for network in configuration.get(key) or []:
            yield from _network("CIDR", network.get("cidr"))
    if not _LEVEL.fullmatch(str(configuration.get("logSeverityScreen") or "")):
        yield Fault("LogSeverityScreen", configuration["logSeverityScreen"])
    if configuration.get("nodeMeshPassword") and configuration.get("nodeToNodeMeshEnabled") is False:
        yield Fault(
            "spec.NodeMeshPassword", "...", "spec.NodeMeshPassword cannot be set if spec.NodeToNodeMesh is disabled"
        )


def _pool(pool: Json) -> Iterator[Fault]:
    yield from _network("IPpool.CIDR", pool.get("cidr"))
    yield from _selector("NodeSelector", pool.get("nodeSelector"))
    modes = [pool.get(key) or "Never" for key in ("ipipMode", "vxlanMode")]
    if "Never" not in modes:
        yield Fault("IPpool.IPIPMode", modes[0], "IPIPMode and VXLANMode cannot both be enabled on the same IP pool")


def _selector(title: str, selector: str | None) -> Iterator[Fault]:
    try:
        check(selector or "")
    except SelectorError as error:
        yield Fault(title, selector, f"Invalid selector: {error}")


def _network(title: str, text: str | None) -> Iterator[Fault]:
    try:
        ip_network(str(text))
    except ValueError:
        yield Fault(title, text)


def _address(text: str) -> bool:
    """Say whether it is an address, an IPv4 one with a port, or an IPv6 one in brackets with or without."""
    match = _PORT.fullmatch(text)
    try:
        ip_address(match.group("four") or match.group("six") if match else text)
    except ValueError:
        return False
    return True


_RULES = {"BGPPeer": _peer, "BGPConfiguration": _configuration, "IPPool": _pool}
