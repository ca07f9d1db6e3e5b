"""How a change of a router goes, and how it ends when it goes wrong: on a router in memory, by a clock that both of them read.

The timer, the lock and the startup configuration of real routers are tested in drivers/*/tests/live and tests/lab.
"""

import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from napalm.base.exceptions import CommitConfirmException, CommitError, MergeConfigException
from nornir.core.filter import F
from nornir.core.task import MultiResult, Result, Task

from kubepeer.errors import CommandError, RefusedError
from kubepeer.run import Run
from tasks.routers import revert_timer, safe_change
from tasks.routers.lock import one_change_at_a_time
from tasks.routers.safe_change import Candidate, Order, OtherEnd, change_safely

FOREIGN = "neighbor 10.32.0.10"
BEFORE = f"{FOREIGN}\n"


class Clock:
    """The time of the change and of the router: who sleeps takes it on at once, so that the real waits and deadlines are tested."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds


class RouterInMemory:
    """A router whose configuration is lines: `neighbor X` is a session that is up; `management down` cuts it off; `typo` is refused."""

    def __init__(self, running: str, clock: Clock) -> None:
        self.running = self.startup = running
        self.clock = clock
        self.candidate: str | None = None
        self.pending: tuple[str, float] | None = None
        self.messages: list[str] = []
        self.rolled_back = False
        self.before_last_confirmed = "nothing of ours\n"
        self.fault_when_pending: Exception | None = None
        self.reading_takes = 0.0
        self.unreadable = False
        self.confirming: Callable[[], None] = lambda: None

    @property
    def cut_off(self) -> bool:
        self._revert_when_due()
        return "management down" in self.running

    def _revert_when_due(self) -> None:
        if self.pending and self.clock.monotonic() > self.pending[1]:
            self.running, self.pending = self.pending[0], None

    def get_config(self, retrieve: str) -> dict[str, str]:  # noqa: ARG002  NAPALM's
        self._revert_when_due()
        if self.unreadable:
            raise ConnectionError("the channel is closed")
        return {"running": self.running, "startup": self.startup}

    def load_merge_candidate(self, config: str) -> None:
        if "typo" in config:
            raise MergeConfigException("line 1: unknown command.")
        self.candidate = self.running + "".join(f"{line}\n" for line in config.splitlines() if line not in self.running)

    def load_replace_candidate(self, config: str) -> None:
        self.candidate = config

    def compare_config(self) -> str:
        assert self.candidate is not None
        return "" if self.candidate == self.running else "\n".join(f"+{line}" for line in self.candidate.splitlines())

    def discard_config(self) -> None:
        self.candidate = None

    def commit_config(self, message: str, revert_in: int) -> None:
        assert self.candidate is not None
        if "half" in self.candidate:
            raise CommitError("line 7: bgpd died. The router is back at its old configuration.")
        self.pending = (self.running, self.clock.monotonic() + revert_in)
        self.running, self.candidate = self.candidate, None
        self.messages.append(message)

    def confirm_commit(self) -> None:
        self.confirming()
        self._revert_when_due()
        if not self.pending:
            raise CommitConfirmException("no commit is pending")
        self.startup, self.pending = self.running, None

    def has_pending_commit(self) -> bool:
        self._revert_when_due()
        return self.pending is not None

    def rollback(self) -> None:
        """As BIRD's: without a pending change, the last one that was confirmed is undone."""
        self._revert_when_due()
        self.running = self.pending[0] if self.pending else self.before_last_confirmed
        self.pending, self.rolled_back = None, True

    def is_alive(self) -> dict[str, bool]:
        return {"is_alive": not self.cut_off}

    def get_bgp_neighbors(self) -> dict[str, Any]:
        if self.pending:
            self.clock.sleep(self.reading_takes)
            if self.fault_when_pending:
                raise self.fault_when_pending
        peers = {line.split()[1] for line in self.running.splitlines() if line.startswith("neighbor")}
        up = {"is_up": True, "address_family": {"ipv4": {"accepted_prefixes": 2}}}
        return {"global": {"router_id": "192.0.2.1", "peers": dict.fromkeys(peers, up)}}


