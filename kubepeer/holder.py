"""Who runs a runbook: what a plan is signed with, and what a lock says to those who find it held."""

import getpass
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self

TIME = "%Y-%m-%dT%H:%M:%SZ"  # RFC 3339, UTC


@dataclass(frozen=True)
class Holder:
    """One run of one runbook.

    Attributes:
        since: when it began, as TIME.
        mark: tells this run from all others, also from one that has its pid after a boot.

    """

    runbook: str
    user: str
    host: str
    pid: int
    since: str
    mark: str

    @classmethod
    def of_this_process(cls, runbook: str = "a runbook") -> Self:
        """The run that this process is."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a user that the system has no name for (OSError from Python 3.13 on)
            user = str(os.geteuid())
        now = datetime.now(UTC).strftime(TIME)
        return cls(runbook, user, os.uname().nodename, os.getpid(), now, secrets.token_hex(8))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What `written` has written; None of anything else."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def written(self) -> str:
        """One line for a lock's file."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"{self.runbook} of {self.user}@{self.host} (pid {self.pid}, since {self.since})"
