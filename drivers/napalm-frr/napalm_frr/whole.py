"""A whole configuration that takes the place of another. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from napalm_frr import bgp
from napalm_frr.configuration import Configuration, Statement
from napalm_frr.contexts import kind_of, shows_only_with_contents
from napalm_frr.denials import ever_printed
from napalm_frr.draft import Draft
from napalm_frr.merge import apply
from napalm_frr.steps import denied, standing


def whole(text: Sequence[Statement], kept: Configuration, running: Configuration) -> Configuration:
    """Read a whole configuration as FRR will print it: what it prints now, it prints again.

    Each line stands for itself. A ``no`` that FRR prints, now or by its sources, is a line like any other; any other
    ``no`` takes away what was said before it.
    """
    draft, reference = Draft(kept), Draft(running)
    for one in text:
        statement = standing(reference, one)
        if statement.is_context:
            _open(draft, statement)
        elif statement.path in running.members or _is_printed_denial(statement):
            _stand(draft, statement)
        else:
            apply(draft, statement, displacing=False)
    return draft.configuration()


def _open(draft: Draft, statement: Statement) -> None:
    if not shows_only_with_contents(statement.path):
        draft.block(statement.path)


def _is_printed_denial(statement: Statement) -> bool:
    line = statement.line.removeprefix("no ")
    if line in (statement.line, bgp.DEFAULT_FAMILY):
        return False
    return ever_printed(kind_of(statement.context), line)


def _stand(draft: Draft, statement: Statement) -> None:
    block, opposite = draft.block(statement.context), denied(statement.line)
    if opposite in block:
        draft.drop(block.context, opposite)
    if statement.line not in block:
        block.stand(statement.line)