class Door:
    """An SSH server's greeting on loopback, given while the router is not cut off."""

    def __init__(self, router: RouterInMemory) -> None:
        self.router = router
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                if not self.router.cut_off:
                    client.sendall(b"SSH-2.0-router\r\n")


Change = Callable[..., MultiResult]


@pytest.fixture
def router() -> RouterInMemory:
    return RouterInMemory(BEFORE, Clock())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def change(router: RouterInMemory, run_of: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Change]:
    """Make a change of the router: the text to load, and keywords of Candidate, Order or Options."""
    door = Door(router)
    for module in (safe_change, revert_timer):
        monkeypatch.setattr(module, "connection", lambda *_: router)
        monkeypatch.setattr(module, "time", router.clock)

    def make(
        text: str,
        *,
        replaces: bool = False,
        may_go_down: tuple[str, ...] = (),
        mends_itself: bool = False,
        dry_run: bool = False,
    ) -> MultiResult:
        run: Run = run_of("openwrt", dry_run=dry_run)
        host = run.nornir.inventory.hosts["openwrt"]
        host.hostname, host.port = "127.0.0.1", door.port
        host.connections["napalm"] = SimpleNamespace(close=lambda: None)
        order = Order(
            what="configuration",
            candidate=lambda _: Candidate(text, replaces),
            may_go_down=lambda *_: may_go_down,
            ours=(),
            mends_itself=mends_itself,
            message="why",
        )

        def task(task: Task) -> Result:
            return Result(host=task.host, result=change_safely(task, run, order))

        return run.nornir.filter(F(name="openwrt")).run(task=task)["openwrt"]

    yield make
    door.listener.close()


def error(answer: MultiResult) -> str:
    assert isinstance(answer[0].exception, CommandError | RefusedError), answer[0].result
    return str(answer[0].exception)


def test_a_good_change_is_confirmed_and_its_diff_is_told(router: RouterInMemory, change: Change) -> None:
    answer = change("neighbor 10.31.90.1")
    assert not answer.failed, answer[0].result
    (told,) = answer[0].result
    assert told.diff == "+neighbor 10.32.0.10\n+neighbor 10.31.90.1"
    assert router.startup == router.running == BEFORE + "neighbor 10.31.90.1\n"
    assert router.messages == ["why"]


def test_what_ran_before_is_kept_where_only_its_owner_can_read_it(
    router: RouterInMemory, change: Change, state: Path
) -> None:
    change("neighbor 10.31.90.1")
    (backup,) = (state / "backups" / "openwrt").iterdir()
    assert backup.read_text() == BEFORE
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_without_a_difference_nothing_is_committed_or_kept(router: RouterInMemory, change: Change, state: Path) -> None:
    assert change(FOREIGN)[0].result == ()
    assert (router.messages, router.candidate, (state / "backups").exists()) == ([], None, False)


def test_a_dry_run_tells_the_diff_and_changes_nothing(router: RouterInMemory, change: Change) -> None:
    (told,) = change("neighbor 10.31.90.1", dry_run=True)[0].result
    assert "+neighbor 10.31.90.1" in told.diff
    assert (router.running, router.startup, router.candidate) == (BEFORE, BEFORE, None)


def test_a_foreign_session_that_is_lost_takes_the_change_back(router: RouterInMemory, change: Change) -> None:
    said = error(change("neighbor 10.31.90.1\n", replaces=True))
    assert said.startswith("openwrt: after the change the session with 10.32.0.10 was up and is not; it was taken back")
    assert router.rolled_back
    assert router.running == router.startup == BEFORE


def test_a_session_that_goes_on_purpose_does_not(router: RouterInMemory, change: Change) -> None:
    assert not change("neighbor 10.31.90.1\n", replaces=True, may_go_down=("10.32.0.10",)).failed
    assert router.startup == "neighbor 10.31.90.1\n"


def test_a_change_that_cuts_management_is_left_to_the_routers_own_timer(router: RouterInMemory, change: Change) -> None:
    said = error(change("management down"))
    assert said.startswith(
        "openwrt: management did not answer after the change; the router has taken it back by itself, and runs as before"
    )
    assert not router.rolled_back, "nobody could have asked it to"
    assert router.running == router.startup == BEFORE


