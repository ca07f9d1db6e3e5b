"""BIRD's process: started, kept alive, given its configuration, asked how it is."""

import logging
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from calico_node.kernel import CommandError, run

RESTART_PAUSE = 1.0  # as runit, which keeps BIRD alive in the real container
ANSWER_TIMEOUT = 5.0
FIRST_ERROR_CODE = 8000  # BIRD's replies from here on are errors (doc/reply_codes)

log = logging.getLogger(__name__)


class BirdError(RuntimeError):
    """BIRD refused a command or does not answer."""


class RefusedConfiguration(RuntimeError):
    """BIRD cannot read a configuration: to try it again is of no use, only another one is."""


class Bird:
    """A BIRD that is ours: `bird`, or `bird6` for IPv6.

    It is restarted whenever it dies, unless the file bird.down (bird6.down) stands beside its socket: then it stays down until the
    file goes. The file alone does not end a running BIRD, so that a trial can choose how it dies: by a signal that
    lets it say goodbye (the routes go at once) or by SIGKILL (they stay as long as graceful restart lets them).
    """

    def __init__(self, configuration: Path, run_folder: Path, name: str = "bird") -> None:
        configuration.parent.mkdir(parents=True, exist_ok=True)
        self._configuration = configuration
        self._name = name
        self._socket = run_folder / f"{name}.ctl"
        self._down = run_folder / f"{name}.down"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -RESTART_PAUSE
        self._current = self._refused = self._refusal = ""

    def __str__(self) -> str:
        """Name it for the log."""
        return self._name.replace("bird", "BIRD")

    @property
    def runs(self) -> bool:
        """Say whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def configure(self, text: str) -> bool:
        """Check a configuration, then let BIRD take it over; sessions that did not change stay up.

        What BIRD refuses leaves the old configuration standing; without any BIRD does not start.

        Raises:
            RefusedConfiguration: BIRD cannot read it, or could not when it was shown the same text before.
        """
        if text == self._current:
            return False
        if text == self._refused:
            raise RefusedConfiguration(self._refusal)
        draft = self._configuration.with_suffix(".new")
        draft.touch(0o600)  # it may hold passwords
        draft.write_text(text)
        try:
            run(["bird", "-p", "-c", str(draft)])
        except CommandError as error:
            self._refused, self._refusal = text, str(error)
            raise RefusedConfiguration(self._refusal) from error
        draft.replace(self._configuration)
        if self.runs:
            self.ask("configure")
        self._current = text
        return True

    def supervise(self) -> None:
        """Start BIRD where it is not running and may run."""
        if not self._current or self.runs or time.monotonic() - self._started < RESTART_PAUSE:
            return
        if self._process is not None:
            log.warning("%s ended with %s", self, self._process.returncode)
            self._process = None
        if self._down.exists():
            return
        self._started = time.monotonic()
        # As runit does in the real container, the first start too: while one of the configured peers is away, the
        # others get no route for up to 240 s (BIRD's graceful restart wait).
        command = ["bird", "-f", "-R", "-c", str(self._configuration), "-s", str(self._socket)]
        self._process = subprocess.Popen(command)
        log.info("%s started: %s", self, " ".join(command))

    def kill(self) -> None:
        """End BIRD without a goodbye, as the end of the real container does: its peers keep the routes meanwhile."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, command: str) -> list[str]:
        """Send a command and collect the text of the reply."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT)
            connection.connect(str(self._socket))
            stream = connection.makefile("rw", encoding="utf-8")
            list(_reply(stream))  # the greeting
            stream.write(f"{command}\n")
            stream.flush()
            return list(_reply(stream))


def _reply(stream: Iterator[str]) -> Iterator[str]:
    """Read one reply: lines `code-text` and ` text`, the last of them `code text`."""
    for line in stream:
        text = line.rstrip("\n")
        if text.startswith((" ", "+")):
            yield text[1:]
            continue
        code, last, rest = text[:4], text[4:5] != "-", text[5:]
        if not code.isdigit() or int(code) >= FIRST_ERROR_CODE:
            raise BirdError(text)
        yield rest
        if last:
            return
    raise BirdError("the control socket was closed")
