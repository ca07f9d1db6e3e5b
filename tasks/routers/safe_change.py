"""One change of a router, so that nobody can be locked out of it.

Lock, diff, backup, a commit that the router takes back by itself, a check, and only then the confirmation. The timer lives on the
router: it needs neither this controller nor the connection. Until the confirmation the startup configuration is the old one.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nornir.core.exceptions import NornirSubTaskError
from nornir.core.task import Task
from nornir_utils.plugins.tasks.files import write_file

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError, KubepeerError
from kubepeer.run import Run
from tasks.linux.connect import answers, connection
from tasks.linux.napalm_errors import napalm_error
from tasks.routers.backups import finish, new_backup
from tasks.routers.lock import one_change_at_a_time
from tasks.routers.secrets import hide
from tasks.routers.sessions import Sessions, objections, sessions

REVERT_SECONDS = 60  # the router takes the change back by itself after this, unless it is confirmed
SETTLE_SECONDS = 3  # a session that the change ends is gone within a second or two, and so are its routes
CHECK_SECONDS = 20  # for sessions that the change has reset to be up again
REVERT_ENDS_SECONDS = 30  # the router itself needs some seconds to take a change back


@dataclass(frozen=True)
class Candidate:
    """What is to be loaded.

    Attributes:
        text: in the router's own syntax.
        replaces: it takes the place of all that the driver has in its hands; else it is laid over it.

    """

    text: str
    replaces: bool = False


@dataclass(frozen=True)
class OtherEnd:
    """The cluster's end of our sessions, where a change makes sense only with one there: a new password.

    Attributes:
        change: done as soon as the router has its own; the sessions of ours that were up must come back then, or all is taken back.
        undo: done when the router has its old configuration again.
        seconds: for the sessions to come back; less than the router's own timer.
        came_back: told how many seconds after the commit they were up again.

    """

    change: Callable[[], object]
    undo: Callable[[], object]
    seconds: float
    came_back: Callable[[float], object]


@dataclass(frozen=True)
class Order:
    """A change as it is wanted, whatever the router runs with at that moment.

    Attributes:
        what: as the report names it: the platform's name and "configuration".
        candidate: running configuration -> what is to be loaded.
        may_go_down: running configuration, diff -> sessions that the change ends or resets on purpose, by name (sessions.session_name).
        ours: the sessions with the cluster's nodes, by name.
        mends_itself: its driver takes back a change of its own alone, so that one whose revert has failed can be ended by it.
        message: why, for the router's own history; "" where the router keeps none.
        other_end: what changes with it at the other end of our sessions; None: nothing does at that moment.

    """

    what: str
    candidate: Callable[[str], Candidate]
    may_go_down: Callable[[str, str], Collection[str]]
    ours: Collection[str]
    mends_itself: bool = False
    message: str = ""
    other_end: OtherEnd | None = None


def change_safely(task: Task, run: Run, order: Order) -> tuple[Change, ...]:
    """Bring the router to where the order wants it; in a dry run, only say what would change.

    Raises:
        RefusedError: another run is changing this router.
        CommandError: the router refused it, or it was taken back; with what the router said.

    """
    name = task.host.name
    try:
        if run.options.dry_run:
            return _Change(task, run, order).planned()
        with one_change_at_a_time(run.settings.state / "locks", name):
            return _Change(task, run, order).made()
    except napalm_error("NapalmException") as error:
        raise CommandError(f"{type(error).__name__}: {error}", host=name) from error


class _Change:
    def __init__(self, task: Task, run: Run, order: Order) -> None:
        self._task, self._run, self._order = task, run, order
        self._name = task.host.name
        self._device = connection(run.nornir, self._name, "napalm")
        may_mend = order.mends_itself and not run.options.dry_run
        let_pending_change_end(self._device, self._name, may_mend=may_mend)
        self._running: str = self._device.get_config(retrieve="running")["running"]

    def planned(self) -> tuple[Change, ...]:
        """What would change; nothing is left behind on the router."""
        diff = self._load()
        self._device.discard_config()
        return (Change(self._order.what, unified=hide(diff)),) if diff else ()

    def made(self) -> tuple[Change, ...]:
        """Change the router; or leave it as it was, and say why."""
        diff = self._load()
        if not diff:
            self._device.discard_config()
            return ()
        change = Change(self._order.what, unified=hide(diff))
        try:
            about_to_change((change,))
        except KubepeerError:
            self._device.discard_config()
            raise
        self._keep("backups", self._running)
        before = self._sessions()
        may_go_down = self._order.may_go_down(self._running, diff)
        began = time.monotonic()
        try:
            self._device.commit_config(message=self._order.message, revert_in=REVERT_SECONDS)
        except napalm_error("NapalmException"):
            raise  # the driver says what became of it
        except Exception as error:  # what the library below a driver raises
            raise self._reverted_by_itself(began) from error
        if time.monotonic() - began > REVERT_SECONDS:  # its answer came when the way to it was there again
            raise self._reverted_by_itself(began)
        if self._order.other_end is None:
            self._check(before, may_go_down, began)
        else:
            self._check_both_ends(self._order.other_end, before, may_go_down, began)
        self._device.confirm_commit()
        made(change)
        return (change,)

    def _load(self) -> str:
        candidate = self._order.candidate(self._running)
        if not (candidate.text or candidate.replaces):
            return ""
        load = self._device.load_replace_candidate if candidate.replaces else self._device.load_merge_candidate
        try:
            load(config=candidate.text)
            return str(self._device.compare_config())
        except (napalm_error("MergeConfigException"), napalm_error("ReplaceConfigException")) as error:
            with suppress(napalm_error("NapalmException")):
                self._device.discard_config()
            kept = self._keep("candidates", candidate.text)
            raise CommandError(f"{error} The candidate is kept in {kept}.", host=self._name) from error

    def _keep(self, folder: str, text: str) -> str:
        try:
            part = new_backup(self._run.settings.state / folder, self._name)
            self._task.run(write_file, filename=str(part), content=text)
            return str(finish(part))
        except (NornirSubTaskError, OSError) as error:
            why = error.result.exception if isinstance(error, NornirSubTaskError) else error
            with suppress(napalm_error("NapalmException")):
                self._device.discard_config()
            raise CommandError(
                f"{self._run.settings.state / folder} cannot be written: {why}. Nothing was changed", host=self._name
            ) from error

    def _sessions(self) -> Sessions:
        return sessions(self._device.get_bgp_neighbors())

    def _check_both_ends(
        self, other_end: OtherEnd, before: Sessions, may_go_down: Collection[str], began: float
    ) -> None:
        """The other end changes as well, and our sessions come back; else both ends are as they were."""
        try:
            try:
                other_end.change()
            except KubepeerError as error:
                raise self._taken_back(f"the other end could not be changed ({error.message})") from error
            self._check(before, set(may_go_down) - set(self._order.ours), began, other_end.seconds)
        except KubepeerError as error:
            try:
                other_end.undo()
            except KubepeerError as second:
                error.message += f"; the other end could not be taken back: {second.message}"
            else:
                error.message += ", and so was the other end"
            raise
        other_end.came_back(time.monotonic() - began)

    def _check(
        self, before: Sessions, may_go_down: Collection[str], began: float, seconds: float = CHECK_SECONDS
    ) -> None:
        """Management answers anew, and no session has suffered; else the change is taken back."""
        committed = time.monotonic()
        while True:
            passed = time.monotonic() - committed
            answered = answers(self._task.host)
            found = self._objections(before, may_go_down, began) if answered else ["management does not answer"]
            if passed >= SETTLE_SECONDS and not found:
                return
            if passed >= seconds:
                raise self._taken_back("; ".join(found)) if answered else self._reverted_by_itself(began)
            time.sleep(1)  # a session that was reset needs a few seconds to come back; nobody tells us

    def _objections(self, before: Sessions, may_go_down: Collection[str], began: float) -> list[str]:
        try:
            return list(objections(before, self._sessions(), self._order.ours, may_go_down))
        except Exception as error:  # whatever a driver, or the library below it, raises: nothing can be judged
            if answers(self._task.host) and time.monotonic() < began + REVERT_SECONDS:
                raise self._taken_back(f"the sessions could not be read ({error})") from error
            raise self._reverted_by_itself(began) from error

    def _taken_back(self, why: str) -> KubepeerError:
        try:
            self._device.rollback()
        except Exception as error:  # noqa: BLE001  of every kind; the router's own timer is left
            end = f"it could not be taken back ({error}); unless it is confirmed the router does so by itself"
        else:
            end = "it was taken back"
        return CommandError(f"after the change {why}; {end}", host=self._name, cure="see its diff with --dry-run")

    def _reverted_by_itself(self, began: float) -> KubepeerError:
        """Wait for the router's own timer, look whether all is as it was, and say so."""
        due = max(time.monotonic(), began + REVERT_SECONDS)
        while time.monotonic() < due + REVERT_ENDS_SECONDS:
            if time.monotonic() >= due and answers(self._task.host):
                return CommandError(f"management did not answer after the change; {self._state()}", host=self._name)
            time.sleep(1)  # the timer is the router's; it cannot tell us
        return CommandError(
            f"management has not answered since the change, and {REVERT_SECONDS} s are over in which the router reverts by itself",
            host=self._name,
            cure="look at its console",
        )

    def _state(self) -> str:
        ends = time.monotonic() + REVERT_ENDS_SECONDS
        self._task.host.close_connection("napalm")
        while True:
            try:
                device = connection(self._run.nornir, self._name, "napalm")
                if device.get_config(retrieve="running")["running"] == self._running:
                    return "the router has taken it back by itself, and runs as before"
            except (napalm_error("NapalmException"), KubepeerError) as error:
                return f"the router should have taken it back by itself, but cannot be read: {error}"
            if time.monotonic() > ends:
                return "the router should have taken it back by itself, but does not run as before"
            time.sleep(1)  # a revert takes some seconds


def let_pending_change_end(device: Any, name: str, *, may_mend: bool) -> None:
    """Wait until no change on the router is neither confirmed nor taken back.

    A run that was killed between the two leaves one: what the router runs looks right, and is gone within the minute. One whose revert has
    failed (a daemon was dead, the disk was full) stays; where the driver can tell its own, it is asked to take it back once more.
    """
    if _ends(device, REVERT_SECONDS + REVERT_ENDS_SECONDS):
        return
    waited = f"a change is still neither confirmed nor taken back after {REVERT_SECONDS + REVERT_ENDS_SECONDS} s"
    cure = "let its owner confirm it or take it back, then run again"
    if not may_mend:
        raise CommandError(f"{waited}. Nothing was changed", host=name, cure=cure)
    try:
        device.rollback()
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
