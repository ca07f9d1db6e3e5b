"""A change: what stands and what should stand. The one thing that plans are made of, and that every report prints."""

import difflib
from dataclasses import dataclass

HIDDEN = "(secret: not shown)"
GENERATED = "(generated)"


@dataclass(frozen=True)
class Change:
    """One difference between intent and observation.

    Attributes:
        what: the subject, as its own world names it: a path, "unit containerd", "BGPPeer openwrt-peer", "frr configuration".
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
        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        if len(before) <= 1 and len(after) <= 1:
            return "\n".join([f"- {line}" for line in before] + [f"+ {line}" for line in after])
        old = self.what if self.before is not None else "/dev/null"
        new = self.what if self.after is not None else "/dev/null"
        return "\n".join(difflib.unified_diff(before, after, old, new, n=2, lineterm=""))
