"""The way back as a fragment, so that a revert need not be frr-reload.py's line-by-line work. Pure.

What was replaced or removed comes first, in its place, and only then goes what is new: no policy is absent in between.
"""

from __future__ import annotations

from contextlib import suppress

from napalm_frr.configuration import Configuration, Statement, render
from napalm_frr.contexts import TOP, VRF, Path, kind_of, shows_only_with_contents
from napalm_frr.draft import Draft
from napalm_frr.merge import FragmentError, apply
from napalm_frr.secrets import restoration
from napalm_frr.slots import subject_of
from napalm_frr.steps import denied, steps


def inverse(standing: Configuration, wanted: Configuration) -> str:
    """Write the fragment that leads back; where the rules cannot vouch for it, only what frr-reload.py must not see."""
    draft = Draft(standing)
    back = [path for path in wanted.paths if path not in standing.members]
    with suppress(FragmentError):  # the AS of a process changes: no line does that
        returning = [path for path in back if apply(draft, Statement(path, 0, path in wanted.contexts))]
        leaving = _away(draft, standing, wanted)
        if draft.configuration().same_as(wanted):
            return _text(returning, wanted.contexts) + _text(leaving, frozenset())
    return restoration(standing, wanted)


def _text(paths: list[Path], contexts: frozenset[Path]) -> str:
    return "".join(f"{line}\n" for line, _ in render(paths, contexts))


def _away(draft: Draft, standing: Configuration, wanted: Configuration) -> list[Path]:
    """Deny what is new and still stands: once for a whole context, list or neighbour, else line by line.

    What came by itself with what returned (a neighbour that is shut down by default) goes, too.
    """
    subjects = {_subject(path) for path in wanted.paths}
    by_itself = [path for path in draft.configuration().paths if path not in standing.members]
    denials = []
    for path in sorted((*standing.paths, *by_itself), key=_turn):
        if path in wanted.members or not draft.holds(path) or shows_only_with_contents(path):
            continue
        subject = _subject(path)
        whole = subject is not None and subject not in subjects
        denial = _whole(standing, *subject) if subject and whole else (*path[:-1], denied(path[-1]))
        denials += [one.path for one in steps(draft, Statement(denial, 0)) if apply(draft, one)]
    return denials


def _turn(path: Path) -> tuple[bool, bool]:
    """Defaults first, for other lines depend on them; a VRF last, for FRR 10 keeps one that holds routes."""
    return kind_of(path) == VRF, not path[-1].startswith("no ")


def _subject(path: Path) -> tuple[Path, str] | None:
    """Name the list or the neighbour that a line is about, and the context that owns it."""
    kind = kind_of(path[:-1])
    name = subject_of(kind, path[-1])
    return (path[:1] if kind != TOP else (), name) if name else None


def _whole(standing: Configuration, context: Path, name: str) -> Path:
    is_group = (*context, f"{name} peer-group") in standing.members
    return (*context, f"no {name} peer-group" if is_group else f"no {name}")
