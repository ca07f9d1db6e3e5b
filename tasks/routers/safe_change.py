"""One change of a router, so that nobody can be locked out of it.

Lock, diff, backup, a commit that the router takes back by itself, a check, and only then the confirmation. The timer lives on the
router: it needs neither this controller nor the connection. Until the confirmation the startup configuration is the old one.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

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
from tasks.routers.revert_timer import REVERT_SECONDS, SILENT, NotConfirmedError, RevertTimer, let_pending_change_end
from tasks.routers.secrets import hide
from tasks.routers.sessions import Sessions, objections, sessions

SETTLE_SECONDS = 3  # a session that the change ends is gone within a second or two, and so are its routes
CHECK_SECONDS = 20  # for sessions that the change has reset to be up again


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
        seconds: for the sessions to come back, as far as the router's own timer leaves them.
        came_back: told how many seconds after the commit they were up again, once it is confirmed.

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
        timer = self._commit()
        if self._order.other_end is None:
            self._check(timer, before, may_go_down)
            self._confirm(timer)
        else:
            self._both_ends(timer, self._order.other_end, before, may_go_down)
        made(change)
        return (change,)

    def _commit(self) -> RevertTimer:
        timer = RevertTimer(self._task, self._run, self._running)
        try:
            self._device.commit_config(message=self._order.message, revert_in=REVERT_SECONDS)
        except napalm_error("NapalmException"):
            raise  # the driver says what became of it
        except Exception as error:  # what the library below a driver raises
            timer.committed()
            raise timer.by_itself() from error
        timer.committed()
        if timer.is_over:  # its answer came when the way to it was there again
            raise timer.by_itself()
        return timer

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

    def _both_ends(
        self, timer: RevertTimer, other_end: OtherEnd, before: Sessions, may_go_down: Collection[str]
    ) -> None:
        """The other end changes as well, our sessions come back, and the router's change is confirmed; else both ends are as they were."""
        try:
            try:
                other_end.change()
            except Exception as error:
                raise timer.taken_back(self._device, f"the other end could not be changed ({_said(error)})") from error
            self._check(timer, before, set(may_go_down) - set(self._order.ours), other_end.seconds)
            up_again = time.monotonic() - timer.began
            self._confirm(timer)
        except KubepeerError as error:
            if isinstance(error, NotConfirmedError) and not error.runs_as_before:
                error.message += "; the other end keeps the new one"
            else:
                error.message += _undone(other_end, error.message)
            raise
        other_end.came_back(up_again)

    def _check(
        self, timer: RevertTimer, before: Sessions, may_go_down: Collection[str], seconds: float = CHECK_SECONDS
    ) -> None:
        """Management answers anew, and no session has suffered; else the change is taken back."""
        began, ends = time.monotonic(), timer.check_ends(seconds)
        while True:
            now = time.monotonic()
            answered = answers(self._task.host)
            found = self._objections(timer, before, may_go_down) if answered else [SILENT]
            if now >= began + SETTLE_SECONDS and not found:
                return
            if now >= ends:
                why = "; ".join(found) or "there was no time left to see whether the sessions stay"
                raise timer.taken_back(self._device, why) if answered else timer.by_itself()
            time.sleep(1)  # a session that was reset needs a few seconds to come back; nobody tells us

    def _objections(self, timer: RevertTimer, before: Sessions, may_go_down: Collection[str]) -> list[str]:
        try:
            return list(objections(before, self._sessions(), self._order.ours, may_go_down))
        except Exception as error:  # whatever a driver, or the library below it, raises: nothing can be judged
            if answers(self._task.host):
                raise timer.taken_back(self._device, f"the sessions could not be read ({error})") from error
            raise timer.by_itself() from error

    def _confirm(self, timer: RevertTimer) -> None:
        """Keep the change; where that fails, wait for its end: the word may have reached the router all the same."""
        if timer.is_near:
            raise timer.not_confirmed("there was no time left to confirm it")
        try:
            self._device.confirm_commit()
        except Exception as error:  # of every kind, as above
            raise timer.not_confirmed(f"could not be confirmed ({error})") from error


def _undone(other_end: OtherEnd, said: str) -> str:
    """The other end as it was; how that went, to go on with what was said of the router."""
    try:
        other_end.undo()
    except Exception as error:  # noqa: BLE001  of every kind; it is told with the first one
        return f"; the other end could not be taken back: {_said(error)}"
    return ", and so was the other end" if said.endswith("taken back") else "; the other end was taken back"


def _said(error: Exception) -> str:
    return error.message if isinstance(error, KubepeerError) else f"{type(error).__name__}: {error}"
