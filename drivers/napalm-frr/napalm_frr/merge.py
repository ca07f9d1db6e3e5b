"""The effective configuration: a fragment laid over what runs, line by line, as FRR itself would take it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napalm_frr import bgp
from napalm_frr.configuration import Configuration, Statement
from napalm_frr.contexts import BGP, BGP_FAMILY, INTERFACE, ROUTE_MAP, TOP, Path, kind_of
from napalm_frr.draft import Block, Draft
from napalm_frr.lists import LIST_ENTRY
from napalm_frr.slots import slot_of

# Shown only when switched off (profile "traditional"; measured on FRR 8.4.4 and 10.3).
_ON_BY_DEFAULT = {
    TOP: re.compile(r"ip forwarding|ipv6 forwarding|zebra nexthop kernel enable"),
    BGP: re.compile(
        r"bgp (?:ebgp-requires-policy|default ipv4-unicast|network import-check|fast-external-failover|"
        r"client-to-client reflection|suppress-duplicates|hard-administrative-reset|graceful-restart notification)"
    ),
    INTERFACE: re.compile(r"link-detect|ipv6 nd suppress-ra"),
}
# The same, since FRR 10 (its release notes for enforce-first-as; the others measured on 10.3).
_ON_BY_DEFAULT_SINCE_10 = {
    TOP: re.compile(r"ip(?:v6)? nht resolve-via-default|bgp ipv6-auto-ra"),
    BGP: re.compile(r"bgp (?:enforce-first-as|ipv6-auto-ra)|neighbor \S+ (?:enforce-first-as|capability fqdn)"),
}
# Shown only when it differs from this (FRR 8.4.4 and 10.3).
_SILENT = {BGP: re.compile(r"timers bgp 60 180|bgp listen limit 100|bgp default local-preference 100")}

_BARE_REDISTRIBUTION = re.compile(r"redistribute (?:(?:ospf|table) \d+|\S+)")


class FragmentError(ValueError):
    """A line of the fragment cannot be meant as it stands."""

    def __init__(self, statement: Statement, reason: str) -> None:
        """Name the line and say why."""
        super().__init__(f'line {statement.number}: "{statement.line}": {reason}')


@dataclass(frozen=True)
class Merged:
    """What will stand, and those lines of the fragment that change something."""

    effective: Configuration
    changing: tuple[Statement, ...]


def overlay(running: Configuration, fragment: Sequence[Statement]) -> Merged:
    """Lay a fragment over the running configuration."""
    draft = Draft(running)
    changing = [step for one in fragment for step in _steps(draft, one) if apply(draft, step)]
    return Merged(draft.configuration(), tuple(changing))


def _steps(draft: Draft, statement: Statement) -> list[Statement]:
    """Deny the lines of a VRF before the VRF itself: FRR 10 keeps one that holds routes."""
    vrf = (statement.line.removeprefix("no "),)
    if not statement.line.startswith("no vrf ") or statement.context:
        return [statement]
    inside = draft.blocks.get(vrf, ())
    return [*(Statement((*vrf, denied(line)), statement.number) for line in inside), statement]


def denied(line: str) -> str:
    """Write the line that takes this one away."""
    return line[3:] if line.startswith("no ") else f"no {line}"


def apply(draft: Draft, statement: Statement) -> bool:
    """Apply one line and tell whether it changed anything."""
    line, context = statement.line, statement.context
    if line.startswith("no "):
        return context in draft.blocks and _take_away(draft, context, line[3:])
    if statement.is_context:
        _refuse_second_as(draft, statement)
        known = statement.path in draft.blocks
        draft.block(statement.path)
        return not known
    return _put(draft, draft.block(context), line)


def _put(draft: Draft, block: Block, line: str) -> bool:
    if block.kind == TOP:
        line = block.lists.numbered(line)
    if line in block or _is_silent(block, line):
        return False
    if kind_of(block.context) == BGP_FAMILY and "send-community" in line:
        before = set(block)
        if bgp.send_communities(block, line):
            return set(block) != before
    if line == bgp.DEFAULT_FAMILY:
        return bgp.switch_default_family(draft, block.context, on=True)
    if f"no {line}" in block:
        block.drop(f"no {line}")
        if not _on_by_default(draft, block.context, line):
            block.put(line)
        return True
    if _on_by_default(draft, block.context, line):
        return False
    block.put(line)
    if block.kind == BGP:
        bgp.joined(draft, block.context, line)
    return True


def _is_silent(block: Block, line: str) -> bool:
    if block.kind == BGP_FAMILY and _BARE_REDISTRIBUTION.fullmatch(line):
        return block.rival(line) is not None  # it keeps the route map and the metric that stand
    pattern = _SILENT.get(block.kind)
    return pattern is not None and pattern.fullmatch(line) is not None and block.rival(line) is None


def _on_by_default(draft: Draft, context: Path, line: str) -> bool:
    kind = kind_of(context)
    tables = [_ON_BY_DEFAULT, _ON_BY_DEFAULT_SINCE_10] if draft.generation >= 10 else [_ON_BY_DEFAULT]  # noqa: PLR2004
    known = any(kind in table and table[kind].fullmatch(line) for table in tables)
    return known or bgp.active_by_default(draft, context, line)


def _refuse_second_as(draft: Draft, statement: Statement) -> None:
    words = statement.line.split(" ")
    if words[:2] != ["router", "bgp"] or statement.context:
        return
    for standing in draft.blocks[()]:
        other = standing.split(" ")
        if other[:2] == words[:2] and other[3:] == words[3:] and other[2] != words[2]:
            raise FragmentError(statement, f"this router already runs {standing}")


def _take_away(draft: Draft, context: Path, body: str) -> bool:
    block = draft.blocks[context]
    before = len(block)
    if block.kind == BGP and bgp.removal(draft, context, body):
        return len(block) != before
    if block.kind == BGP_FAMILY and "send-community" in body:
        lines = set(block)
        return bgp.send_communities(block, f"no {body}") and set(block) != lines
    if block.kind == BGP and body == bgp.DEFAULT_FAMILY:
        return bgp.switch_default_family(draft, context, on=False)
    doomed = _meant_by(block, body)
    for line in doomed:
        draft.drop(context, line)
    if not doomed and f"no {body}" not in block and _on_by_default(draft, context, body):
        block.put(f"no {body}")
        return True
    return bool(doomed)


def _meant_by(block: Block, body: str) -> list[str]:
    """Find the lines that ``no BODY`` takes away: the very line, else its list or slot, else what begins with it."""
    if body in block:
        return [body]
    if block.kind == TOP and (found := LIST_ENTRY.fullmatch(body)):
        return _entries(block, *found.groups())
    if body.startswith("router bgp"):
        return [one for one in block if re.fullmatch(r"router bgp \d+", one)] if body == "router bgp" else []
    slot = slot_of(block.kind, body)
    if slot is not None and block.kind != ROUTE_MAP:
        return [one for one in block if slot_of(block.kind, one) == slot and _agrees(one, body)]
    if block.kind == ROUTE_MAP:
        return [one for one in block if slot_of(block.kind, one) == (slot or body)]
    return [one for one in block if one.startswith(f"{body} ")]


def _agrees(line: str, body: str) -> bool:
    """Tell whether a ``no`` that carries values means this line: it does when it names none, or its beginning."""
    return line == body or line.startswith(f"{body} ") or body.startswith(f"{line} ")


def _entries(block: Block, name: str, number: str | None, entry: str | None) -> list[str]:
    doomed = []
    for line in block.about(name):
        found = LIST_ENTRY.fullmatch(line)
        if found and number in (None, found.group(2)) and entry in (None, found.group(3)):
            doomed.append(line)
    return doomed
