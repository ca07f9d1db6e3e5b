"""From one configuration to another by vtysh alone, for a router that has no frr-reload.py. Pure.

The way is the fragment of inverse.py, which may be walked in both directions. It is only given out where the rules of
merge.py, laid over it line by line, arrive at exactly what is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from napalm_frr.configuration import Configuration, Statement, parse, render
from napalm_frr.contexts import BGP_FAMILY, Path, kind_of
from napalm_frr.draft import Draft
from napalm_frr.inverse import inverse
from napalm_frr.merge import FragmentError, apply, overlay
from napalm_frr.steps import denied

_MEMBER: Final = re.compile(r"neighbor (\S+) (?:interface )?peer-group \S+")
_OWN_AS: Final = re.compile(r"neighbor (\S+) remote-as \S+")
_DEFAULT: Final = re.compile(r"(?:no )?bgp default ")


def leads(standing: Configuration, text: str, wanted: Configuration) -> bool:
    """Tell whether a fragment laid over what stands makes exactly what is wanted."""
    try:
        arrived = overlay(standing, parse(text)).effective
    except FragmentError:
        return False
    return _shown(arrived) == _shown(wanted)


def way(standing: Configuration, wanted: Configuration) -> str | None:
    """Write the fragment that leads from one to the other; None where the rules cannot vouch for any."""
    return next((text for text in _ways(standing, wanted) if leads(standing, text, wanted)), None)


def _ways(standing: Configuration, wanted: Configuration) -> Iterator[str]:
    """Try what keeps most first; else begin with what changes the meaning of all that follows."""
    must = [*_remade(standing, wanted), *_emptied(standing, wanted)]
    if not must:
        yield inverse(standing, wanted)
    first = [*_stopped(standing, wanted), *must, *_defaults(standing, wanted)]
    draft = Draft(standing)
    for path in first:
        apply(draft, Statement(path, 0))
    for family in _families(draft.configuration(), empty=True):
        if family not in wanted.members:
            draft.drop(family[:-1], family[-1])
    begun = "".join(f"{line}\n" for line, _ in render(first, frozenset()))
    yield begun + inverse(draft.configuration(), wanted)


def _stopped(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Deny the processes that are not wanted: one of another AS cannot begin while they run."""
    processes = [path for path in standing.paths if len(path) == 1 and path[0].startswith("router ")]
    return [(f"no {path[0]}",) for path in processes if path not in wanted.members]


def _remade(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Take away the neighbours that leave a peer group, or have no AS of their own any more: they are made anew.

    A member may have neither an AS that its group has, nor another group; and who leaves the group, or loses its AS, is
    deleted by FRR (bgpd/bgpd.c: peer_group_unbind, peer_delete; for a group peer_group_remote_as_delete).
    """
    leaving = [path for path in standing.paths if path not in wanted.members and path[:-1] in wanted.contexts]
    found = [(path[:-1], match.group(1)) for path in leaving if (match := _MEMBER.fullmatch(path[-1]))]
    with_as = [(path[:-1], match.group(1)) for path in leaving if (match := _OWN_AS.fullmatch(path[-1]))]
    kept = {(path[:-1], line[1]) for path in wanted.paths if (line := path[-1].split(" "))[0] == "neighbor"}
    other = {(path[:-1], match.group(1)) for path in wanted.paths if (match := _OWN_AS.fullmatch(path[-1]))}
    found += [one for one in with_as if one in kept and one not in other]
    return [_whole(standing, context, peer) for context, peer in dict.fromkeys(found)]


def _whole(standing: Configuration, context: Path, peer: str) -> Path:
    is_group = (*context, f"neighbor {peer} peer-group") in standing.members
    return (*context, f"no neighbor {peer} peer-group" if is_group else f"no neighbor {peer}")


def _emptied(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Deny the lines of the address families that are not wanted: no command denies a family itself."""
    families = [family for family in _families(standing) if family[:-1] in wanted.members]
    doomed = [family for family in families if family not in wanted.members]
    inside = [path for path in reversed(standing.paths) if path[:-1] in doomed]
    return [(*path[:-1], denied(path[-1])) for path in inside]


def _shown(configuration: Configuration) -> frozenset[Path]:
    """List what FRR shows: no address family without a line."""
    return configuration.members - set(_families(configuration, empty=True))


def _families(configuration: Configuration, *, empty: bool = False) -> list[Path]:
    """Find the address families of BGP, all or those without a line."""
    filled = {path[:-1] for path in configuration.paths}
    families = [path for path in configuration.paths if kind_of(path) == BGP_FAMILY]
    return [family for family in families if not empty or family not in filled]


def _defaults(standing: Configuration, wanted: Configuration) -> list[Path]:
    """Set the defaults of those processes that stay: a neighbour that comes later has what they say then."""
    new = [path for path in wanted.paths if path not in standing.members]
    old = [path for path in standing.paths if path not in wanted.members]
    paths = [*new, *((*path[:-1], denied(path[-1])) for path in old)]
    stay = standing.contexts & wanted.contexts
    return [path for path in dict.fromkeys(paths) if path[:-1] in stay and _DEFAULT.match(path[-1])]
