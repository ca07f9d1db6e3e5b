"""The effective configuration: a fragment laid over what runs, line by line, as FRR itself would take it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napalm_frr import bgp
from napalm_frr.configuration import Configuration, Statement
from napalm_frr.contexts import (
    BGP,
    BGP_FAMILY,
    INTERFACE,
    ROUTE_MAP,
    ROUTER_ISIS,
    TOP,
    Path,
    kind_of,
    shows_only_with_contents,
)
from napalm_frr.defaults import is_never_shown, is_silent_value, on_by_default, shows_denied
from napalm_frr.denials import Release
from napalm_frr.draft import Block, Draft
from napalm_frr.levels import put_level
from napalm_frr.lists import LIST_ENTRY, may_stand_twice
from napalm_frr.same_lines import instance, is_process
from napalm_frr.slots import slot_of
from napalm_frr.steps import steps

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
    changing = [step for one in fragment for step in steps(draft, one) if apply(draft, step)]
    return Merged(draft.configuration(), tuple(changing))


def apply(draft: Draft, statement: Statement, *, displacing: bool = True) -> bool:
    """Apply one line and tell whether it changed anything."""
    line, context = statement.line, statement.context
    if line.startswith("no "):
        return context in draft.blocks and _take_away(draft, context, line[3:])
    if statement.is_context:
        _refuse_second_as(draft, statement)
        known = statement.path in draft.blocks or shows_only_with_contents(statement.path)
        if not known:
            draft.block(statement.path)
        return not known
    return _put(draft, draft.block(context), line, displacing=displacing)


def _put(draft: Draft, block: Block, line: str, *, displacing: bool) -> bool:
    if block.kind == TOP:
        line = block.lists.numbered(line, draft.generation)
    if line in block or _is_silent(block, line):
        return False
    if kind_of(block.context) == BGP_FAMILY and "send-community" in line:
        before = set(block)
        if bgp.send_communities(block, line):
            return set(block) != before
    if line == bgp.DEFAULT_FAMILY:
        return bgp.switch_default_family(draft, block.context, on=True)
    was_denied = f"no {line}" in block
    if was_denied:
        block.drop(f"no {line}")
    if on_by_default(draft, block.context, line):
        return was_denied
    made = bgp.made_by(block, line) if block.kind == BGP else None
    changed = _place(block, line, displacing=displacing)
    if block.kind == BGP:
        bgp.joined(draft, block.context, line)
    if made:
        bgp.begin(block, made)
    return changed or was_denied


def _place(block: Block, line: str, *, displacing: bool) -> bool:
    """Give a line its place, and tell whether that changed anything."""
    if is_never_shown(block.kind, line):
        rival = block.rival(line)
        if rival:
            block.drop(rival)
        return rival is not None
    before = set(block)
    if not displacing:
        block.stand(line)
    elif not put_level(block, line):
        block.put(line)
    return set(block) != before


def _is_silent(block: Block, line: str) -> bool:
    if block.kind == BGP_FAMILY and _BARE_REDISTRIBUTION.fullmatch(line):
        return block.rival(line) is not None  # it keeps the route map and the metric that stand
    return is_silent_value(block.kind, line) and block.rival(line) is None


def _refuse_second_as(draft: Draft, statement: Statement) -> None:
    words = statement.line.split(" ")
    if words[:2] != ["router", "bgp"] or statement.context:
        return
    for other in draft.blocks[()]:
        if other.startswith("router bgp ") and instance(other) == instance(statement.line) and other != statement.line:
            raise FragmentError(statement, f"this router already runs {other}")


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
    doomed = _meant_by(block, body, draft.generation)
    for line in doomed:
        draft.drop(context, line)
    if f"no {body}" not in block and (shows_denied if not doomed else on_by_default)(draft, context, body):
        block.put(f"no {body}")
        return True
    return bool(doomed)


def _meant_by(block: Block, body: str, release: Release) -> list[str]:
    """Find the lines that ``no BODY`` takes away: the very line, else its list or slot, else what begins with it."""
    if body in block:
        return [body]
    if block.kind == TOP and (found := LIST_ENTRY.fullmatch(body)):
        return _entries(block, found, release)
    if body.startswith("router bgp"):
        return [one for one in block if is_process(one, body)]
    slot = slot_of(block.kind, body)
    longer = [one for one in block if one.startswith(f"{body} ")]
    if block.kind == ROUTE_MAP:
        return [one for one in block if slot_of(block.kind, one) == (slot or body)]
    if slot is None or (longer and _names_no_level(block, body)):
        return longer
    return [one for one in block if slot_of(block.kind, one) == slot and _agrees(one, body)]


def _names_no_level(block: Block, body: str) -> bool:
    """Tell whether IS-IS means both levels: what it has of either begins with these words."""
    return block.kind == ROUTER_ISIS or (block.kind == INTERFACE and body.startswith("isis "))


def _agrees(line: str, body: str) -> bool:
    """Tell whether a ``no`` that carries values means this line: it does when it names none, or its beginning."""
    return line == body or line.startswith(f"{body} ") or body.startswith(f"{line} ")


def _entries(block: Block, denied: re.Match[str], release: Release) -> list[str]:
    name, number, entry = denied.groups()
    doomed = {}
    for line in block.about(name):
        found = LIST_ENTRY.fullmatch(line)
        if found and number in (None, found.group(2)) and entry in (None, found.group(3)):
            doomed[line] = int(found.group(2) or 0)
    if entry and not number and may_stand_twice(name, release):
        return sorted(doomed, key=doomed.__getitem__)[:1]
    return list(doomed)