def test_a_refused_candidate_is_kept_to_look_at_and_leaves_nothing_on_the_router(
    router: RouterInMemory, change: Change, state: Path
) -> None:
    said = error(change("typo"))
    (kept,) = (state / "candidates" / "openwrt").iterdir()
    assert said == f"openwrt: line 1: unknown command. The candidate is kept in {kept}."
    assert kept.read_text() == "typo"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (router.running, router.candidate) == (BEFORE, None)


def test_a_commit_that_fails_says_what_the_router_said(router: RouterInMemory, change: Change) -> None:
    assert error(change("half")) == (
        "openwrt: CommitError: line 7: bgpd died. The router is back at its old configuration."
    )
    assert router.running == BEFORE


def test_a_change_that_somebody_has_not_confirmed_is_let_end_first(router: RouterInMemory, change: Change) -> None:
    router.pending = (BEFORE, router.clock.monotonic() + 1)
    router.running = "neighbor 192.0.2.9\n"
    assert not change("neighbor 10.31.90.1").failed
    assert router.startup == BEFORE + "neighbor 10.31.90.1\n"


def test_a_change_that_never_ends_is_not_touched(router: RouterInMemory, change: Change) -> None:
    router.pending = (BEFORE, router.clock.monotonic() + 3600)
    said = error(change("neighbor 10.31.90.1"))
    assert said.startswith(
        "openwrt: a change is still neither confirmed nor taken back after 90 s. Nothing was changed"
    )
    assert router.running == BEFORE
    assert not router.rolled_back, "it may be somebody else's"


def test_a_change_whose_revert_has_failed_is_taken_back_once_more_where_the_driver_can_tell_its_own(
    router: RouterInMemory, change: Change
) -> None:
    router.pending, router.running = (BEFORE, router.clock.monotonic() + 3600), "half of it\n"
    assert change("neighbor 10.31.90.1", mends_itself=True, dry_run=True).failed, "a dry run changes nothing"
    assert not router.rolled_back
    assert not change("neighbor 10.31.90.1", mends_itself=True).failed
    assert router.startup == BEFORE + "neighbor 10.31.90.1\n"


def test_a_change_that_cannot_be_taken_back_either_ends_the_run(router: RouterInMemory, change: Change) -> None:
    router.pending = (BEFORE, router.clock.monotonic() + 3600)
    router.rollback = lambda: None  # type: ignore[method-assign]  its script finds that the revert has begun, and never ends
    said = error(change("neighbor 10.31.90.1", mends_itself=True))
    assert said.startswith(
        "openwrt: a change is still neither confirmed nor taken back after 90 s, and could not be taken back now. Nothing"
    )


@pytest.mark.parametrize("fault", [KeyError("peers"), ConnectionError("reset by peer")])
def test_sessions_that_cannot_be_read_after_the_change_take_it_back(
    router: RouterInMemory, change: Change, fault: Exception
) -> None:
    """Whatever a driver or the library below it raises: a change that nobody can judge does not stay."""
    router.fault_when_pending = fault
    said = error(change("neighbor 10.31.90.1"))
    assert "after the change the sessions could not be read" in said
    assert said.partition(" Cure: ")[0].endswith("; it was taken back")
    assert router.running == router.startup == BEFORE


def test_no_room_for_a_backup_means_no_change(router: RouterInMemory, change: Change, state: Path) -> None:
    state.mkdir()
    (state / "backups").write_text("a file where a folder should be")
    assert f"{state}/backups cannot be written: " in error(change("neighbor 10.31.90.1"))
    assert (router.running, router.messages) == (BEFORE, [])


def test_a_secret_in_a_diff_is_hidden(change: Change) -> None:
    (told,) = change("neighbor 10.31.90.1 password 7 0822455D0A16", dry_run=True)[0].result
    assert "+neighbor 10.31.90.1 password ********" in told.diff


def test_two_runs_do_not_change_a_router_at_the_same_time(router: RouterInMemory, change: Change, state: Path) -> None:
    with one_change_at_a_time(state / "locks", "openwrt"):
        assert error(change("neighbor 10.31.90.1")).startswith(
            "openwrt: another run is changing it. Nothing was changed"
        )
    assert router.running == BEFORE
    assert not change("neighbor 10.31.90.1").failed, "the lock is free again"


