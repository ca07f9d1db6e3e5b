"""Which words of FRR's configuration are secrets, how to hide them, and how to restore them off the command line."""

from __future__ import annotations

import re

from napalm_frr.configuration import Configuration, render
from napalm_frr.contexts import Path, kind_of
from napalm_frr.slots import slot_of

HIDDEN = "********"

# Found in what FRR's sources print (8.4.4, 10.3, 10.7.1). Those of BGP, LDP, MSDP and RIP are the rest of their line.
_SECRET = re.compile(
    r"\b(?:((?:neighbor|msdp peer) \S+ password|ip rip authentication string) (?:\S.*)|"
    r"((?:enable )?password(?: 8)?|key-string|authentication-key|message-digest-key \d+ md5|"
    r"ipv6 ospf6 authentication key-id \d+ hash-algo \S+ key|"
    r"(?:isis |openfabric |area-|domain-)password (?:clear|md5)|(?:ip|ipv6) nhrp authentication|tcp-md5-auth|"
    r"snmp-server community) \S+)"
)


def hide(text: str) -> str:
    """Put asterisks in the place of every password and key."""
    return _SECRET.sub(lambda found: f"{found.group(1) or found.group(2)} {HIDDEN}", text)


def is_secret(line: str) -> bool:
    """Tell whether a line holds a password or a key."""
    return _SECRET.search(line) is not None


def restoration(standing: Configuration, wanted: Configuration) -> str:
    """Write the fragment that brings the secrets of what stands to what is wanted.

    frr-reload.py hands each line that it deletes to ``vtysh -c``, where the process list shows it. So the lines with
    secrets are dealt with before it runs, from a file: nothing is left for it to delete.
    """
    doomed = [path for path in standing.paths if is_secret(path[-1]) and path not in wanted.members]
    kept = [path for path in doomed if path[:-1] in wanted.members or len(path) == 1]
    by_slot = {(path[:-1], slot_of(kind_of(path[:-1]), path[-1])): path for path in wanted.paths if is_secret(path[-1])}
    paths: list[Path] = []
    for path in kept:
        successor = by_slot.get((path[:-1], slot_of(kind_of(path[:-1]), path[-1])))
        paths.append(successor or (*path[:-1], f"no {path[-1]}"))
    contexts = frozenset(path[:-1] for path in paths if len(path) > 1)
    return "".join(f"{line}\n" for line, _ in render(paths, contexts))
