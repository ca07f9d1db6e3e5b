"""Which lines of a context exclude one another, as tables: a new line takes the place of the one in the same slot.

A pattern's groups name the slot. What no pattern matches may stand beside any other line (FRR 8.4.4 and 10.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from napalm_frr.contexts import BGP, BGP_FAMILY, INTERFACE, ROUTE_MAP, ROUTER, TOP, VRF
from napalm_frr.lists import LIST_ENTRY

_NEIGHBOR: Sequence[str] = (
    r"(neighbor \S+ timers connect)\b",
    r"(neighbor \S+ (?:capability|bfd|send-community|graceful-restart) [a-z]\S*)",
    r"(neighbor \S+ (?:route-map|prefix-list|filter-list|distribute-list)) \S+ (in|out)\b",
    r"(neighbor \S+ \S+)",
)
_ROUTES: Sequence[str] = (r"(ip(?:v6)? route \S+ \S+(?: (?!\d+$)\S+)*)(?: \d+)?$",)

_SLOTS: Mapping[str, Sequence[str]] = {
    TOP: (
        r"(ip(?:v6)? prefix-list \S+ (?:seq \d+|description))\b",
        r"((?:ip |ipv6 |mac )?access-list \S+ (?:seq \d+|remark))\b",
        r"(bgp as-path access-list \S+ seq \d+)\b",
        r"(bgp (?:community|large-community|extcommunity)-list \S+ \S+ seq \d+)\b",
        r"(log (?:syslog|file|stdout|monitor|facility|timestamp))\b",
        r"((?:ip|ipv6) (?:protocol \S+|router-id))\b",
        r"(hostname|domainname|password|enable password|frr defaults|banner motd)\b",
        r"(route-map \S+) (?:permit|deny) (\d+)$",
        *_ROUTES,
    ),
    VRF: _ROUTES,
    BGP: (
        *_NEIGHBOR,
        r"(bgp (?:router-id|cluster-id|listen limit|listen range \S+|default local-preference))\b",
        r"(bgp (?:graceful-restart (?:stalepath|restart|select-defer|rib-stale)-time))\b",
        r"(bgp (?:confederation identifier|update-delay|dampening|max-med on-startup|max-med administrative))\b",
        r"(timers bgp|update-delay|write-quanta|read-quanta|coalesce-time)\b",
    ),
    BGP_FAMILY: (
        *_NEIGHBOR,
        r"(maximum-paths ibgp)\b",
        r"(maximum-paths)\b",
        r"((?:network|aggregate-address) \S+)",
        r"(redistribute (?:ospf|table|table-direct) \d+)\b",
        r"(redistribute \S+)",
        r"(distance bgp|table-map|bgp dampening|label vpn export|rd vpn export)\b",
        r"(route-map vpn (?:import|export)|rt vpn \S+)\b",
    ),
    ROUTE_MAP: (
        r"(match ip(?:v6)? (?:address|next-hop|route-source) (?:prefix-list|prefix-len|type))\b",
        r"(match ip(?:v6)? \S+)",
        r"(match \S+)",
        r"(set as-path (?:prepend|exclude|replace))\b",
        r"(set ip(?:v6)? next-hop (?:global|local|prefer-global|peer-address|unchanged))\b",
        r"(set ip(?:v6)? \S+)",
        r"(set extcommunity \S+)",
        r"(set \S+)",
        r"(description|call|on-match|continue)\b",
    ),
    INTERFACE: (
        r"(ip ospf message-digest-key \d+)\b",
        r"(ip(?:v6)? (?:ospf|ospf6|rip|igmp|pim) \S+)",
        r"(ipv6 nd (?!prefix)\S+)",
        r"(isis \S+)",
        r"(description|bandwidth)\b",
    ),
    ROUTER: (
        r"((?:ospf |ospf6 )?router-id)\b",
        r"(redistribute (?:ospf6?|table) \d+)\b",
        r"(redistribute \S+)",
        r"(network \S+) area",
        r"(area \S+ (?:stub|nssa|default-cost|export-list|import-list|filter-list prefix \S+|authentication))\b",
        r"(default-information originate|default-metric|auto-cost|distance|maximum-paths|net|is-type)\b",
        r"(timers (?:throttle spf|lsa \S+))\b",
        r"(max-metric router-lsa \S+)",
    ),
}

_COMPILED = {kind: [re.compile(row) for row in rows] for kind, rows in _SLOTS.items()}


def slot_of(kind: str, line: str) -> str | None:
    """Name the slot that a line fills in a context of this kind; None when it may stand beside any other."""
    for pattern in _COMPILED.get(kind, ()):
        found = pattern.match(line)
        if found:
            return " ".join(found.groups())
    return None


def subject_of(kind: str, line: str) -> str | None:
    """Name what a line is about where several lines are about one thing: a list, a neighbour."""
    if kind == TOP:
        found = LIST_ENTRY.fullmatch(line)
        return found.group(1) if found else None
    if kind in (BGP, BGP_FAMILY):
        words = line.removeprefix("no ").split(" ", 2)
        return f"neighbor {words[1]}" if words[0] == "neighbor" and len(words) > 1 else None
    return None
