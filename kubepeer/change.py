"""A change: what stands and what should stand. The one thing that plans are made of, and that every report prints."""

import difflib
import re
from contextvars import ContextVar
from dataclasses import dataclass

HIDDEN = "(secret: not shown)"
GENERATED = "(generated)"
NO_NEWLINE = "\\ No newline at end of file"  # as diff(1) says it
NOT_TEXT = re.compile("[\ud800-\udfff]")  # bytes that are not UTF-8, as Python's surrogateescape keeps them


@dataclass(frozen=True)
class Change:
    """One difference between intent and observation.

    Attributes:
        what: the subject, as its own world names it: a path, "unit containerd", "BGPPeer openwrt-peer", "configuration of r1".
        before: what stands, as text; None when there is nothing yet.
        after: what should stand, as text; None when it is to go.
        secret: the texts are never shown, only that they differ.
        unified: a diff that the device itself has made (NAPALM's compare_config); it replaces the computed one.
    """

    what: str
    before: str | None = None
    after: str | None = None
    secret: bool = False
    unified: str = ""

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


def _lines(text: str | None) -> list[str]:
    """The lines as they can be shown: a carriage return is seen, and a byte that is no text stands as a replacement character."""
    if text is None:
        return []
    shown = NOT_TEXT.sub("\ufffd", text).replace("\r", "\\r").removesuffix("\n").split("\n")
    return ["(an empty file)"] if text == "" else shown
