"""One line of a fragment as the steps that FRR takes: what must go first, and how what stands is named."""

from __future__ import annotations

import re

from napalm_frr.configuration import Statement
from napalm_frr.contexts import BGP, Path, kind_of
from napalm_frr.draft import Draft
from napalm_frr.same_lines import same_numbers


def steps(draft: Draft, statement: Statement) -> list[Statement]:
    """Put before a line what FRR wants gone first.

    A VRF that holds routes stays (since FRR 10), and so does a peer group that a listen range leads to (since 10.1).
    """
    statement = standing(draft, statement)
    first = [(*path[:-1], denied(path[-1])) for path in _in_the_way(draft, statement)]
    return [*(Statement(path, statement.number) for path in first), statement]


def denied(line: str) -> str:
    """Write the line that takes this one away."""
    return line[3:] if line.startswith("no ") else f"no {line}"


def standing(draft: Draft, statement: Statement) -> Statement:
    """Name lines as they stand where only the way in which an AS number is written differs."""
    path: Path = ()
    for word in statement.path:
        block = draft.blocks.get(path, ())
        path = (*path, word if word in block else same_numbers(path, word, block))
    return statement if path == statement.path else Statement(path, statement.number, statement.is_context)


def _in_the_way(draft: Draft, statement: Statement) -> list[Path]:
    context, line = statement.context, statement.line
    if line.startswith("no vrf ") and not context:
        vrf = (line.removeprefix("no "),)
        return [(*vrf, each) for each in draft.blocks.get(vrf, ())]
    found = re.fullmatch(r"no neighbor (\S+)(?: peer-group)?", line)
    block = draft.blocks.get(context, ()) if kind_of(context) == BGP else ()
    if not found or f"neighbor {found.group(1)} peer-group" not in block:
        return []
    ending = f" peer-group {found.group(1)}"
    return [(*context, each) for each in block if each.startswith("bgp listen range ") and each.endswith(ending)]
