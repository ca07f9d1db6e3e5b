"""Slots (see slots.py) of the interfaces and of the routing protocols but BGP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ADDRESS = r"\d+\.\d+\.\d+\.\d+"
_VALUE_AND_ADDRESS = rf"(?: (?!{_ADDRESS}$).*?)?( {_ADDRESS})?$"
_LEVEL = r"(?:.* (level-[12]))?"

INTERFACE_SLOTS: Sequence[str] = (
    r"(description|bandwidth|delay|pbr-policy|tunnel source|tunnel protection vici)\b",
    r"(multicast|mpls) (?:enable|disable)",
    r"(evpn mh (?:es-id|es-sys-mac|es-df-pref))\b",
    r"(ipv6 nd (?:prefix|rdnss|dnssl|nat64|pref64) \S+)",
    r"(ipv6 nd (?:ra-interval|ra-lifetime|ra-hop-limit|ra-retrans-interval|retransmit-interval|reachable-time|mtu))\b",
    r"(ipv6 nd (?:router-preference|home-agent-preference|home-agent-lifetime))\b",
    # OSPF: the whole interface, or one of its addresses at the end of the line
    rf"(ip ospf(?: \d+)? area) \S+( {_ADDRESS})?$",
    rf"(ip ospf message-digest-key \d+) md5 \S+( {_ADDRESS})?$",
    r"(ip ospf (?:bfd profile|mpls ldp-sync holddown|graceful-restart hello-delay|dscp \S+))\b",
    r"(ip ospf (?:bfd(?= \d|$)|network|neighbor-filter))(?: .*)?$",
    rf"(ip ospf (?:cost|priority|retransmit-window|authentication-key|authentication)){_VALUE_AND_ADDRESS}",
    rf"(ip ospf (?:hello-interval|dead-interval|retransmit-interval|transmit-delay)){_VALUE_AND_ADDRESS}",
    r"(ipv6 ospf6 neighbor \S+(?: (?:cost|poll-interval))?)",
    r"(ipv6 ospf6 (?:bfd profile|graceful-restart hello-delay|advertise prefix-list))\b",
    r"(ipv6 ospf6 (?:area|ifmtu|cost|hello-interval|dead-interval|retransmit-interval|priority|transmit-delay))\b",
    r"(ipv6 ospf6 (?:instance-id|network|authentication|bfd(?= \d|$)))",
    r"(ip rip (?:authentication (?:mode|string|key-chain)|receive version|send version|bfd profile|split-horizon))\b",
    r"(ipv6 ripng split-horizon)\b",
    # IS-IS: one of the two levels, before the value or after it
    rf"(isis (?:hello-interval|hello-multiplier|csnp-interval|psnp-interval|metric|priority))\b{_LEVEL}",
    rf"(isis fast-reroute remote-lfa maximum-metric)\b{_LEVEL}",
    r"(isis (?:password|circuit-type|bfd profile|mpls ldp-sync holddown|hello padding))\b",
    r"((?:ip|ipv6) router (?:isis|openfabric))\b",
    r"(openfabric (?:hello-interval|hello-multiplier|csnp-interval|psnp-interval|metric|password))\b",
    r"((?:ip|ipv6) pim (?:drpriority|hello|use-source|bfd profile|allowed-neighbors prefix-list))\b",
    r"((?:ip igmp|ipv6 mld) (?:version|query-interval|query-max-response-time|last-member-query-\S+|robustness))\b",
    r"((?:ip igmp|ipv6 mld) (?:max-sources|max-groups|route-map|access-list))\b",
    r"((?:ip|ipv6) multicast boundary(?: oil)?)\b",
    r"(babel (?:hello-interval|update-interval|rxcost|channel|rtt-decay|rtt-min|rtt-max|max-rtt-penalty))\b",
    r"(babel) (?:wired|wireless)$",
    r"(eigrp bandwidth|ip hello-interval eigrp|ip hold-time eigrp|ip authentication \S+ eigrp \d+)\b",
    r"((?:ip|ipv6) nhrp (?:network-id|authentication|holdtime|mtu))\b",
    r"((?:ip|ipv6) nhrp map (?!multicast)\S+)",
    r"(vrrp \d+ (?:priority|advertisement-interval))\b",
    r"(vrrp \d+)(?: version \d)?$",
)

_DISTRIBUTE = r"((?:ipv6 )?distribute-list(?: prefix)?) (?!prefix )\S+ ((?:in|out)(?: \S+)?)$"
_OFFSET = r"(offset-list) \S+ ((?:in|out)) \d+( \S+)?$"
_REDISTRIBUTION = (r"(redistribute (?:ospf6?|table) \d+)\b", r"(redistribute \S+)")
_DISTANCES = (r"(distance ospf6?)\b", r"(distance) \d+ (\S+/\d+)", r"(distance) \d+$")
_AREAS = (
    r"(area \S+ (?:nssa )?range \S+)",
    r"(area \S+) (?:stub|nssa)\b",
    r"(area \S+ (?:default-cost|export-list|import-list|shortcut|authentication))\b",
    r"(area \S+ filter-list prefix) \S+ (in|out)$",
    r"(area \S+ virtual-link \S+ (?:authentication-key|message-digest-key \d+|authentication))\b",
    r"(area \S+ virtual-link \S+)(?: hello-interval .*)?$",
)
_OSPF = (
    *_REDISTRIBUTION,
    *_DISTANCES,
    *_AREAS,
    r"((?:ospf6? )?router-id|default-information originate|default-metric|maximum-paths|log-adjacency-changes)\b",
    r"(auto-cost reference-bandwidth|timers throttle spf|timers throttle lsa all|timers lsa min-arrival)\b",
    r"((?:ospf )?write-multiplier|aggregation timer|summary-address \S+)",
    r"(graceful-restart (?:grace-period|helper supported-grace-time))\b",
)
_RIP = (
    *_REDISTRIBUTION,
    *_DISTANCES,
    _DISTRIBUTE,
    _OFFSET,
    r"(default-metric|timers basic|version|allow-ecmp|bfd default-profile)\b",
)

_RPKI = (r"(rpki (?:polling_period|retry_interval|expire_interval))\b",)
_PCE = (r"(source-address|address|config|timer \S+|tcp-md5-auth)\b",)

PROTOCOL_SLOTS: Mapping[str, Sequence[str]] = {
    "router ospf": (
        *_OSPF,
        r"(network \S+) area",
        r"(neighbor \S+)",
        r"(distribute-list) \S+ (out \S+)",
        r"(ospf abr-type|refresh timer|max-metric router-lsa \S+)",
        r"(mpls-te (?:router-address|inter-as)|router-info|pce (?:address|scope|flag)|mpls ldp-sync holddown)\b",
        r"(segment-routing (?:global-block|node-msd|prefix \S+)|fast-reroute ti-lfa)",
    ),
    "router ospf6": _OSPF,
    "router rip": _RIP,
    "router ripng": _RIP,
    "router isis": (
        r"(redistribute \S+ (?:table \d+|\S+)) (level-[12])",
        r"(default-information originate \S+) (level-[12])",
        r"(is-type|metric-style|area-password|domain-password|lsp-mtu|spf-delay-ietf|set-overload-bit on-startup)\b",
        rf"(lsp-timers|spf-interval|lsp-gen-interval|max-lsp-lifetime|lsp-refresh-interval)\b{_LEVEL}",
        r"(spf prefix-priority \S+|topology \S+|mpls-te router-address(?: ipv6)?|mpls ldp-sync holddown)",
        r"(segment-routing (?:global-block|node-msd|prefix \S+(?: algorithm \d+)?))",
        r"(fast-reroute (?:priority-limit|lfa tiebreaker \S+|remote-lfa prefix-list))\b.* (level-[12])",
    ),
    "router openfabric": (
        r"(domain-password|fabric-tier|triggered-csnp-delay|spf-interval)\b",
        r"(lsp-gen-interval|max-lsp-lifetime|lsp-refresh-interval)\b",
    ),
    "router eigrp": (
        r"(eigrp router-id|timers active-time|variance|maximum-paths|metric weights|redistribute \S+)",
        _DISTRIBUTE,
    ),
    "router babel": (r"(babel (?:diversity-factor|resend-delay|smoothing-half-life))\b", _DISTRIBUTE),
    "router pim": (
        r"(join-prune-interval|keep-alive-timer|rp keep-alive-timer|register-suppress-time|packets)\b",
        r"((?:ssm|dm) prefix-list|register-accept-list|spt-switchover|rpf-lookup-mode|join-filter route-map)\b",
        r"(rp \S+ prefix-list|embedded-rp (?:limit|group-list)|autorp (?:announce interval|send-rp-discovery \S+))\b",
        r"(msdp (?:timers|originator-id|mesh-group \S+ source|peer \S+ (?:source|password|sa-limit)))\b",
        r"(msdp peer \S+ sa-filter) \S+ (in|out)$",
        r"(bsr (?:candidate-bsr|candidate-rp priority))\b",
    ),
    "router pim6": (
        r"(join-prune-interval|keep-alive-timer|rp keep-alive-timer|register-suppress-time|packets)\b",
        r"(ssm prefix-list|rp \S+ prefix-list|embedded-rp (?:limit|group-list))\b",
    ),
    "bfd peer": (
        r"(detect-multiplier|receive-interval|transmit-interval|echo transmit-interval|echo receive-interval)\b",
        r"(minimum-ttl|profile|authentication key-chain)\b",
    ),
    "bfd profile": (
        r"(detect-multiplier|receive-interval|transmit-interval|echo transmit-interval|echo receive-interval)\b",
        r"(minimum-ttl|authentication key-chain)\b",
    ),
    "line": (r"(access-class|ipv6 access-class|exec-timeout)\b",),
    "key chain key": (r"(key-string|cryptographic-algorithm|accept-lifetime|send-lifetime)\b",),
    "interface link-params": (
        r"(metric|max-bw|max-rsv-bw|unrsv-bw \d|admin-grp|delay|delay-variation|packet-loss|res-bw|ava-bw|use-bw)\s",
        r"(neighbor|affinity|affinity-mode)\b",
    ),
    "rpki": _RPKI,
    "vrf rpki": _RPKI,
    "mpls ldp": (
        r"(discovery (?:hello|targeted-hello) (?:holdtime|interval)|wait-for-sync|router-id)\b",
        r"(neighbor \S+ (?:password|session holdtime|ttl-security))\b",
    ),
    "mpls ldp address-family": (
        r"(discovery (?:hello|targeted-hello) (?:holdtime|interval)|discovery transport-address|session holdtime)\b",
    ),
    "mpls ldp address-family interface": (r"(discovery hello (?:holdtime|interval))\b",),
    "l2vpn": (r"(bridge|mtu|vc type)\b",),
    "l2vpn member": (r"(neighbor lsr-id|neighbor address|pw-id|control-word|pw-status)\b",),
    "pbr-map": (r"(match \S+|set (?:src|dst)-\S+|set (?:dscp|ecn|pcp|vlan|queue-id))\b", r"(set) (?:vrf|nexthop)"),
    "nexthop-group": (
        r"(nexthop \S+(?: (?!weight |label |onlink|nexthop-vrf |backup-idx )\S+)?)(?=.*?( nexthop-vrf \S+)|)",
        r"(backup-group|resilient)\b",
    ),
    "segment-routing traffic-eng segment-list": (r"(index \d+)\b",),
    "segment-routing traffic-eng policy": (r"(name|binding-sid)\b", r"(candidate-path preference \d+)\b"),
    "segment-routing traffic-eng policy candidate-path": (
        r"(bandwidth|metric (?:bound )?\S+|affinity \S+|objective-function)",
    ),
    "segment-routing traffic-eng pcep pce-config": _PCE,
    "segment-routing traffic-eng pcep pce": _PCE,
    "segment-routing traffic-eng pcep pcc": (r"(msd|peer \S+)\b",),
}
