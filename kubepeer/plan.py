"""A plan as a document: what a dry run has found, for somebody else to read and approve, and for a later run to be held to. Pure."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kubepeer.change import HIDDEN, Change, Held
from kubepeer.outcome import PhaseOutcome

FORMAT = 1  # of Plan.kubepeer_plan; raised when an older Kubepeer would read a file wrongly


class Part(BaseModel):
    """A section of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Part):
    """One change, as it is shown, and what tells it from any other.

    Attributes:
        digest: of all that stands and should stand, also of what no diff shows; salted, and of a secret hard to compute.
    """

    what: str
    diff: str
    held: Held
    digest: str


class PlannedPhase(Part):
    """A phase, and the changes of each host that has some."""

    title: str
    hosts: dict[str, tuple[Entry, ...]] = {}


class Plan(Part):
    """The document.

    Attributes:
        kubepeer, code: the version, and a digest of the sources and templates: who runs others would do something else.
        made, by: when and by whom.
        filtered, hosts: the selection: whether the command line narrowed it, and the hosts that may be changed.
        inventory: intent, and where each host is reached.
        bgp_password: a digest of it; "" for none.
        salt: of the digests.
    """

    kubepeer_plan: Literal[1] = 1
    runbook: str
    kubepeer: str
    code: str
    made: str
    by: str
    filtered: bool
    hosts: tuple[str, ...]
    inventory: dict[str, Any]
    bgp_password: str = ""
    salt: str
    warnings: tuple[str, ...] = ()
    phases: tuple[PlannedPhase, ...]

    @property
    def identity(self) -> str:
        """What a person compares: twelve digits of the SHA-256 of all that stands in the document."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def inventory_digest(self) -> str:
        """The inventory in one line."""
        return hashlib.sha256(json.dumps(self.inventory, sort_keys=True).encode()).hexdigest()

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(len(entries) for phase in self.phases for entries in phase.hosts.values())

    @property
    def changed_hosts(self) -> set[str]:
        """The hosts that have a change."""
        return {name for phase in self.phases for name in phase.hosts}


def planned(outcomes: Sequence[PhaseOutcome], salt: str, hide: Callable[[str], str]) -> tuple[PlannedPhase, ...]:
    """The phases of a dry run with their changes.

    Args:
        outcomes: of the dry run.
        salt: of the plan.
        hide: gives a text without the secrets that are known.

    """
    return tuple(
        PlannedPhase(
            title=outcome.title,
            hosts={
                name: tuple(entry(change, salt, hide) for change in host.changes)
                for name, host in outcome.hosts.items()
                if host.changes
            },
        )
        for outcome in outcomes
    )


def entry(change: Change, salt: str, hide: Callable[[str], str]) -> Entry:
    """One change as the document has it."""
    return Entry(what=hide(change.what), diff=hide(change.diff), held=change.held, digest=digest_of(change, salt, hide))


def digest_of(change: Change, salt: str, hide: Callable[[str], str]) -> str:
    """What tells a change from one with another text; where a secret stands in it, made so that nobody finds that by trying."""
    text = json.dumps([change.what, change.before, change.after, change.unified])
    if change.secret or hide(text) != text:
        return slow_digest(salt, text)
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def slow_digest(salt: str, text: str) -> str:
    """A digest by scrypt (RFC 7914), some 50 ms a text: what is hidden may be a password of eight letters, and the file is handed round."""
    return hashlib.scrypt(text.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32).hex()


def differences(before: Sequence[PlannedPhase], now: Sequence[PlannedPhase]) -> dict[str, list[str]]:
    """What has moved between two plans, host by host, in lines for a person; nothing where they are the same.

    Args:
        before: the phases that were approved.
        now: what would be done now.

    """
    found: dict[str, list[str]] = {}
    if (was := [phase.title for phase in before]) != (are := [phase.title for phase in now]):
        found[""] = [f"phases: {', '.join(was)} in the plan; {', '.join(are)} now"]
        return found
    for old, new in zip(before, now, strict=True):
        for host in dict.fromkeys([*old.hosts, *new.hosts]):
            lines = list(_of_host(old.hosts.get(host, ()), new.hosts.get(host, ())))
            found.setdefault(host, []).extend(f"{old.title}: {line}" for line in lines)
    return {host: lines for host, lines in found.items() if lines}


def _of_host(old: Sequence[Entry], new: Sequence[Entry]) -> Iterator[str]:
    if old == new:
        return
    was, are = _by_subject(old), _by_subject(new)
    for what in dict.fromkeys([*was, *are]):
        if was.get(what) == are.get(what):
            continue
        if what not in are:
            yield f"{what}: in the plan, and not to be done now:{_shown(was[what])}"
        elif what not in was:
            yield f"{what}: not in the plan, and to be done now:{_shown(are[what])}"
        elif _shown(was[what]) == _shown(are[what]):
            yield f"{what}: what stands there, or should, is another than in the plan{_why_unseen(was[what])}"
        else:
            yield f"{what}: in the plan:{_shown(was[what])}\nnow:{_shown(are[what])}"
    if {what: list(entries) for what, entries in was.items()} == are:
        yield "the same changes in another order"


def _by_subject(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for one in entries:
        found.setdefault(one.what, []).append(one)
    return found


def _shown(entries: Sequence[Entry]) -> str:
    return "".join(f"\n{one.diff}" for one in entries)


def _why_unseen(entries: Sequence[Entry]) -> str:
    hidden = any(one.diff.endswith(HIDDEN) for one in entries)
    return " (it holds a secret: not shown)" if hidden else " (in lines that the diff does not show)"


def moved(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """The keys of the inventory whose values are not those of the plan, each with both.

    Args:
        before: of the plan.
        now: as it is.
        key: where in the inventory they stand.

    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            yield from moved(before.get(name), now.get(name), f"{key}.{name}" if key else str(name))
    elif _have_names(before) and _have_names(now):
        yield from moved({one["name"]: one for one in before}, {one["name"]: one for one in now}, key)
        was, are = [one["name"] for one in before], [one["name"] for one in now]
        if was != are and sorted(was) == sorted(are):
            yield f"{key}: in another order"
    elif before != now:
        yield f"{key}: {_value(before)} in the plan, {_value(now)} now"


def _have_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def _value(value: Any) -> str:
    text = (
        "absent" if value is None else value["name"] if isinstance(value, Mapping) and "name" in value else str(value)
    )
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004  of a line
