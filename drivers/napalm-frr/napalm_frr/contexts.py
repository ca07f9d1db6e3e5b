"""Which lines of FRR's configuration open a context, as tables.

Source: ``struct cmd_node``, ``install_node`` and DEFUNSH in vtysh/vtysh.c of FRR 8.4.4, 10.3 and 10.7.1, and what
these releases print.
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
VRF = "vrf"
ROUTER_ISIS = "router isis"
LINE = "line"
OTHER = "other"

_OPENERS: Mapping[str, Sequence[str]] = {
    TOP: (
        r"interface \S+( vrf \S+)?",
        r"vrf \S+",
        r"router (bgp|ospf6?|rip|ripng|isis|eigrp|babel|openfabric|pim6?)\b.*",
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
        r"log extended \S+",
    ),
    VRF: (r"rpki",),
    BGP: (
        r"address-family \S+.*",
        r"vnc (defaults|nve-group \S+|l2-group \S+)",
        r"vrf-policy \S+",
        r"bmp targets \S+",
        r"segment-routing srv6",
    ),
    BGP_FAMILY: (r"vni \d+",),
    INTERFACE: (r"link-params",),
    ROUTER_ISIS: (r"segment-routing srv6", r"flex-algo \d+"),
    f"{ROUTER_ISIS} segment-routing": (r"node-msd",),
    "key chain": (r"key \d+",),
    "bfd": (r"peer \S+.*", r"profile \S+"),
    "mpls ldp": (r"address-family ipv[46]",),
    "mpls ldp address-family": (r"interface \S+",),
    "l2vpn": (r"member pseudowire \S+",),
    "segment-routing": (r"srv6", r"traffic-eng"),
    "segment-routing srv6": (r"locators", r"encapsulation", r"static-sids", r"formats"),
    "segment-routing srv6 locators": (r"locator \S+",),
    "segment-routing srv6 formats": (r"format \S+",),
    "segment-routing traffic-eng": (r"segment-list \S+", r"policy color \d+ endpoint \S+", r"pcep"),
    "segment-routing traffic-eng policy": (r"candidate-path preference \d+ name \S+ dynamic",),
    "segment-routing traffic-eng pcep": (r"pce-config \S+", r"pce \S+", r"pcc"),
}

_COMPILED = MappingProxyType(
    {kind: re.compile("|".join(f"(?:{one})" for one in rows)) for kind, rows in _OPENERS.items()}
)

_CLOSED = (
    *("bfd peer", "bfd profile", "router bgp bmp", "key chain key", "interface link-params", "vrf rpki"),
    *("mpls ldp address-family interface", "l2vpn member", "segment-routing traffic-eng segment-list"),
    *("segment-routing traffic-eng policy candidate-path", "segment-routing traffic-eng pcep pce-config"),
    *("segment-routing traffic-eng pcep pce", "segment-routing traffic-eng pcep pcc"),
)
"""Contexts in which none opens, and whose lines have rules of their own."""

_TOP_ONLY = re.compile(
    r"(no )?(?:frr |hostname |domainname |log |service |password |enable |debug |banner |agentx|"
    r"ip prefix-list |ipv6 prefix-list |access-list |ipv6 access-list |mac access-list |"
    r"bgp (as-path|community-list|large-community-list|extcommunity-list|community alias) |"
    r"ip forwarding|ipv6 forwarding|ip router-id |ip protocol |ip nht |ip import-table |zebra |"
    r"router |route-map \S+|interface \S+$|key chain |line vty|pbr-map |nexthop-group |mpls ldp|segment-routing$|rpki$)"
)

_KINDS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"route-map "), ROUTE_MAP),
    (re.compile(r"interface "), INTERFACE),
    (re.compile(r"vrf "), VRF),
    (re.compile(r"line vty$"), LINE),
    (re.compile(r"log extended "), "log"),
    (re.compile(r"key chain "), "key chain"),
    (re.compile(r"bfd$"), "bfd"),
    (re.compile(r"mpls ldp$"), "mpls ldp"),
    (re.compile(r"l2vpn "), "l2vpn"),
    (re.compile(r"segment-routing$"), "segment-routing"),
    (re.compile(r"rpki$"), "rpki"),
    (re.compile(r"pbr-map "), "pbr-map"),
    (re.compile(r"nexthop-group "), "nexthop-group"),
)


def kind_of(path: Path) -> str:
    """Name the kind of the context that a path leads to; the rules for its lines hang on it."""
    if not path:
        return TOP
    words = path[0].split(" ", 2)
    if words[0] == "router":
        outer = " ".join(words[:2])
    else:
        outer = next((kind for pattern, kind in _KINDS if pattern.match(path[0])), OTHER)
    if len(path) == 1:
        return outer
    if outer == BGP and path[1].startswith("address-family "):
        return BGP_FAMILY if len(path) == 2 else OTHER  # noqa: PLR2004 (router bgp, address-family)
    named = " ".join([outer, *(line.split(" ", 1)[0] for line in path[1:])])
    return named if named in _OPENERS or named in _CLOSED else OTHER


def is_loose(path: Path) -> bool:
    """Tell whether the tables may not know every opener there; elsewhere indentation alone opens nothing."""
    kind = kind_of(path)
    return kind in (TOP, OTHER) or (len(path) == 1 and kind.startswith("router ") and kind != BGP)


def shows_only_with_contents(path: Path) -> bool:
    """Tell whether FRR prints this context only when something is in it (``vty_frame`` in its sources)."""
    return kind_of(path) in (BGP_FAMILY, INTERFACE, LINE)


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
