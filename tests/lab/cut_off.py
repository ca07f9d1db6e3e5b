"""deploy.py that something befalls in the middle of one of its phases: a program that test_phases_cut_off starts.

The moment is exact, and no race: the run's own guard, which is asked before anything is written, says when the phase begins to change
something; where it has nothing to change it is the end of its first host.
"""

import functools
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.phases import Phase, Together
from kubepeer.run import Run
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS
from tasks.replacement.selection import REPLACEMENT

CHECKOUT = Path(__file__).resolve().parents[2]
UNDER_WAY_SECONDS = 0.5  # what is asked for is then begun: an installation, a commit, kubeadm
GO_SECONDS = 120


def begin(config: Path, title: str, how: str, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start this program: how is "killed" or "loses a node"; what it prints is in the file `log` of the folder.

    The arguments are those of deploy.py.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "FORCE_COLOR")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.lab.cut_off", title, how, str(folder), "--config", str(config), *arguments],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def phases_of_deploy() -> list[Phase | Together]:
    """The list of runbooks/deploy.py itself."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    phases: list[Phase | Together] = runpy.run_path(str(CHECKOUT / "runbooks/deploy.py"), run_name="deploy")["PHASES"]
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return phases


def titles() -> list[str]:
    """The titles of all phases, in their order."""
    return [phase.title for phase in flat(phases_of_deploy())]


def flat(phases: Sequence[Phase | Together]) -> Iterator[Phase]:
    """The phases, those that run together one after the other."""
    for one in phases:
        yield from one.phases if isinstance(one, Together) else (one,)


class Moment:
    """The middle of a phase; what is to happen there happens once."""

    def __init__(self, title: str, happen: Callable[[bool], None]) -> None:
        self.title, self.happen = title, happen
        self._lock, self._over, self._guarded = threading.Lock(), False, False

    def guard(self, title: str, _host: str, _changes: Sequence[Change]) -> None:
        """Asked before anything is written."""
        if title == self.title:
            self._once(writes=True)

    def in_phase(self, task: Callable[..., Result]) -> Callable[..., Result]:
        """The phase's task."""

        @functools.wraps(task)
        def watched(one: Task, run: Run) -> Result:
            with self._lock:
                if not self._guarded:
                    self._guarded = True
                    run.guards.append(self.guard)
            result = task(one, run=run)
            self._once(writes=False)
            return result

        return watched

    def _once(self, *, writes: bool) -> None:
        with self._lock:
            over, self._over = self._over, True
            if not over:
                self.happen(writes)


def die(writes: bool) -> None:  # noqa: FBT001
    """SIGKILL: at once, or as soon as what is about to be written is under way."""
    timer = threading.Timer(UNDER_WAY_SECONDS if writes else 0, os.kill, (os.getpid(), signal.SIGKILL))
    timer.start()


def tell_and_wait(folder: Path, _writes: bool) -> None:  # noqa: FBT001
    """Say that the moment has come, and go on when somebody has done what he wanted to do then."""
    (folder / "now").touch()
    ends = time.monotonic() + GO_SECONDS
    while not (folder / "go").exists() and time.monotonic() < ends:
        time.sleep(0.05)


def main(title: str, how: str, folder: str, *arguments: str) -> int:
    """Run deploy.py with these arguments, and let it happen in the phase of this title."""
    moment = Moment(title, die if how == "killed" else functools.partial(tell_and_wait, Path(folder)))

    def watched(phase: Phase) -> Phase:
        return replace(phase, task=moment.in_phase(phase.task)) if phase.title == title else phase

    phases: list[Phase | Together] = [
        Together(*map(watched, one.phases)) if isinstance(one, Together) else watched(one) for one in phases_of_deploy()
    ]
    sys.argv = ["deploy.py", *arguments]
    show: Any = None
    return run("deploy", phases, platforms=PLATFORMS, show=show, opening=REPLACEMENT)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
