"""A shell on this machine in the place of one by SSH: the scripts are run by the real /bin/sh."""

import subprocess

import pytest

from kubepeer.errors import CommandError
from tasks.linux.shell import Completed, DeadlineError


class LocalShell:
    """What tasks.linux.shell.Shell asks for; a script without stdin travels on standard input, as over SSH."""

    def __init__(self, before: str = "") -> None:
        self.before = before  # what every script begins with: a machine on which something is wrong

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        script = self.before + script
        arguments, given = (["-s"], script.encode()) if stdin is None else (["-c", script], stdin)
        try:
            ended = subprocess.run(
                ["/bin/sh", *arguments], input=given, capture_output=True, timeout=deadline, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineError("no end", host="here", seconds=deadline) from error
        return Completed(ended.returncode, ended.stdout, ended.stderr)

    def check(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        completed = self.run(script, stdin=stdin, deadline=deadline)
        if completed.code:
            raise CommandError(f"exit {completed.code}: {completed.said}")
        return completed


@pytest.fixture
def shell() -> LocalShell:
    return LocalShell()
