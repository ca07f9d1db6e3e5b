"""The driver: NAPALM's contract for BIRD 2."""

from __future__ import annotations

import getpass
import socket
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napalm.base.exceptions import (
    CommandErrorException,
    CommandTimeoutException,
    CommitConfirmException,
    CommitError,
    ConnectionClosedException,
    MergeConfigException,
    NapalmException,
    ReplaceConfigException,
)
from napalm.base.netmiko_helpers import netmiko_args

from napalm_bird import change, secrets
from napalm_bird.change import CHANGED_MEANWHILE, GUARD_SECONDS, REFUSED, Change, Site
from napalm_bird.getters import Getters
from napalm_bird.merge import Merged, overlay
from napalm_bird.syntax import SyntaxRefused, require_whole
from napalm_bird.transport import Output, SSHRouter

_ATTEMPTS = 3
_GRACE = 30
"""Seconds that a commit may take beyond its own timer before the controller stops waiting for the router's answer."""


@dataclass(frozen=True)
class Candidate:
    """Configuration as somebody loaded it."""

    text: str
    replaces: bool

    def over(self, standing: str) -> Merged:
        """Work out the whole file that it makes of the one that stands."""
        if self.replaces:
            text = self.text if not self.text or self.text.endswith("\n") else self.text + "\n"
            return Merged(text, ((1, text.count("\n") + 1, 1),))
        return overlay(standing, self.text)

    def refusal(self, message: str) -> NapalmException:
        """Make the exception that NAPALM has for it."""
        return ReplaceConfigException(message) if self.replaces else MergeConfigException(message)


