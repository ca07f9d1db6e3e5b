"""What the answers of the scripts mean, and the cure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

GUARD_SECONDS: Final = 300
"""A commit without ``revert_in`` reverts after this time too, unless the driver ends it: a controller may die."""

MISSING: Final = 37
LOCKED: Final = 42
REFUSED: Final = 43
CHANGED_MEANWHILE: Final = 44
NOT_OURS: Final = 51

_SHARED: Final = {
    4: "the router could not be brought back",
    MISSING: "programs are missing on the router; install them (coreutils, or a busybox with these applets). Missing",
    46: "{folder} cannot be written; is the disk full or read-only?",
    47: "no timer can be armed: neither systemd-run, nor setsid, nor nohup, nor a shell in the background stays alive",
    50: "no commit is pending",
    60: "there is no confirmed commit to roll back",
}


@dataclass(frozen=True)
class Reasons:
    """The reasons of one daemon's scripts.

    ``known`` has the sentence for each exit code that is the daemon's own, ``hide`` takes secrets out of what was said.
    """

    folder: str
    known: Mapping[int, str]
    hide: Callable[[str], str]

    def why(self, code: int, words: str) -> str:
        """Say why a script ended with this code."""
        if code == LOCKED:
            return self.locked(words)
        said = self.hide(words.strip())
        if code == NOT_OURS:
            return f"the pending change is {said}'s, not ours; it ends by itself when its time is over"
        known = self.known.get(code) or _SHARED.get(code, f"exit code {code}").replace("{folder}", self.folder)
        return f"{known}: {said}" if said else known

    def locked(self, words: str) -> str:
        """Say whose change is pending, and until when: owner, deadline, and what a revert came to."""
        owner, _, rest = words.strip().partition(" ")
        deadline, _, result = rest.partition(" ")
        if result:
            return f"a change of {owner} could not be reverted; look at {self.folder}/lock, then call rollback()"
        until = f" until {time.strftime('%H:%M:%S', time.gmtime(int(deadline)))} UTC" if deadline.isdigit() else ""
        return f"a change of {owner} is pending{until}; it must be confirmed or reverted first"
