"""What is said of many hosts, folded so that a person can read it: what is alike is told once, and who differs by name. Pure.

A phase on a few hosts is told as it is. The whole of it, host by host, is what --output json, --report and --plan-out are for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from kubepeer.change import Change
from kubepeer.outcome import PhaseOutcome
from kubepeer.words import listed

FEW = 10
"""So many hosts are named, and so many differing texts of one subject, or kinds of lines, are shown."""
LINES = 20
EXAMPLES = 3
OWN = "\0"
WORD = re.compile(r"[\w-]+(?:[.:]+[\w-]+)*")  # a name or an address, as a whole: 10.31.1.1 is none of 10.31.1.10


@dataclass(frozen=True)
class Alike:
    """A change that is the same on several hosts.

    Attributes:
        change: as it is on the first of them.
        hosts: their names.
        own: whether each has its own name or address in it.
        differing: hosts whose change of this subject is another one still, and is not shown.

    """

    change: Change
    hosts: tuple[str, ...]
    own: bool = False
    differing: tuple[str, ...] = ()


def alike(outcome: PhaseOutcome, own_words: Mapping[str, Sequence[str]] | None = None) -> list[Alike]:
    """The changes of a phase, each with the hosts that it is the same for.

    On many hosts two are the same, too, that add and remove the same lines among others, and that differ in what the hosts are called.

    Args:
        outcome: of the phase.
        own_words: host -> its own names and addresses.

    """
    if len(outcome.hosts) <= FEW:
        return as_they_are(outcome)
    groups: dict[tuple[str, ...], list[tuple[Change, str]]] = {}
    for name, host in outcome.hosts.items():
        for change in host.changes:
            groups.setdefault(_moved(change), []).append((change, name))
    of_subject: dict[str, list[Alike]] = {}
    for (what, *_), members in groups.items():
        of_subject.setdefault(what, []).append(Alike(members[0][0], tuple(name for _, name in members)))
    return [one for found in of_subject.values() for one in _bounded(_by_own_words(found, own_words or {}))]


def as_they_are(outcome: PhaseOutcome) -> list[Alike]:
    """The changes of a phase, each with the hosts on which it is the very same."""
    return [Alike(change, tuple(hosts)) for change, hosts in outcome.changes_together().items()]


def _moved(change: Change) -> tuple[str, ...]:
    """What a change takes away and what it brings, without the lines before and behind that stay."""
    if change.secret:
        return change.what, change.diff
    if change.unified:
        return change.what, change.unified
    before, after = ((text or "").split("\n") for text in (change.before, change.after))
    same = _same(before, after)
    before, after = before[same:], after[same:]
    same = _same(before[::-1], after[::-1])
    moved = ("\n".join(lines[: len(lines) - same]) for lines in (before, after))
    return (change.what, *moved, f"{change.before is None} {change.after is None}")


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines are the same from the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _by_own_words(found: Sequence[Alike], own_words: Mapping[str, Sequence[str]]) -> list[Alike]:
    """Those that single hosts have, told together where they differ in the hosts' own words alone."""
    told: dict[tuple[str, ...], Alike] = {}
    for number, one in enumerate(found):
        key: tuple[str, ...] = (str(number),)
        if len(found) > 1 and len(one.hosts) == 1 and (words := own_words.get(one.hosts[0])):
            key = tuple(_without(frozenset(words), text) for text in _moved(one.change))
        stands = told.get(key)
        told[key] = replace(stands, hosts=(*stands.hosts, *one.hosts), own=True) if stands else one
    return list(told.values())


def _without(words: frozenset[str], text: str) -> str:
    return WORD.sub(lambda found: OWN if found[0] in words else found[0], text)


def _bounded(found: Sequence[Alike]) -> Iterator[Alike]:
    """As many as a person reads; whose changes are left out is told with the last."""
    shown = sorted(found, key=lambda one: len(one.hosts), reverse=True)[:FEW] if len(found) > FEW else found
    left_out = [one for one in found if one not in shown]
    yield from shown[:-1]
    yield replace(shown[-1], differing=tuple(name for one in left_out for name in one.hosts))


def named(hosts: Sequence[str], among: Iterable[str]) -> str:
    """Hosts for a person: all by name where they are few, or all but a few.

    Args:
        hosts: which.
        among: of which.

    """
    if len(hosts) <= FEW:
        return all_named(hosts)
    those = set(hosts)
    others = [name for name in among if name not in those]
    if not others:
        return f"all {len(hosts)} hosts"
    if len(others) <= FEW:
        return f"{len(hosts)} hosts: all but {', '.join(others)}"
    return f"{len(hosts)} hosts: {listed(hosts, EXAMPLES)}"


def all_named(hosts: Sequence[str]) -> str:
    """Hosts by name, and how many they are where they are more than two."""
    return ", ".join(hosts) if len(hosts) <= 2 else f"{len(hosts)} hosts: {', '.join(hosts)}"  # noqa: PLR2004


def folded(lines: Sequence[str]) -> list[str]:
    """Lines of which many differ in numbers alone, as hosts' names and addresses do: a few of each kind, and how many there are more."""
    if len(lines) <= LINES:
        return list(lines)
    kinds: dict[str, list[str]] = {}
    for line in lines:
        kinds.setdefault(re.sub(r"[0-9a-f]*\d[0-9a-f]*", "0", line), []).append(line)
    shown: list[str] = []
    for found in list(kinds.values())[:FEW]:
        shown += found[:EXAMPLES]
        if len(found) > EXAMPLES:
            shown.append(f"   and {len(found) - EXAMPLES} more like it (--output json has all)")
    others = sum(len(found) for found in list(kinds.values())[FEW:])
    return [*shown, f"   and {others} others (--output json has all)"] if others else shown