class Nodes:
    """The other end of our session: up while both ends agree; a node that is deaf never does."""

    def __init__(
        self, router: RouterInMemory, *, deaf: bool = False, fails: Exception | None = None, takes: float = 0
    ) -> None:
        self.router, self.deaf, self.fails, self.takes = router, deaf, fails, takes
        self.has = "old"
        self.came_back: list[float] = []

    def change(self) -> None:
        self.router.clock.sleep(self.takes)
        if self.fails:
            raise self.fails
        self.has = "new"

    def undo(self) -> None:
        self.has = "old"

    def sessions(self) -> dict[str, Any]:
        self.router.has_pending_commit()  # it has reverted by now where it is time
        at_router = "new" if "password new" in self.router.running else "old"
        agree = at_router == self.has and not (self.deaf and at_router == "new")
        up = {"is_up": agree, "address_family": {}}
        return {"global": {"router_id": "192.0.2.1", "peers": {"10.31.90.1": up}}}


@pytest.fixture
def both_ends(
    router: RouterInMemory, run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Nodes], MultiResult]]:
    """Change a password at both ends."""
    door = Door(router)
    for module in (safe_change, revert_timer):
        monkeypatch.setattr(module, "connection", lambda *_: router)
        monkeypatch.setattr(module, "time", router.clock)

    def make(nodes: Nodes) -> MultiResult:
        monkeypatch.setattr(router, "get_bgp_neighbors", nodes.sessions)
        run: Run = run_of("openwrt")
        host = run.nornir.inventory.hosts["openwrt"]
        host.hostname, host.port = "127.0.0.1", door.port
        host.connections["napalm"] = SimpleNamespace(close=lambda: None)
        order = Order(
            what="configuration",
            candidate=lambda _: Candidate("password new"),
            may_go_down=lambda *_: ("10.31.90.1",),
            ours=("10.31.90.1",),
            other_end=OtherEnd(nodes.change, nodes.undo, 45.0, nodes.came_back.append),
        )

        def task(task: Task) -> Result:
            return Result(host=task.host, result=change_safely(task, run, order))

        return run.nornir.filter(F(name="openwrt")).run(task=task)["openwrt"]

    yield make
    door.listener.close()


def test_both_ends_change_and_the_session_is_up_again(router: RouterInMemory, both_ends: Any) -> None:
    nodes = Nodes(router)
    answer = both_ends(nodes)
    assert not answer.failed, answer[0].result
    assert (nodes.has, router.pending) == ("new", None)
    assert "password new" in router.startup
    assert len(nodes.came_back) == 1


def test_where_the_session_does_not_come_back_both_ends_are_as_they_were(
    router: RouterInMemory, both_ends: Any
) -> None:
    nodes = Nodes(router, deaf=True)
    said = error(both_ends(nodes))
    assert "the session with 10.31.90.1 was up and is not; it was taken back, and so was the other end" in said
    assert (nodes.has, router.running, router.startup) == ("old", BEFORE, BEFORE)
    assert nodes.came_back == []


def test_where_the_other_end_cannot_be_changed_the_router_is_as_it_was(router: RouterInMemory, both_ends: Any) -> None:
    nodes = Nodes(router, fails=CommandError("the API does not answer"))
    said = error(both_ends(nodes))
    assert "the other end could not be changed (the API does not answer); it was taken back" in said
    assert (nodes.has, router.running) == ("old", BEFORE)


BY_ITSELF = "the router has taken it back by itself, and runs as before"


@pytest.mark.parametrize(
    ("takes", "fails"),
    [
        (80, None),
        (80, CommandError("the API does not answer")),
        (80, ValueError("of a library")),
        (57, None),  # a rollback that is sent now may come when the router has reverted
        (57, CommandError("the API does not answer")),
        (200, CommandError("the API does not answer")),
    ],
)
def test_after_the_revert_moment_no_earlier_change_is_undone(
    router: RouterInMemory, both_ends: Any, takes: float, fails: Exception | None
) -> None:
    nodes = Nodes(router, deaf=True, takes=takes, fails=fails)
    said = error(both_ends(nodes))
    assert said.partition(" Cure: ")[0].endswith(f"; {BY_ITSELF}; the other end was taken back")
    assert (nodes.has, router.running, router.startup, router.rolled_back) == ("old", BEFORE, BEFORE, False)


