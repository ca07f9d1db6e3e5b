"""From one configuration to another by vtysh alone, for a router that has no frr-reload.py. Pure.

The way is the fragment of inverse.py, which may be walked in both directions. It is only given out where the rules of
merge.py, laid over it line by line, arrive at exactly what is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from napalm_frr.configuration import Configuration, Statement, parse, render
from napalm_frr.contexts import Path
from napalm_frr.draft import Draft
from napalm_frr.inverse import inverse
from napalm_frr.merge import FragmentError, apply, denied, overlay

_DEFAULT: Final = re.compile(r"(?:no )?bgp default ")


def leads(standing: Configuration, text: str, wanted: Configuration) -> bool:
    """Tell whether a fragment laid over what stands makes exactly what is wanted."""
    try:
        return overlay(standing, parse(text)).effective.same_as(wanted)
    except FragmentError:
        return False


def way(standing: Configuration, wanted: Configuration) -> str | None:
    """Write the fragment that leads from one to the other; None where the rules cannot vouch for any."""
    return next((text for text in _ways(standing, wanted) if leads(standing, text, wanted)), None)


def _ways(standing: Configuration, wanted: Configuration) -> Iterator[str]:
    """Try what keeps most first; else begin with what changes the meaning of all that follows."""
    yield inverse(standing, wanted)
    first = [*_stopped(standing, wanted), *_defaults(standing, wanted)]
    draft = Draft(standing)
    for path in first:
        apply(draft, Statement(path, 0))
    begun = "".join(f"{line}\n" for line, _ in render(first, frozenset()))
    yield begun + inverse(draft.configuration(), wanted)


def _stopped(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Deny the processes that are not wanted: one of another AS cannot begin while they run."""
    processes = [path for path in standing.paths if len(path) == 1 and path[0].startswith("router ")]
    return [(f"no {path[0]}",) for path in processes if path not in wanted.members]


def _defaults(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Set the defaults of those processes that stay: a neighbour that comes later has what they say then."""
    new = [path for path in wanted.paths if path not in standing.members]
    old = [path for path in standing.paths if path not in wanted.members]
    paths = [*new, *((*path[:-1], denied(path[-1])) for path in old)]
    stay = standing.contexts & wanted.contexts
    return [path for path in dict.fromkeys(paths) if path[:-1] in stay and _DEFAULT.match(path[-1])]
