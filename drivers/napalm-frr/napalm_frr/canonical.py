"""The spelling in which FRR prints a line back, for the lines that people write in several ways (measured on 8.4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_network

from napalm_frr.contexts import BGP, BGP_FAMILY, INTERFACE, ROUTE_MAP, ROUTER_ISIS, TOP, VRF, Path, kind_of

_PREFIX_LIST = re.compile(r"((?:ip|ipv6) prefix-list \S+(?: seq \d+)? (?:permit|deny)) (\S+)((?: (?:ge|le) \d+)*)")
_BOUND = re.compile(r"(ge|le) (\d+)")
_ROUTE = re.compile(r"(ip|ipv6) route (\S+)(?: (\d+\.\d+\.\d+\.\d+))? (.+)")
_MASK = re.compile(r"(?:128|192|224|240|248|252|254|255|0)(?:\.(?:0|128|192|224|240|248|252|254|255)){3}")
_NETWORK = re.compile(r"(network|aggregate-address) (\S+/\d+)(.*)")
_LISTEN = re.compile(r"(bgp listen range) (\S+/\d+) (.+)")
_NEIGHBOR = re.compile(r"neighbor (\S+)(.*)")
_FAMILY = re.compile(r"address-family (ipv4|ipv6)")
_COMMUNITY = re.compile(r"set community ((?:\d+:\d+ ?)+)( additive)?")


def canonical(context: Path, line: str) -> str:
    """Spell a line as FRR prints it; a ``no`` line is spelled by what follows the ``no``."""
    if line.startswith("no "):
        return "no " + canonical(context, line[3:])
    for rewrite in _REWRITES.get(kind_of(context), ()):
        line = rewrite(line)
    return line


def masked(prefix: str) -> str:
    """Clear the host bits of a prefix and shorten IPv6; anything else stays as it is."""
    try:
        return str(ip_network(prefix, strict=False)) if "/" in prefix else prefix
    except ValueError:
        return prefix


def _prefix_list(line: str) -> str:
    found = _PREFIX_LIST.fullmatch(line)
    if not found:
        return line
    head, prefix, bounds = found.groups()
    ordered = sorted(_BOUND.findall(bounds))
    return " ".join([head, masked(prefix), *(f"{word} {length}" for word, length in ordered)])


def _route(line: str) -> str:
    found = _ROUTE.fullmatch(line)
    if not found:
        return line
    family, prefix, mask, rest = found.groups()
    if mask and "/" not in prefix:
        if not _MASK.fullmatch(mask):
            return line
        prefix = f"{prefix}/{mask}"
    elif mask:
        rest = f"{mask} {rest}"
    return f"{family} route {masked(prefix)} {rest}"


def _prefix_after_keyword(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def rewrite(line: str) -> str:
        found = pattern.fullmatch(line)
        if not found:
            return line
        keyword, prefix, rest = found.groups()
        return f"{keyword} {masked(prefix)}{rest if rest[:1] in ('', ' ') else ' ' + rest}"

    return rewrite


def _neighbor(line: str) -> str:
    found = _NEIGHBOR.fullmatch(line)
    if not found:
        return line
    peer, rest = found.groups()
    if ":" in peer:
        try:
            peer = str(IPv6Address(peer))
        except ValueError:
            return line
    if rest == " ebgp-multihop":
        rest = " ebgp-multihop 255"  # FRR prints the default it fills in
    return f"neighbor {peer}{rest}"


def _family(line: str) -> str:
    return f"{line} unicast" if _FAMILY.fullmatch(line) else line


def _set_community(line: str) -> str:
    found = _COMMUNITY.fullmatch(line)
    if not found:
        return line
    values = sorted({tuple(int(half) for half in value.split(":")) for value in found.group(1).split()})
    return "set community " + " ".join(f"{high}:{low}" for high, low in values) + (found.group(2) or "")


def _type_2(line: str) -> str:
    """Metrics of type 2 are what OSPF gives, and it prints the other type alone."""
    return line.replace(" metric-type 2", "") if line.startswith(("redistribute ", "default-information ")) else line


def _only(line: str) -> str:
    return f"{line}-only" if line in ("is-type level-2", "isis circuit-type level-2") else line


_REWRITES: dict[str, Sequence[Callable[[str], str]]] = {
    TOP: (_prefix_list, _route),
    VRF: (_route,),
    BGP: (_neighbor, _family, _prefix_after_keyword(_LISTEN)),
    BGP_FAMILY: (_neighbor, _prefix_after_keyword(_NETWORK)),
    ROUTE_MAP: (_set_community,),
    "router ospf": (_type_2,),
    "router ospf6": (_type_2,),
    ROUTER_ISIS: (_only,),
    INTERFACE: (_only,),
}
