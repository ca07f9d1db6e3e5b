"""Which lines of FRR's configuration open a context, as tables.

Source: ``struct cmd_node`` and ``install_node`` in FRR 8.4's vtysh/vtysh.c, and what 8.4.4 and 10.3 print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

Path = tuple[str, ...]
"""A line with the contexts around it, outermost first."""

TOP = "top"
BGP = "router bgp"
BGP_FAMILY = "bgp address-family"
ROUTE_MAP = "route-map"
INTERFACE = "interface"
ROUTER = "router"
VRF = "vrf"
OTHER = "other"

_OPENERS: Mapping[str, Sequence[str]] = {
    TOP: (
        r"interface \S+( vrf \S+)?",
        r"vrf \S+",
        r"router (bgp|ospf6?|rip|ripng|isis|eigrp|babel|openfabric)\b.*",
        r"route-map \S+ (permit|deny) \d+",
        r"key chain \S+",
        r"line vty",
        r"bfd",
        r"segment-routing",
        r"mpls ldp",
        r"l2vpn \S+ type vpls",
        r"pseudowire \S+",
        r"nexthop-group \S+",
        r"pbr-map \S+ seq \d+",
        r"rpki( vrf \S+)?",
    ),
    BGP: (
        r"address-family \S+.*",
        r"vnc (defaults|nve-group \S+|l2-group \S+)",
        r"bmp targets \S+",
        r"segment-routing srv6",
    ),
    BGP_FAMILY: (r"vni \d+",),
    INTERFACE: (r"link-params",),
    "key chain": (r"key \d+",),
    "bfd": (r"peer \S+.*", r"profile \S+"),
    "mpls ldp": (r"address-family ipv[46]",),
    "mpls ldp address-family": (r"interface \S+",),
    "l2vpn": (r"member pseudowire \S+",),
    "segment-routing": (r"srv6", r"traffic-eng"),
    "segment-routing srv6": (r"locators",),
    "segment-routing srv6 locators": (r"locator \S+",),
    "segment-routing traffic-eng": (r"segment-list \S+", r"policy color \d+ endpoint \S+", r"pcep"),
}

_COMPILED = MappingProxyType(
    {kind: re.compile("|".join(f"(?:{one})" for one in rows)) for kind, rows in _OPENERS.items()}
)

_TOP_ONLY = re.compile(
    r"(no )?(?:frr |hostname |domainname |log |service |password |enable |debug |banner |agentx|"
    r"ip prefix-list |ipv6 prefix-list |access-list |ipv6 access-list |mac access-list |"
    r"bgp (as-path|community-list|large-community-list|extcommunity-list|community alias) |"
    r"ip forwarding|ipv6 forwarding|ip router-id |ip protocol |ip nht |ip import-table |zebra |"
    r"router |route-map \S+|interface \S+$|key chain |line vty|pbr-map |nexthop-group |mpls ldp|segment-routing$|rpki$)"
)

_KINDS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"router bgp\b"), BGP),
    (re.compile(r"route-map "), ROUTE_MAP),
    (re.compile(r"interface "), INTERFACE),
    (re.compile(r"vrf "), VRF),
    (re.compile(r"router "), ROUTER),
    (re.compile(r"key chain "), "key chain"),
    (re.compile(r"bfd$"), "bfd"),
    (re.compile(r"mpls ldp$"), "mpls ldp"),
    (re.compile(r"l2vpn "), "l2vpn"),
    (re.compile(r"segment-routing$"), "segment-routing"),
)


def kind_of(path: Path) -> str:
    """Name the kind of the context that a path leads to; the rules for its lines hang on it."""
    if not path:
        return TOP
    outer = next((kind for pattern, kind in _KINDS if pattern.match(path[0])), OTHER)
    if len(path) == 1:
        return outer
    if outer == BGP and path[1].startswith("address-family "):
        return BGP_FAMILY if len(path) == 2 else OTHER  # noqa: PLR2004 (router bgp, address-family)
    words = " ".join([outer, *(line.split(" ", 1)[0] for line in path[1:])])
    return words if words in _OPENERS else OTHER


def opens(path: Path, line: str) -> bool:
    """Tell whether the line opens a context where the path leads to."""
    pattern = _COMPILED.get(kind_of(path))
    return pattern is not None and pattern.fullmatch(line) is not None


def belongs_to_top(line: str) -> bool:
    """Tell whether a line that is not indented can only be meant for the top level."""
    return _TOP_ONLY.match(line) is not None


def closer(path: Path) -> str:
    """Return the line with which FRR leaves the context."""
    kind = kind_of(path)
    last = path[-1]
    if kind in (BGP_FAMILY, "mpls ldp address-family"):
        return "exit-address-family"
    if kind == VRF:
        return "exit-vrf"
    if last.startswith("vni ") and len(path) > 1:
        return "exit-vni"
    if last == "link-params":
        return "exit-link-params"
    return "exit"
