"""Which lines of a context exclude one another, as tables: a new line takes the place of the one in the same slot.

A pattern's groups name the slot. What no pattern matches may stand beside any other line: that lines share their
first words makes them no rivals. Source: the functions that write the configuration (``*_config_write``,
``cli_show_*``) of FRR 8.4.4, 10.3 and 10.7.1, and what these releases print side by side (tests/full).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from napalm_frr.contexts import BGP, BGP_FAMILY, INTERFACE, ROUTE_MAP, TOP, VRF
from napalm_frr.lists import LIST_ENTRY
from napalm_frr.protocol_slots import INTERFACE_SLOTS, PROTOCOL_SLOTS

_NEIGHBOR: Sequence[str] = (
    r"(neighbor \S+ timers (?:connect|delayopen))\b",
    r"(neighbor \S+ capability orf prefix-list)\b",
    r"(neighbor \S+ capability .+)",
    r"(neighbor \S+ bfd)(?: \d+ \d+ \d+)?$",
    r"(neighbor \S+ bfd \S+)",
    r"(neighbor \S+ send-community \S+)",
    r"(neighbor \S+ graceful-restart)(?:-helper|-disable)?$",
    r"(neighbor \S+ path-attribute \S+)",
    r"(neighbor \S+ shutdown rtt)\b",
    r"(neighbor \S+ addpath-tx)-",
    r"(neighbor \S+ (?:route-map|prefix-list|filter-list|distribute-list)) \S+ (in|out)\b",
    r"(neighbor \S+ \S+)",
)
# A next hop is one, whatever is said of it: distance, tag, label, colour, BFD. Its table and its VRF name it too.
_ATTRIBUTE = r"(?:\d+$|tag |metric |label |segments |table |nexthop-vrf |onlink\b|color |weight |bfd\b)"
_NEXT_HOP = rf"(?:from \S+ )?\S+(?: (?!{_ATTRIBUTE})\S+)?"
_ROUTES: Sequence[str] = (rf"(ip(?:v6)? m?route \S+ {_NEXT_HOP})(?=.*?( table \d+)|)(?=.*?( nexthop-vrf \S+)|)",)

_SLOTS: Mapping[str, Sequence[str]] = {
    TOP: (
        r"(ip(?:v6)? prefix-list \S+ (?:seq \d+|description))\b",
        r"((?:ip |ipv6 |mac )?access-list \S+ (?:seq \d+|remark))\b",
        r"(bgp as-path access-list \S+ seq \d+)\b",
        r"(bgp (?:community|large-community|extcommunity)-list (?:(?:standard|expanded) )?\S+ seq \d+)\b",
        r"(bgp (?:session-dscp|input-queue-limit|output-queue-limit|route-map delay-timer|update-delay))\b",
        r"(bgp graceful-restart (?:stalepath|restart|select-defer|rib-stale)-time)\b",
        r"(bgp community alias \S+)",
        r"(dump bgp \S+)",
        r"(log (?:syslog|file|stdout|monitor|facility|timestamp precision|daemon \S+ file))\b",
        r"((?:ip|ipv6) (?:protocol|nht) \S+ route-map)\b",
        r"((?:ip|ipv6) (?:router-id|import-table \d+|table range))\b",
        r"(hostname|domainname|password|enable password|frr defaults|banner motd|service terminal-length)\b",
        r"(zebra (?:route-map delay-timer|work-queue|zapi-packets|dplane limit|protodown reason-bit))\b",
        r"(zebra (?:kernel netlink batch-tx-buf|nexthop-group keep))\b",
        r"(evpn mh (?:mac-holdtime|neigh-holdtime|startup-delay))\b",
        r"(vrrp (?:default priority|default advertisement-interval|autoconfigure))\b",
        r"(pbr (?:table|rule) range|mpls label dynamic-block|fpm address|ip igmp watermark-warn|vni)\b",
        r"(nhrp (?:multicast-)?nflog-group|affinity-map \S+)\b",
        r"(route-map \S+) (?:permit|deny) (\d+)$",
        *_ROUTES,
    ),
    VRF: (
        r"((?:ip|ipv6) (?:protocol|nht) \S+ route-map)\b",
        r"((?:ip|ipv6) router-id|vni)\b",
        *_ROUTES,
    ),
    BGP: (
        *_NEIGHBOR,
        r"(bgp (?:router-id|cluster-id|listen limit|listen range \S+|confederation identifier))\b",
        r"(bgp (?:update-delay|dampening))\b",
        r"(bgp (?:default (?:local-preference|subgroup-pkt-queue-max)|max-med on-startup|max-med administrative))\b",
        r"(bgp graceful-restart (?:stalepath|restart|select-defer|rib-stale)-time)\b",
        r"(bgp (?:long-lived-graceful-restart stale-time|minimum-holdtime|tcp-keepalive|default-originate timer))\b",
        r"(bgp (?:conditional-advertisement timer|bestpath bandwidth|bestpath med|suppress-fib-pending))\b",
        r"(bgp bestpath as-path multipath-relax|bmp mirror buffer-limit|sid vpn per-vrf export)\b",
        r"(timers bgp|update-delay|advertisement-delay|write-quanta|read-quanta|coalesce-time)\b",
    ),
    BGP_FAMILY: (
        *_NEIGHBOR,
        r"(network \S+ rd \S+(?: ethtag \d+)?)",
        r"((?:network|aggregate-address) \S+)",
        r"(maximum-paths ibgp)\b",
        r"(maximum-paths)\b",
        r"(redistribute (?:ospf|table|table-direct) \d+)\b",
        r"(redistribute \S+)",
        r"(distance bgp)\b",
        r"(distance) \d+ (\S+/\d+)",
        r"(table-map|bgp dampening|(?:label|rd|nexthop|sid) vpn export|import vrf route-map)\b",
        r"(route-map vpn (?:import|export)|rt vpn \S+|rt6? redirect import)\b",
        r"(advertise \S+ unicast)(?: (gateway-ip))?",
        r"(dup-addr-detection max-moves|dup-addr-detection freeze|rd|mac-vrf soo|ead-es-frag evi-limit)\b",
        r"(flooding|default-originate \S+)\b",
    ),
    ROUTE_MAP: (
        r"(match ip(?:v6)? (?:address|next-hop|route-source|multicast-\S+) (?:prefix-list|prefix-len|type|address))\b",
        r"(match ip(?:v6)? \S+)",
        r"(match evpn \S+)",
        r"(match \S+)",
        r"(set as-path (?:prepend|exclude|replace))\b",
        r"(set ipv6 next-hop (?:global|local|prefer-global|peer-address))\b",
        r"(set ip(?:v4|v6)? (?:vpn )?next-hop)\b",
        r"(set extcommunity \S+)",
        r"(set evpn gateway-ip \S+)",
        r"(set src) (?:(?=[0-9.]+$)|.*(:).*)",
        r"(set \S+)",
        r"(description|call|on-match|continue)\b",
    ),
    INTERFACE: INTERFACE_SLOTS,
    **PROTOCOL_SLOTS,
}

_COMPILED = {kind: [re.compile(row) for row in rows] for kind, rows in _SLOTS.items()}


def slot_of(kind: str, line: str) -> str | None:
    """Name the slot that a line fills in a context of this kind; None when it may stand beside any other."""
    for number, pattern in enumerate(_COMPILED.get(kind, ())):
        found = pattern.match(line)
        if found:
            return f"{number} " + " ".join(group.strip() for group in found.groups() if group)
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
