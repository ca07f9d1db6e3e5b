"""The driver: NAPALM's contract for FRRouting."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path
from typing import Any

from napalm.base.exceptions import (
    CommandErrorException,
    CommandTimeoutException,
    CommitConfirmException,
    CommitError,
    ConnectionClosedException,
    NapalmException,
)
from napalm.base.netmiko_helpers import netmiko_args

from napalm_frr import change, diff
from napalm_frr.candidate import Candidate, Plan
from napalm_frr.change import CHANGED_MEANWHILE, GUARD_SECONDS, REFUSED, Change
from napalm_frr.configuration import read, without_headline
from napalm_frr.getters import Getters
from napalm_frr.inverse import inverse
from napalm_frr.secrets import hide, restoration
from napalm_frr.transport import Output, SSHRouter, vtysh

_ATTEMPTS = 3
_GRACE = 30
"""Seconds that a commit may take beyond its own timer before the controller stops waiting for the router's answer."""


class FRRDriver(Getters):
    """A router that runs FRRouting, reached by SSH."""

    platform = "frr"

    def __init__(
        self,
        hostname: str,
        username: str,
        password: str,
        timeout: int = 60,
        optional_args: dict[str, Any] | None = None,
    ) -> None:
        """Keep the arguments; ``optional_args`` takes netmiko's own, ``sudo`` and ``owner`` (see README)."""
        arguments = dict(optional_args or {})
        self.hostname = hostname
        self.username = username
        self.password = password
        self.timeout = timeout
        self._sudo = bool(arguments.pop("sudo", username != "root"))
        self._owner = "-".join(str(arguments.pop("owner", f"{getpass.getuser()}@{socket.gethostname()}")).split())
        self._arguments = {"ssh_strict": True, "system_host_keys": True} | netmiko_args(arguments)
        self._candidate: Candidate | None = None

    def open(self) -> None:
        """Connect."""
        arguments = {
            "username": self.username,
            "password": self.password,
            "conn_timeout": min(10, self.timeout),
            **self._arguments,
        }
        self.device = SSHRouter(self.hostname, arguments, self.timeout, sudo=self._sudo)

    def close(self) -> None:
        """Disconnect. A pending commit stays pending: its timer lives on the router."""
        if self.device is not None:
            self.device.close()
        self.device = None

    def load_merge_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load a fragment to lay over what runs; FRR's own parser checks it at once."""
        self._load(Candidate(without_headline(_text(filename, config)), replaces=False))

    def load_replace_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load a whole configuration; FRR's own parser checks it at once."""
        self._load(Candidate(without_headline(_text(filename, config)), replaces=True))

    def compare_config(self) -> str:
        """Return a unified diff from what runs to what would run; empty when nothing would change."""
        if self._candidate is None:
            return ""
        plan = self._plan(self._candidate)
        return diff.compare(plan.running, plan.effective)

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
        """Keep the pending change: the startup file is written and the timer stopped."""
        output = self._router().run(change.confirm_script(self._owner))
        if output.code != 0:
            raise CommitConfirmException(f"{self.hostname}: not confirmed: {change.reason(output.code, output.words)}")

    def has_pending_commit(self) -> bool:
        """Tell whether a change on the router, ours or someone else's, waits for its confirmation."""
        return bool(self._pending_words())

    def rollback(self) -> None:
        """Take back the pending change, or else the last confirmed one, also one of an earlier session."""
        output = self._undo("rollback")
        if output.code != 0:
            raise CommitError(f"{self.hostname}: no rollback: {change.reason(output.code, output.words)}")
        self._candidate = None

    def _pending_words(self) -> str:
        output = self._router().run(change.pending_script())
        if output.code != 0:
            raise CommandErrorException(f"{self.hostname}: {change.reason(output.code, output.words)}")
        return change.reason(change.LOCKED, output.out) if output.out.strip() else ""

    def _load(self, candidate: Candidate) -> None:
        self._candidate = None
        output = self._router().run(change.check_script(candidate.text))
        if output.code != 0:
            raise candidate.refusal(self._refused(candidate, output))
        self._candidate = candidate

    def _refused(self, candidate: Candidate, output: Output) -> str:
        refusals = change.refusals(output.words)
        if not refusals:
            return f"{self.hostname}: FRR's parser did not run: {self._cure(hide(output.words))}. Nothing was changed."
        listed = "".join(f'\n  line {number}: "{hide(line)}": {why}' for number, line, why in refusals)
        kind = "replacing candidate" if candidate.replaces else "candidate"
        return f"{self.hostname}: FRR refuses the {kind}:{listed}\nNothing was changed."

    def _plan(self, candidate: Candidate) -> Plan:
        (running,) = self._ask(vtysh("show running-config"))
        return candidate.plan(running)

    def _apply(self, candidate: Candidate, message: str, seconds: int) -> bool:
        """Apply a candidate, and tell whether there was anything to do."""
        for _ in range(_ATTEMPTS):
            plan = self._plan(candidate)
            if plan.is_empty:
                return False
            output = self._commit(candidate, plan, message, seconds)
            if output.code == REFUSED:
                raise candidate.refusal(self._refused(candidate, output))
            if output.code not in (0, CHANGED_MEANWHILE):
                why = change.reason(output.code, output.words)
                raise CommitError(f"{self.hostname}: nothing was changed: {why}")
            if output.code == 0:
                self._judge(plan, output)
                return True
        raise CommitError(f"{self.hostname}: nothing was changed: {change.never_the_same(plan.running_text)}")

    def _commit(self, candidate: Candidate, plan: Plan, message: str, seconds: int) -> Output:
        order = Change(
            owner=self._owner,
            message=message,
            seconds=seconds,
            engine=candidate.engine,
            running=plan.running_text,
            candidate=candidate.text,
            fragment=plan.fragment,
            secrets_forward=restoration(plan.running, plan.effective),
            way_back=inverse(plan.effective, plan.running),
        )
        try:
            return self._router().run(order.script(), timeout=max(self.timeout, GUARD_SECONDS) + _GRACE)
        except (ConnectionClosedException, CommandTimeoutException) as error:
            raise CommitError(
                f"{error}, while the candidate was being applied. "
                f"Unless it is confirmed, the router takes it back by itself within {seconds} seconds."
            ) from error

    def _judge(self, plan: Plan, output: Output) -> None:
        """Require that what runs is what should run; else bring the router back."""
        observed = read(output.out)
        if observed.same_as(plan.effective):
            return
        undone = self._undo("the result was not as intended")
        refused = "".join(
            f'\n  line {_origin(plan, number)}: "{hide(line)}": {why}'
            for number, line, why in change.refusals(output.err)
        )
        difference = diff.missing_and_unexpected(plan.effective, observed).replace("\n", "\n  ")
        end = "The router is back at its old configuration."
        if undone.code != 0:
            end = f"It could not be brought back either: {change.reason(undone.code, undone.words)}"
        raise CommitError(
            f"{self.hostname}: the candidate did not take effect as written:{refused}\n  {difference}\n{end}"
        )

    def _undo(self, reason: str) -> Output:
        return self._router().run(change.rollback_script(self._owner, reason), timeout=max(self.timeout, GUARD_SECONDS))


def _origin(plan: Plan, number: int) -> int:
    return plan.numbers[number - 1] if 0 < number <= len(plan.numbers) else number


def _text(filename: str | None, config: str | None) -> str:
    if filename:
        try:
            return Path(filename).read_text(encoding="utf-8")
        except OSError as error:
            raise NapalmException(f"{filename}: cannot be read: {error.strerror}") from error
    return config or ""
