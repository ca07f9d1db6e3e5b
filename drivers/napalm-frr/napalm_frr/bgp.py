"""What bgpd shows of a neighbour and what it hides, and what a neighbour or peer group takes with it when it goes.

Read in FRR 8.4's bgpd/bgp_vty.c (bgp_config_write_peer_af) and measured on 8.4.4.
"""

from __future__ import annotations

import re

from napalm_frr.contexts import BGP, BGP_FAMILY, Path, kind_of
from napalm_frr.draft import Block, Draft

DEFAULT_FAMILY = "bgp default ipv4-unicast"
SHUTDOWN_BY_DEFAULT = "bgp default shutdown"
_ACTIVATE = re.compile(r"neighbor (\S+) activate")
_COMMUNITY = re.compile(r"(no )?neighbor (\S+) send-community(?: (both|all|extended|standard|large))?")
_KINDS = ("standard", "extended", "large")
_MEANT = {
    None: ("standard",),
    "standard": ("standard",),
    "extended": ("extended",),
    "large": ("large",),
    "both": ("standard", "extended"),
    "all": _KINDS,
}
_SHOWN = {"large": " large", "extended": " extended", "standard": ""}


def group_of(draft: Draft, context: Path, peer: str) -> str | None:
    """Name the peer group that a neighbour is in."""
    for line in draft.blocks[context[:1]].about(f"neighbor {peer}"):
        words = line.split(" ")
        if words[:3] == ["neighbor", peer, "peer-group"] and len(words) == 4:  # noqa: PLR2004
            return words[3]
        if words[:4] == ["neighbor", peer, "interface", "peer-group"]:
            return words[4]
    return None


def active_by_default(draft: Draft, context: Path, line: str) -> bool:
    """Tell whether a neighbour is active in an address family without a line that says so.

    A member of a group follows the group; anyone else is active in IPv4 unicast unless
    ``no bgp default ipv4-unicast`` stands.
    """
    found = _ACTIVATE.fullmatch(line)
    if not found or kind_of(context) != BGP_FAMILY:
        return False
    group = group_of(draft, context, found.group(1))
    if group:
        of_group = f"neighbor {group} activate"
        block = draft.blocks.get(context, ())
        return of_group in block or (f"no {of_group}" not in block and active_by_default(draft, context, of_group))
    in_process = draft.blocks[context[:1]]
    return context[1] == "address-family ipv4 unicast" and f"no {DEFAULT_FAMILY}" not in in_process


def switch_default_family(draft: Draft, process: Path, *, on: bool) -> bool:
    """Switch ``bgp default ipv4-unicast``: who is active stays active, and what is no longer the default is shown."""
    block, family = draft.blocks[process], draft.block((*process, "address-family ipv4 unicast"))
    if (f"no {DEFAULT_FAMILY}" not in block) == on:
        return False
    peers = dict.fromkeys(line.split(" ")[1] for line in block if line.startswith("neighbor "))
    lines = [f"neighbor {peer} activate" for peer in peers if group_of(draft, process, peer) is None]
    active = [line for line in lines if line in family or active_by_default(draft, family.context, line)]
    active = [line for line in active if f"no {line}" not in family]
    for line in lines:
        for old in (line, f"no {line}"):
            if old in family:
                family.drop(old)
        if (line in active) != on:
            family.put(f"no {line}" if on else line)
    if on:
        block.drop(f"no {DEFAULT_FAMILY}")
    else:
        block.put(f"no {DEFAULT_FAMILY}")
    return True


def send_communities(block: Block, line: str) -> bool:
    """Apply a ``send-community`` line: all three kinds are sent by default and FRR prints what is not.

    Returns whether the line was one.
    """
    found = _COMMUNITY.fullmatch(line)
    if not found:
        return False
    negative, peer, which = found.groups()
    shown = f"no neighbor {peer} send-community"
    sent = {kind for kind in _KINDS if shown + _SHOWN[kind] not in block and f"{shown} all" not in block}
    sent = sent - set(_MEANT[which]) if negative else sent | set(_MEANT[which])
    wanted = [shown + _SHOWN[kind] for kind in _SHOWN if kind not in sent] if sent else [f"{shown} all"]
    for old in block.about(f"neighbor {peer}"):
        if old.startswith(shown) and old not in wanted:
            block.drop(old)
    for new in wanted:
        if new not in block:
            block.put(new)
    return True


def leave(draft: Draft, context: Path, peer: str) -> None:
    """Take a neighbour or a peer group away with every line about it; a group takes its members along."""
    process = context[:1]
    in_group = re.compile(rf"neighbor (\S+) (?:interface )?peer-group {re.escape(peer)}")
    listen = re.compile(rf"bgp listen range \S+ peer-group {re.escape(peer)}")
    is_group = f"neighbor {peer} peer-group" in draft.blocks[process]
    lines = list(draft.blocks[process]) if is_group else []
    members = [found.group(1) for line in lines if (found := in_group.fullmatch(line))]
    for name in [peer, *members]:
        for block in [one for path, one in draft.blocks.items() if path[:1] == process]:
            for line in block.about(f"neighbor {name}"):
                block.drop(line)
    for line in [one for one in lines if listen.fullmatch(one)]:
        draft.blocks[process].drop(line)


def removal(draft: Draft, context: Path, body: str) -> bool:
    """Apply ``no neighbor ...`` where it takes more away than one line; returns whether it was such a line."""
    words = body.split(" ")
    if kind_of(context) != BGP or words[0] != "neighbor" or len(words) == 1:
        return False
    peer, block = words[1], draft.blocks[context]
    if not block.about(f"neighbor {peer}"):
        return len(words) == 2 or words[2] in ("peer-group", "remote-as")  # noqa: PLR2004
    ends_group = words[2:] == ["peer-group"]
    leaves_group = words[2:3] == ["peer-group"] and len(words) > 3 and body in block  # noqa: PLR2004
    has_own_as = bool(_own_as(block, peer))
    if len(words) == 2 or ends_group or words[2] == "remote-as" or (leaves_group and not has_own_as):  # noqa: PLR2004
        leave(draft, context, peer)
        return True
    return False


def joined(draft: Draft, context: Path, line: str) -> None:
    """A neighbour that joins a group with an AS of its own gives up the AS it had."""
    words = line.split(" ")
    if words[:1] != ["neighbor"] or words[2:3] != ["peer-group"] or len(words) != 4:  # noqa: PLR2004
        return
    block = draft.blocks[context]
    if _own_as(block, words[3]):
        for own in _own_as(block, words[1]):
            block.drop(own)


def made_by(block: Block, line: str) -> str | None:
    """Name the neighbour that comes to be by this line; a peer group is none."""
    words = line.split(" ")
    if words[:1] != ["neighbor"] or words[2:3] not in (["remote-as"], ["peer-group"], ["interface"]):
        return None
    return None if words[2:] == ["peer-group"] or block.about(f"neighbor {words[1]}") else words[1]


def begin(block: Block, peer: str) -> None:
    """A new neighbour is shut down where that is the default, and FRR prints it (bgpd/bgpd.c: peer_create)."""
    if SHUTDOWN_BY_DEFAULT in block:
        block.put(f"neighbor {peer} shutdown")


def _own_as(block: Block, peer: str) -> list[str]:
    return [line for line in block.about(f"neighbor {peer}") if line.startswith(f"neighbor {peer} remote-as ")]
