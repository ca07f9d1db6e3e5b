"""The timer on a router that takes a change back by itself: until when the change can be ended from here, and what became of it.

A driver's rollback() takes back the pending change. Without one it undoes, as the driver has it, the last change that was confirmed, or
what it saved before the commit, or the last commit of all, which is then the router's own revert: the bad change is back. So it is called
only while a change is pending, and not close to the moment when that ends by itself (docs/changes.md).
"""

import time
from typing import Any

from nornir.core.task import Task

from kubepeer.errors import CommandError
from kubepeer.run import Run
from tasks.linux.connect import answers, connection, forget
from tasks.linux.napalm_errors import napalm_error

REVERT_SECONDS = 60  # the router takes the change back by itself after this, unless it is confirmed
MARGIN_SECONDS = 5  # what is sent to the router later than so long before that may reach it when the change has ended
REVERT_ENDS_SECONDS = 30  # the router itself needs some seconds to take a change back
SILENT = "management did not answer after the change"


class NotConfirmedError(CommandError):
    """The confirmation of a good change has failed.

    Attributes:
        runs_as_before: the router has taken it back; else it has kept it, or cannot be read.

    """

    def __init__(self, message: str, *, host: str, cure: str, runs_as_before: bool) -> None:
        super().__init__(message, host=host, cure=cure)
        self.runs_as_before = runs_as_before


class RevertTimer:
    """The timer of one change, by our clock: begun just before the commit is sent, so that the router's own ends no earlier.

    Args:
        task: the router.
        run: the running run.
        running: the configuration of before.

    """

    def __init__(self, task: Task, run: Run, running: str) -> None:
        self._task, self._run, self._running = task, run, running
        self._name = task.host.name
        self.began = self._answered = time.monotonic()

    def committed(self) -> None:
        """The router has answered the commit, or the way to it is lost: its own timer began by now."""
        self._answered = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the router may have taken the change back by now."""
        return time.monotonic() >= self.began + REVERT_SECONDS

    @property
    def is_near(self) -> bool:
        """Whether it is too late to confirm the change or to take it back from here."""
        return time.monotonic() >= self.began + REVERT_SECONDS - MARGIN_SECONDS

    def check_ends(self, seconds: float) -> float:
        """When a check of so many seconds that begins now must have its result: there is still time to act on it."""
        return min(time.monotonic() + seconds, self.began + REVERT_SECONDS - 2 * MARGIN_SECONDS)

    def taken_back(self, device: Any, why: str) -> CommandError:
        """Take the change back, or let the router do it where it is about to or has done so; the error that says how it ended."""
        why = f"after the change {why}"
        try:
            if not device.has_pending_commit() or self.is_near:
                return self.by_itself(why)
            device.rollback()
        except Exception as error:  # noqa: BLE001  of every kind; the router's own timer is left
            return self.by_itself(f"{why}; it could not be taken back ({error})")
        return CommandError(f"{why}; it was taken back", host=self._name, cure="see its diff with --dry-run")

    def by_itself(self, why: str = SILENT) -> CommandError:
        """Wait for the router's own timer, look whether all is as it was, and say so."""
        end, runs_as_before = self._end("should have taken it back by itself, but does not run as before")
        cure = "see its diff with --dry-run" if runs_as_before else "look at its console"
        return CommandError(f"{why}; {end}", host=self._name, cure=cure)

    def not_confirmed(self, why: str) -> NotConfirmedError:
        """Wait for the end of a change that was good and whose confirmation has failed: it may have reached the router, or not."""
        end, runs_as_before = self._end("has not taken it back: it does not run as before")
        message = f"the change was good, and {why}; {end}"
        return NotConfirmedError(message, host=self._name, cure="run again", runs_as_before=runs_as_before)

    def _end(self, kept: str) -> tuple[str, bool]:
        """How it ended (kept: what is said of a router that goes on with the change), and whether it was seen to run as before."""
        end = (
            f"management has not answered since, and {REVERT_SECONDS} s are over in which the router reverts by itself"
        )
        due = max(time.monotonic(), self.began + REVERT_SECONDS)
        while time.monotonic() < due:
            time.sleep(1)  # the timer is the router's; it cannot tell us
        ends = max(time.monotonic(), self._answered + REVERT_SECONDS) + REVERT_ENDS_SECONDS
        while True:
            if answers(self._task.host):
                try:
                    if self._runs_as_before():
                        return "the router has taken it back by itself, and runs as before", True
                    end = f"the router {kept}"
                except Exception as error:  # noqa: BLE001  whatever a driver, or the library below it, raises
                    end = f"the router should have taken it back by itself, but cannot be read: {error}"
            if time.monotonic() >= ends:
                return end, False
            time.sleep(1)  # a revert takes some seconds

    def _runs_as_before(self) -> bool:
        forget(self._run.nornir, self._name, "napalm")  # one that was opened before the change may be dead
        device = connection(self._run.nornir, self._name, "napalm")
        return bool(device.get_config(retrieve="running")["running"] == self._running)


def let_pending_change_end(device: Any, name: str, *, may_mend: bool) -> None:
    """Wait until no change on the router is neither confirmed nor taken back.

    A run that was killed between the two leaves one: what the router runs looks right, and is gone within the minute. One whose revert has
    failed (a daemon was dead, the disk was full) stays; where the driver can tell its own, it is asked to take it back once more.

    Raises:
        CommandError: it does not end.

    """
    if _ends(device, REVERT_SECONDS + REVERT_ENDS_SECONDS):
        return
    waited = f"a change is still neither confirmed nor taken back after {REVERT_SECONDS + REVERT_ENDS_SECONDS} s"
    cure = "let its owner confirm it or take it back, then run again"
    if not may_mend:
        raise CommandError(f"{waited}. Nothing was changed", host=name, cure=cure)
    try:
        device.rollback()  # it was pending a moment ago; one that ends on the way is left at that (napalm_unix_router, scripts/state.sh)
    except napalm_error("NapalmException") as error:
        raise CommandError(f"{waited}: {error}", host=name, cure=cure) from error
    if not _ends(device, REVERT_ENDS_SECONDS):
        raise CommandError(f"{waited}, and could not be taken back now. Nothing was changed", host=name, cure=cure)


def _ends(device: Any, seconds: float) -> bool:
    """Whether the pending change ends within this time."""
    ends = time.monotonic() + seconds
    while device.has_pending_commit():
        if time.monotonic() >= ends:
            return False
        time.sleep(1)  # the timer is the router's; it tells nobody
    return True
