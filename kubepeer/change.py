"""A change: what stands and what should stand. The one thing that plans are made of, and that every report prints."""

import difflib
import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum

HIDDEN = "(secret: not shown)"
GENERATED = "(generated)"
NO_NEWLINE = "\\ No newline at end of file"  # as diff(1) says it
NOT_TEXT = re.compile("[\ud800-\udfff]")  # bytes that are not UTF-8, as Python's surrogateescape keeps them


class Held(Enum):
    """How closely a plan that somebody has approved can hold a change when it is made.

    Before anything is written every change is held to all that the plan shows of it. But of what an earlier phase of the same run brings,
    only so much can be foreseen.
    """

    EXACT = "exact"  # what stands and what should stand are those of the plan
    NAME = "name"  # its subject is: what stands there by then is made by what comes before it
    STEP = "step"  # it is done there, with all that belongs to it: a program's work, such as kubeadm's


@dataclass(frozen=True)
class Change:
    """One difference between intent and observation.

    Attributes:
        what: the subject, as its own world names it: a path, "unit containerd", "BGPPeer openwrt-peer", "configuration of r1".
        before: what stands, as text; None when there is nothing yet.
        after: what should stand, as text; None when it is to go.
        secret: the texts are never shown, only that they differ.
        unified: a diff that the device itself has made (NAPALM's compare_config); it replaces the computed one.
        held: how closely an approved plan holds it.
    """

    what: str
    before: str | None = None
    after: str | None = None
    secret: bool = False
    unified: str = ""
    held: Held = field(default=Held.EXACT, kw_only=True)

    @property
    def diff(self) -> str:
        """The change as a unified diff without timestamps; for a secret, one line that says so."""
        if self.secret:
            return f"~ {self.what} {HIDDEN}"
        if self.unified:
            return self.unified.rstrip("\n")
        before, after = _lines(self.before), _lines(self.after)
        if self.before and self.after and self.before.endswith("\n") != self.after.endswith("\n"):
            (after if self.before.endswith("\n") else before)[-1] += f"\n{NO_NEWLINE}"
        elif len(before) <= 1 and len(after) <= 1:
            return "\n".join([f"- {line}" for line in before] + [f"+ {line}" for line in after])
        old = self.what if self.before is not None else "/dev/null"
        new = self.what if self.after is not None else "/dev/null"
        return "\n".join(difflib.unified_diff(before, after, old, new, n=2, lineterm=""))


MADE: ContextVar[list[Change] | None] = ContextVar("changes made by the running task", default=None)


def made(change: Change) -> None:
    """Note that a change stands: when its task fails later, the report tells of it all the same."""
    changes = MADE.get()
    if changes is not None:
        changes.append(change)


Guard = Callable[[Sequence[Change]], None]
GUARD: ContextVar[Guard | None] = ContextVar("who is asked before the running task writes", default=None)


def about_to_change(changes: Sequence[Change] = ()) -> None:
    """Ask whether these changes may be made: called by everything that writes to a host or to the cluster, before it does.

    Args:
        changes: what is about to be made; none where something is written that no report shows: a token, a lock.

    Raises:
        RefusedError: they may not; nothing of them was made.

    """
    guard = GUARD.get()
    if guard is not None:
        guard(changes)


def _lines(text: str | None) -> list[str]:
    """The lines as they can be shown: a carriage return is seen, and a byte that is no text stands as a replacement character."""
    if text is None:
        return []
    shown = NOT_TEXT.sub("\ufffd", text).replace("\r", "\\r").removesuffix("\n").split("\n")
    return ["(an empty file)"] if text == "" else shown