@pytest.mark.parametrize("takes", [0, 20, 44])
def test_the_check_ends_while_the_change_can_still_be_taken_back(
    router: RouterInMemory, both_ends: Any, takes: float
) -> None:
    began = router.clock.monotonic()
    nodes = Nodes(router, deaf=True, takes=takes)
    assert "; it was taken back, and so was the other end" in error(both_ends(nodes))
    assert router.clock.monotonic() - began < revert_timer.REVERT_SECONDS - revert_timer.MARGIN_SECONDS
    assert (nodes.has, router.running, router.rolled_back) == ("old", BEFORE, True)


@pytest.mark.parametrize("fault", [None, ConnectionError("reset by peer")])
def test_sessions_that_are_read_too_slowly_undo_no_earlier_change(
    router: RouterInMemory, change: Change, fault: Exception | None
) -> None:
    """With a fault nothing can be judged; without one all is well, since the router has reverted meanwhile."""
    router.reading_takes, router.fault_when_pending = 70, fault
    assert BY_ITSELF in error(change("neighbor 10.31.90.1"))
    assert (router.running, router.startup, router.rolled_back) == (BEFORE, BEFORE, False)


def test_a_change_that_somebody_has_ended_is_not_rolled_back(router: RouterInMemory, both_ends: Any) -> None:
    nodes = Nodes(router, deaf=True)

    def restarted() -> None:
        router.running, router.pending, nodes.has = BEFORE, None, "new"

    nodes.change = restarted  # type: ignore[method-assign]
    assert BY_ITSELF in error(both_ends(nodes))
    assert (nodes.has, router.running, router.rolled_back) == ("old", BEFORE, False)


def test_a_rollback_that_fails_leaves_it_to_the_routers_timer(router: RouterInMemory, both_ends: Any) -> None:
    def broken() -> None:
        raise ConnectionError("reset by peer")

    router.rollback = broken  # type: ignore[method-assign]
    nodes = Nodes(router, deaf=True)
    assert f"it could not be taken back (reset by peer); {BY_ITSELF}; the other end" in error(both_ends(nodes))
    assert (nodes.has, router.running) == ("old", BEFORE)


def refused(router: RouterInMemory) -> None:
    raise CommitConfirmException("not confirmed: the disk is full")


def answer_lost(router: RouterInMemory) -> None:
    router.startup, router.pending = router.running, None
    raise ConnectionError("reset by peer")


def too_late(router: RouterInMemory) -> None:
    router.clock.sleep(60)


def unreadable(router: RouterInMemory) -> None:
    router.unreadable = True
    answer_lost(router)


@pytest.mark.parametrize(
    ("how", "said", "has"),
    [
        (refused, f"confirmed (not confirmed: the disk is full); {BY_ITSELF}; the other end was taken back", "old"),
        (too_late, f"confirmed (no commit is pending); {BY_ITSELF}; the other end was taken back", "old"),
        (answer_lost, "confirmed (reset by peer); the router has not taken it back: it does not run as before", "new"),
        (unreadable, "cannot be read: the channel is closed; the other end keeps the new one", "new"),
    ],
)
def test_when_a_confirmation_fails_both_ends_have_what_the_router_runs(
    router: RouterInMemory, both_ends: Any, how: Callable[[RouterInMemory], None], said: str, has: str
) -> None:
    router.confirming = lambda: how(router)
    nodes = Nodes(router)
    answer = error(both_ends(nodes))
    assert answer.startswith("openwrt: the change was good, and could not be ")
    assert said in answer
    assert (nodes.has, "password new" in router.running, router.rolled_back) == (has, has == "new", False)
    assert nodes.came_back == []


@pytest.mark.parametrize(("how", "runs"), [(refused, BEFORE), (answer_lost, BEFORE + "neighbor 10.31.90.1\n")])
def test_without_another_end_a_failed_confirmation_says_what_runs(
    router: RouterInMemory, change: Change, how: Callable[[RouterInMemory], None], runs: str
) -> None:
    router.confirming = lambda: how(router)
    said = error(change("neighbor 10.31.90.1"))
    assert (BY_ITSELF in said) is (runs == BEFORE)
    assert (router.running, router.startup, router.rolled_back) == (runs, runs, False)
