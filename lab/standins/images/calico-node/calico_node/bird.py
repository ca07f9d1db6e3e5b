"""BIRD's process: started, kept alive, given its configuration, asked how it is."""

import logging
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from calico_node.kernel import run

RESTART_PAUSE = 1.0  # as runit, which keeps BIRD alive in the real container
ANSWER_TIMEOUT = 5.0
FIRST_ERROR_CODE = 8000  # BIRD's replies from here on are errors (doc/reply_codes)

log = logging.getLogger(__name__)


class BirdError(RuntimeError):
    """BIRD refused a command or does not answer."""


class Bird:
    """A BIRD that is ours.

    It is restarted whenever it dies, unless the file bird.down stands beside its socket: then it stays down until the
    file goes. The file alone does not end a running BIRD, so that a trial can choose how it dies: by a signal that
    lets it say goodbye (the routes go at once) or by SIGKILL (they stay as long as graceful restart lets them).
    """

    def __init__(self, configuration: Path, run_folder: Path) -> None:
        configuration.parent.mkdir(parents=True, exist_ok=True)
        self._configuration = configuration
        self._socket = run_folder / "bird.ctl"
        self._down = run_folder / "bird.down"
        self._ran_before = run_folder / "bird.ran"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -RESTART_PAUSE
        self._current = self._listens_on = ""

    def configure(self, text: str, listens_on: str) -> bool:
        """Check a configuration, then let BIRD take it over; sessions that did not change stay up.

        Where it shall listen elsewhere BIRD is started anew: the old socket is still open while it opens the new one,
        that fails, and the sessions stay down for good. Calico asks its administrators to restart calico-node then.
        """
        if text == self._current:
            return False
        draft = self._configuration.with_suffix(".new")
        draft.touch(0o600)  # it may hold passwords
        draft.write_text(text)
        run(["bird", "-p", "-c", str(draft)])
        draft.replace(self._configuration)
        if self._alive() and listens_on == self._listens_on:
            self.ask("configure")
        elif self._alive():
            self._end()
        self._current, self._listens_on = text, listens_on
        return True

    def supervise(self) -> None:
        """Start BIRD where it is not running and may run."""
        if not self._current or self._alive() or time.monotonic() - self._started < RESTART_PAUSE:
            return
        if self._process is not None:
            log.warning("BIRD ended with %s", self._process.returncode)
            self._process = None
        if self._down.exists():
            return
        self._started = time.monotonic()
        # Routes of before can only be kept by the peers of a BIRD that ran before. On the first start of all, asking
        # them to would hold back every announcement until the last peer has answered, for up to four minutes.
        # Nor is there anything to keep after an end with a goodbye.
        recover = ["-R"] if self._ran_before.exists() else []
        self._ran_before.touch()
        command = ["bird", "-f", *recover, "-c", str(self._configuration), "-s", str(self._socket)]
        self._process = subprocess.Popen(command)
        log.info("BIRD started: %s", " ".join(command))

    def _end(self) -> None:
        """End BIRD with a goodbye to its peers; `supervise` starts it again."""
        if self._process is not None:
            log.info("BIRD is started anew: it shall listen elsewhere")
            self._process.terminate()
            self._process.wait(ANSWER_TIMEOUT)
            self._process = None
        self._ran_before.unlink(missing_ok=True)
        self._started = -RESTART_PAUSE

    def kill(self) -> None:
        """End BIRD without a goodbye, as the end of the real container does: its peers keep the routes meanwhile."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def answers(self) -> bool:
        """Say whether BIRD greets on its control socket."""
        try:
            self.ask("show status")
        except (OSError, BirdError):
            return False
        return True

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

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


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
