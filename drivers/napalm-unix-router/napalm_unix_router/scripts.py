"""A change, as the router sees it: the scripts that commit, confirm, revert and roll back."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from napalm_unix_router.shell import assignments, functions


@dataclass(frozen=True)
class Order:
    """What a commit is made of: the text that was read and must still stand, and what the daemon's own script takes."""

    standing: str
    files: Mapping[str, str | bytes]
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scripts:
    """The scripts of one daemon: those of its package over what all daemons share.

    ``package`` holds ``scripts/*.sh``: commit, confirm, rollback, pending, and state.sh, which says how this daemon
    does what the shared ones ask for (scripts/state.sh here). ``folder`` is where the router keeps lock, changes and
    history, ``values`` what every script is told.
    """

    package: str
    folder: str
    values: Mapping[str, str] = field(default_factory=dict)

    def script(
        self,
        name: str,
        values: Mapping[str, str] | None = None,
        files: Mapping[str, str | bytes] | None = None,
    ) -> str:
        """Write a script: what it is told, what it prints into files, what all scripts share, and the script itself.

        A shell runs what it has read so far. In braces the work is one command: where the connection breaks while the
        script is being sent, nothing of it is done.
        """
        known = {"base": self.folder, **self.values}
        told = assignments(known) + _source(__package__, "state") + _source(self.package, "state")
        return f"{told}{assignments(values or {})}{functions(files or {})}{{\n{self._work(name)}}}\n"

    def commit(self, owner: str, message: str, seconds: int, order: Order) -> str:
        """Write the script that checks, backs up, arms the timer, and applies."""
        values = {
            "id": f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(3)}",
            "owner": owner,
            "message": " ".join(message.split()),
            "seconds": str(seconds),
            "expected": hashlib.sha256(order.standing.encode()).hexdigest(),
            **order.values,
        }
        return self.script("commit", values, {**order.files, "revert_script": self.script("revert")})

    def confirm(self, owner: str) -> str:
        """Write the script that confirms the pending change."""
        return self.script("confirm", {"owner": owner})

    def rollback(self, owner: str, reason: str) -> str:
        """Write the script that takes back the pending change, or else the last confirmed one."""
        return self.script("rollback", {"owner": owner, "reason": reason})

    def pending(self) -> str:
        """Write the script that tells of the pending change."""
        return self.script("pending")

    def _work(self, name: str) -> str:
        return _source(__package__ if name == "revert" else self.package, name)


def _source(package: str, name: str) -> str:
    return resources.files(package).joinpath("scripts", f"{name}.sh").read_text(encoding="utf-8")
