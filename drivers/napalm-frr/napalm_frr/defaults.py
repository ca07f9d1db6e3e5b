"""What stands in a configuration without a line that says so, and what therefore shows when it is taken away.

Besides the defaults of the daemons (denials.py) some hang on other lines: a profile, a process-wide setting, a group.
"""

from __future__ import annotations

import re

from napalm_frr import bgp
from napalm_frr.contexts import BGP, INTERFACE, Path, kind_of
from napalm_frr.denials import Default, default_of
from napalm_frr.draft import Draft

DATACENTER = "frr defaults datacenter"
# FRR_CFG_DEFAULT_BOOL with match_profile = "datacenter" in bgpd, ospfd and ospf6d of 8.4.4 and 10.7.1.
_TURNED_BY_PROFILE = {
    BGP: re.compile(
        r"bgp (?:ebgp-requires-policy|log-neighbor-changes|deterministic-med|"
        r"default (?:show-hostname|show-nexthop-hostname|software-version-capability|dynamic-capability))"
    ),
    "router ospf": re.compile("log-adjacency-changes"),
    "router ospf6": re.compile("log-adjacency-changes"),
}
# Shown only when it differs from this (FRR 8.4.4 and 10.3).
_SILENT = {
    BGP: re.compile(r"timers bgp 60 180|bgp listen limit 100|bgp default local-preference 100"),
}
# Never shown: what stood in its place is gone, and nothing comes (8.4.4, 10.3, 10.7.1).
_NEVER_SHOWN = {INTERFACE: re.compile(r"ip igmp version 3|ipv6 mld version 2")}
_OF_GROUP = re.compile(r"neighbor (\S+) (capability \S.*|enforce-first-as)")


def is_silent_value(kind: str, line: str) -> bool:
    """Tell whether a line says the value that FRR has without it, and does not print."""
    pattern = _SILENT.get(kind)
    return pattern is not None and pattern.fullmatch(line) is not None


def is_never_shown(kind: str, line: str) -> bool:
    """Tell whether a line says a value that FRR has without it, and never prints."""
    pattern = _NEVER_SHOWN.get(kind)
    return pattern is not None and pattern.fullmatch(line) is not None


def on_by_default(draft: Draft, context: Path, line: str) -> bool:
    """Tell whether what a line says stands without it; FRR prints ``no`` when it does not."""
    kind = kind_of(context)
    if bgp.active_by_default(draft, context, line):
        return True
    default = default_of(kind, line, draft.generation)
    if default is None:
        return False
    turned = _TURNED_BY_PROFILE.get(kind)
    if turned and turned.fullmatch(line) and DATACENTER in draft.blocks[()]:
        default = Default.OFF if default is Default.ON else Default.ON
    return default is Default.ON or _switched_on(draft, context, line)


def shows_denied(draft: Draft, context: Path, line: str) -> bool:
    """Tell whether ``no LINE`` shows although neither it nor the line stands."""
    default = default_of(kind_of(context), line, draft.generation)
    return on_by_default(draft, context, line) or default is Default.BOTH


def _switched_on(draft: Draft, context: Path, line: str) -> bool:
    """Tell whether a wider setting has switched on what is off by default."""
    kind = kind_of(context)
    if kind == INTERFACE and line == "ip ospf passive":
        passive = "passive-interface default"
        return any(kind_of(path) == "router ospf" and passive in block for path, block in draft.blocks.items())
    if kind == "router rip" and line.startswith("passive-interface "):
        return line != "passive-interface default" and "passive-interface default" in draft.blocks[context]
    found = _OF_GROUP.fullmatch(line) if kind == BGP else None
    if not found:
        return False
    if line.endswith(" enforce-first-as") and "no bgp enforce-first-as" not in draft.blocks[context]:
        return True
    unnumbered = any(each.startswith(f"neighbor {found.group(1)} interface") for each in draft.blocks[context])
    if unnumbered and line.endswith(" capability extended-nexthop"):
        return True
    group = bgp.group_of(draft, context, found.group(1))
    return group is not None and f"neighbor {group} {found.group(2)}" in draft.blocks[context]
