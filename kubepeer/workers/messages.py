"""What a run and its workers say to each other."""

from dataclasses import dataclass
from typing import Any

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.holder import Holder
from kubepeer.run import Options

Kept = tuple[tuple[int, Any], ...]
"""Places by their number in a task's handover, with what is kept there of the host."""


@dataclass(frozen=True)
class Alike:
    """What must be the same on both sides, as digests.

    Attributes:
        sources: all that plans and applies.
        inventory: intent, and where each host is reached.
        logins: the passwords of the logins.

    """

    sources: str
    inventory: str
    logins: str


@dataclass(frozen=True)
class Open:
    """A run begins.

    Attributes:
        chosen, filtered: as of the run.
        known_hosts, known_hosts_file: the text of the controller's file, and its name, which errors have.

    """

    holder: Holder
    alike: Alike
    options: Options
    chosen: frozenset[str]
    filtered: bool
    known_hosts: str
    known_hosts_file: str


@dataclass(frozen=True)
class Opened:
    """What a worker says to that.

    Attributes:
        session: its name for it, that no other process and no other time has; "" where it refuses.
        who: the worker, for a person.
        threads: that it runs calls in.
        refusal: why it cannot take part.
        cure: what can be done about it.

    """

    session: str
    who: str
    threads: int
    refusal: str = ""
    cure: str = ""


@dataclass(frozen=True)
class Call:
    """One task on one host.

    Attributes:
        session: whose call it is: no other process does it.
        number: of the call; the same one is never done twice.
        task: MODULE:NAME.
        title: of the phase.
        needs: what is kept of the host, of the places that the task needs or gives.
        may_change: the run holds its machines.

    """

    session: str
    number: str
    task: str
    title: str
    host: str
    options: Options
    needs: Kept
    may_change: bool


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Attributes:
        gives: what the task has left.
        learnt: secret values that are to be hidden wherever they turn up.
        wishes: nothing was changed, and something would be: may it?
        undone: the call was not done at all: it is of another session, or a second time.

    """

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    error: BaseException | None = None
    failed: bool = False
    waited: bool = False
    gives: Kept = ()
    warnings: tuple[str, ...] = ()
    learnt: frozenset[str] = frozenset()
    wishes: bool = False
    undone: bool = False


@dataclass(frozen=True)
class Waits:
    """A host's task waits, and knows for what."""

    title: str
    host: str
    reason: str