class BIRDDriver(Getters):
    """A router that runs BIRD 2, reached by SSH."""

    platform = "bird"

    def __init__(
        self,
        hostname: str,
        username: str,
        password: str,
        timeout: int = 60,
        optional_args: dict[str, Any] | None = None,
    ) -> None:
        """Keep the arguments; ``optional_args`` takes netmiko's own and a few of ours (see README)."""
        arguments = dict(optional_args or {})
        self.hostname = hostname
        self.username = username
        self.password = password
        self.timeout = timeout
        self._sudo = bool(arguments.pop("sudo", username != "root"))
        self._owner = "-".join(str(arguments.pop("owner", f"{getpass.getuser()}@{socket.gethostname()}")).split())
        self._site = Site(
            include=_path(arguments.pop("include_file", Site.include)),
            main=_path(arguments.pop("config_file", Site.main)),
            socket=str(arguments.pop("socket", Site.socket)),
        )
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
        """Load statements to lay over the file that is ours; BIRD's own parser checks the result at once."""
        self._load(Candidate(textwrap.dedent(_text(filename, config)), replaces=False))

    def load_replace_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load the whole file that is ours; BIRD's own parser checks it at once."""
        self._load(Candidate(_text(filename, config), replaces=True))

    def compare_config(self) -> str:
        """Return a unified diff of our file, from what is in force to what would be; empty for no change."""
        if self._candidate is None:
            return ""
        running = self._files().running
        return secrets.compare(running, self._over(self._candidate, running).text)

    def discard_config(self) -> None:
        """Forget the candidate."""
        self._candidate = None

    def commit_config(self, message: str = "", revert_in: int | None = None) -> None:
        """Put the candidate into force; with ``revert_in`` it goes after so many seconds unless it is confirmed."""
        if revert_in is not None and revert_in < 1:
            raise CommitError(f"{self.hostname}: revert_in={revert_in}: it takes a number of seconds above 0")
        if self._candidate is None or not self._apply(self._candidate, message, revert_in or GUARD_SECONDS):
            if pending := self._pending_words():
                raise CommitError(f"{self.hostname}: nothing was changed: {pending}")
        elif revert_in is None:
            self.confirm_commit()
        self._candidate = None

    def confirm_commit(self) -> None:
        """Keep the pending change: its file is put into place and the timers are stopped."""
        output = self._run("confirm", {"owner": self._owner})
        if output.code != 0:
            raise CommitConfirmException(f"{self.hostname}: not confirmed: {self._reason(output)}")

    def has_pending_commit(self) -> bool:
        """Tell whether a change on the router, ours or someone else's, waits for its confirmation."""
        return bool(self._pending_words())

    def rollback(self) -> None:
        """Take back the pending change, or else the last confirmed one, also one of an earlier session."""
        output = self._run("rollback", {"owner": self._owner, "reason": "rollback"})
        if output.code != 0:
            raise CommitError(f"{self.hostname}: no rollback: {self._reason(output)}")
        self._candidate = None

    def _pending_words(self) -> str:
        output = self._run("pending")
        if output.code != 0:
            raise CommandErrorException(f"{self.hostname}: {self._reason(output)}")
        return change.reason(change.LOCKED, output.out, self._site) if output.out.strip() else ""

    def _run(self, name: str, values: dict[str, str] | None = None, files: dict[str, str] | None = None) -> Output:
        return self._router().run(self._site.script(name, values, files))

    def _reason(self, output: Output) -> str:
        return change.reason(output.code, output.words, self._site)

    def _load(self, candidate: Candidate) -> None:
        self._candidate = None
        standing = "" if candidate.replaces else self._files().running
        merged = self._over(candidate, standing)
        output = self._run("check", files={"candidate": merged.text})
        if output.code not in (0, REFUSED):
            raise candidate.refusal(self._refused(candidate, merged, output))
        refusal = change.refusal(output.words, self._site) if output.code == REFUSED else None
        if refusal is None or not refusal.is_candidate:
            self._require_whole(candidate)  # else BIRD's own words, which name the place
        if output.code == REFUSED:
            raise candidate.refusal(self._refused(candidate, merged, output))
        self._candidate = candidate

    def _over(self, candidate: Candidate, standing: str) -> Merged:
        try:
            return candidate.over(standing)
        except SyntaxRefused as error:
            raise candidate.refusal(f"{self.hostname}: {error}. Nothing was changed.") from error

    def _require_whole(self, candidate: Candidate) -> None:
        try:
            require_whole(candidate.text)
        except SyntaxRefused as error:
            raise candidate.refusal(f"{self.hostname}: the candidate, {error}. Nothing was changed.") from error

    def _refused(self, candidate: Candidate, merged: Merged, output: Output) -> str:
        refusal = change.refusal(output.words, self._site) if output.code == REFUSED else None
        if refusal is None:
            return f"{self.hostname}: {self._reason(output)}. Nothing was changed."
        line = merged.origin(refusal.line) if refusal.is_candidate else None
        kind = "replacing candidate" if candidate.replaces else "candidate"
        if line is None:
            where = f"because of {refusal.file}, line {refusal.line}"
        else:
            where = f'at line {line}: "{secrets.hide(_line(candidate.text, line))}"'
        return f"{self.hostname}: BIRD refuses the {kind} {where}: {refusal.words}\nNothing was changed."

    def _apply(self, candidate: Candidate, message: str, seconds: int) -> bool:
        """Apply a candidate, and tell whether there was anything to do."""
        for _ in range(_ATTEMPTS):
            files = self._files()
            merged = self._over(candidate, files.startup)  # whatever is pending now is gone when ours can be made
            if merged.text == files.startup:
                return False
            order = Change(self._owner, message, seconds, files.startup, merged.text)
            output = self._commit(order, seconds)
            if output.code == 0:
                return True
            if output.code == REFUSED:
                raise candidate.refusal(self._refused(candidate, merged, output))
            if output.code != CHANGED_MEANWHILE:
                raise CommitError(f"{self.hostname}: nothing was changed: {self._reason(output)}")
        raise CommitError(f"{self.hostname}: nothing was changed: its file keeps changing under our hands")

    def _commit(self, order: Change, seconds: int) -> Output:
        try:
            return self._router().run(order.script(self._site), timeout=self.timeout + _GRACE)
        except (ConnectionClosedException, CommandTimeoutException) as error:
            raise CommitError(
                f"{error}, while the candidate was being applied. "
                f"Unless it is confirmed, the router takes it back by itself within {seconds} seconds."
            ) from error


def _path(given: Any) -> str:
    if not str(given).startswith("/") or any(sign in str(given) for sign in '"*?[\n'):
        raise ValueError(f"{given}: this must be the absolute path of one file")
    return str(given)


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _text(filename: str | None, config: str | None) -> str:
    if filename:
        try:
            return Path(filename).read_text(encoding="utf-8")
        except OSError as error:
            raise NapalmException(f"{filename}: cannot be read: {error.strerror}") from error
    return config or ""
