"""The writing half of a driver: NAPALM's contract for changes, over what a daemon knows of its configuration.

A change is one script on the router, under a lock. It checks, keeps what runs, arms a timer that needs nobody, and
applies. What must be right for every daemon is here; what a candidate makes of what runs, and whether the daemon
accepts it, is the daemon's (the abstract methods, and its own scripts/*.sh).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol, TypeVar

from napalm.base.exceptions import (
    CommandErrorException,
    CommandTimeoutException,
    CommitConfirmException,
    CommitError,
    ConnectionClosedException,
)

from napalm_unix_router.candidate import Candidate, loaded
from napalm_unix_router.reading import UnixRouter
from napalm_unix_router.reasons import CHANGED_MEANWHILE, GUARD_SECONDS, REFUSED, Reasons
from napalm_unix_router.scripts import Order, Scripts
from napalm_unix_router.transport import Output

_ATTEMPTS = 3
_GRACE = 30
"""Seconds that a commit may take beyond its own timer before the controller stops waiting for the router's answer."""


class Plan(Protocol):
    """What a candidate makes of what runs, as far as a commit must know."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing would change."""


C = TypeVar("C", bound=Candidate)
P = TypeVar("P", bound=Plan)


class UnixRouterDriver(UnixRouter, ABC, Generic[C, P]):
    """A router whose daemon is told its configuration by a shell."""

    _patience: ClassVar[int] = 0
    """Seconds that applying or reverting may take beyond the timeout of a look."""

    _candidate: C | None = None

    @property
    @abstractmethod
    def _scripts(self) -> Scripts:
        """The daemon's scripts, and the folder of its lock."""

    @property
    @abstractmethod
    def _reasons(self) -> Reasons:
        """What the answers of those scripts mean."""

    @abstractmethod
    def _candidate_of(self, text: str, *, replaces: bool) -> C:
        """Make a candidate of what was loaded."""

    @abstractmethod
    def _check(self, candidate: C) -> None:
        """Have the daemon's own parser look at a candidate, and raise its refusal."""

    @abstractmethod
    def _difference(self, candidate: C) -> str:
        """Return the unified diff of what runs and what would run, without secrets."""

    @abstractmethod
    def _plan(self, candidate: C) -> P:
        """Read what stands, and work out what the candidate makes of it."""

    @abstractmethod
    def _order(self, candidate: C, plan: P) -> Order:
        """Say what the commit is made of, the way back included."""

    @abstractmethod
    def _refused(self, candidate: C, plan: P, output: Output) -> str:
        """Say which line the daemon refused at the commit, and why."""

    @abstractmethod
    def _judge(self, plan: P, output: Output) -> None:
        """Require that what runs after the commit is what should run; else bring the router back and raise."""

    @abstractmethod
    def _never_the_same(self, plan: P) -> str:
        """Say why what runs is again and again not what was read."""

    def load_merge_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load a part of a configuration to lay over what runs; the daemon's own parser checks it at once."""
        self._load(self._candidate_of(loaded(filename, config), replaces=False))

    def load_replace_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load a whole configuration; the daemon's own parser checks it at once."""
        self._load(self._candidate_of(loaded(filename, config), replaces=True))

    def compare_config(self) -> str:
        """Return a unified diff from what runs to what would run; empty when nothing would change."""
        return "" if self._candidate is None else self._difference(self._candidate)

    def discard_config(self) -> None:
        """Forget the candidate."""
        self._candidate = None

    def commit_config(self, message: str = "", revert_in: int | None = None) -> None:
        """Apply the candidate; with ``revert_in`` the router takes it back after so many seconds unless confirmed."""
        if revert_in is not None and revert_in < 1:
            raise CommitError(f"{self.hostname}: revert_in={revert_in}: it takes a number of seconds above 0")
        if self._candidate is None or not self._apply(self._candidate, message, revert_in or GUARD_SECONDS):
            if pending := self._pending_words():
                raise CommitError(f"{self.hostname}: nothing was changed: {pending}")
        elif revert_in is None:
            self.confirm_commit()
        self._candidate = None

    def confirm_commit(self) -> None:
        """Keep the pending change: what a restart reads is written, and the timer stopped."""
        output = self._router().run(self._scripts.confirm(self._owner))
        if output.code != 0:
            raise CommitConfirmException(f"{self.hostname}: not confirmed: {self._why(output)}")

    def has_pending_commit(self) -> bool:
        """Tell whether a change on the router, ours or someone else's, waits for its confirmation."""
        return bool(self._pending_words())

    def rollback(self) -> None:
        """Take back the pending change, or else the last confirmed one, also one of an earlier session."""
        output = self._undo("rollback")
        if output.code != 0:
            raise CommitError(f"{self.hostname}: no rollback: {self._why(output)}")
        self._candidate = None

    def _load(self, candidate: C) -> None:
        self._candidate = None
        self._check(candidate)
        self._candidate = candidate

    def _apply(self, candidate: C, message: str, seconds: int) -> bool:
        """Apply a candidate, and tell whether there was anything to do."""
        for _ in range(_ATTEMPTS):
            plan = self._plan(candidate)
            if plan.is_empty:
                return False
            output = self._commit(self._order(candidate, plan), message, seconds)
            if output.code == REFUSED:
                raise candidate.refusal(self._refused(candidate, plan, output))
            if output.code == 0:
                self._judge(plan, output)
                return True
            if output.code != CHANGED_MEANWHILE:
                raise CommitError(f"{self.hostname}: nothing was changed: {self._why(output)}")
        raise CommitError(f"{self.hostname}: nothing was changed: {self._never_the_same(plan)}")

    def _commit(self, order: Order, message: str, seconds: int) -> Output:
        script = self._scripts.commit(self._owner, message, seconds, order)
        try:
            return self._router().run(script, timeout=max(self.timeout, self._patience) + _GRACE)
        except (ConnectionClosedException, CommandTimeoutException) as error:
            raise CommitError(
                f"{error}, while the candidate was being applied. "
                f"Unless it is confirmed, the router takes it back by itself within {seconds} seconds."
            ) from error

    def _undo(self, reason: str) -> Output:
        script = self._scripts.rollback(self._owner, reason)
        return self._router().run(script, timeout=max(self.timeout, self._patience))

    def _pending_words(self) -> str:
        output = self._router().run(self._scripts.pending())
        if output.code != 0:
            raise CommandErrorException(f"{self.hostname}: {self._why(output)}")
        return self._reasons.locked(output.out) if output.out.strip() else ""

    def _why(self, output: Output) -> str:
        return self._reasons.why(output.code, output.words)
