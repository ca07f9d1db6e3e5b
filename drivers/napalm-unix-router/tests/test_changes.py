"""A change on a router with nothing but a POSIX shell and a few programs: applied, kept, or taken back by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filed import FiledDriver
from napalm.base.exceptions import CommitConfirmException, CommitError, MergeConfigException, ReplaceConfigException

from napalm_unix_router.scripts import Order
from napalm_unix_router.testing.live import take_turns, wait_until
from napalm_unix_router.testing.local import LocalRouter

HERE = Path(__file__).parent
CONTROLLER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from filed import FiledDriver
device = FiledDriver(Path(sys.argv[2]))
device.open()
device.load_replace_candidate(config="what the controller wants\\n")
device.commit_config(revert_in=5)
print("committed", flush=True)
time.sleep(60)
"""
SECONDS = 60  # a busy machine has time; a quiet one needs a second or two
Connect = Callable[..., FiledDriver]


@pytest.fixture
def connect(site: Path) -> Connect:
    """Open a session with the router; each call is one of its own."""

    def opened(owner: str = "alice@desk") -> FiledDriver:
        device = FiledDriver(site, owner)
        device.open()
        return device

    return opened


@pytest.fixture
def device(connect: Connect) -> FiledDriver:
    return connect()


def running(site: Path) -> bytes:
    return (site / "running").read_bytes()


def history(site: Path) -> str:
    return (site / "kept" / "history").read_text(encoding="utf-8").splitlines()[-1]


def armed(site: Path) -> str:
    return (site / "kept" / "lock" / "armed").read_text(encoding="utf-8").strip()


def timers(site: Path) -> list[str]:
    """The processes that wait for a change of this router, or revert it."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(site) in word for word in words) and any("revert.sh" in word for word in words):
            found.append(one.parent.name)
    return found


@pytest.fixture(params=["setsid", "nohup", "sh"])
def detached(request: pytest.FixtureRequest, site: Path) -> str:
    """What the router has to let a timer outlive its session; each way takes the better ones off it."""
    for better in ["setsid", "nohup"][: ["setsid", "nohup", "sh"].index(request.param)]:
        (site / "bin" / better).unlink(missing_ok=True)
    if request.param != "sh" and not (site / "bin" / request.param).exists():
        pytest.skip(f"this busybox has no {request.param}")
    return str(request.param)


def test_the_timer_reverts_when_the_controller_is_killed_and_its_session_hangs_up(site: Path, detached: str) -> None:
    before = running(site)
    command = [sys.executable, "-c", CONTROLLER, str(HERE), str(site)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as controller:
        assert controller.stdout is not None
        assert controller.stdout.readline() == "committed\n"
        os.killpg(controller.pid, signal.SIGHUP)
        controller.kill()
    assert armed(site) == detached
    assert running(site) == b"what the controller wants\n"
    wait_until(lambda: not (site / "kept" / "lock").is_symlink(), SECONDS)
    assert running(site) == before
    assert "reverted (not confirmed in time): identical (alice@desk)" in history(site)
    wait_until(lambda: timers(site) == [], SECONDS)


def test_a_confirmation_ends_the_timer(site: Path, device: FiledDriver, detached: str) -> None:
    device.load_merge_candidate(config="one more line\n")
    device.commit_config(message="it's one", revert_in=60)
    assert armed(site) == detached
    wait_until(lambda: len(timers(site)) == 1, SECONDS)  # the shell that has started it may still be going
    assert device.has_pending_commit()
    device.confirm_commit()
    wait_until(lambda: timers(site) == [], SECONDS)
    assert not device.has_pending_commit()
    assert running(site).endswith(b"one more line\n")


def test_a_pending_change_is_taken_back_at_once(site: Path, device: FiledDriver, detached: str) -> None:
    before = running(site)
    device.load_merge_candidate(config="one more line\n")
    device.commit_config(revert_in=60)
    assert armed(site) == detached
    device.rollback()
    assert running(site) == before
    wait_until(lambda: timers(site) == [], SECONDS)
    with pytest.raises(CommitConfirmException, match="no commit is pending"):
        device.confirm_commit()


def test_a_confirmed_change_is_rolled_back_by_a_later_session(
    site: Path, device: FiledDriver, connect: Connect
) -> None:
    before = running(site)
    device.load_replace_candidate(config="all new\n")
    device.commit_config()
    assert running(site) == b"all new\n"
    connect().rollback()
    assert running(site) == before
    with pytest.raises(CommitError, match="there is no confirmed commit to roll back"):
        connect().rollback()


def test_another_controller_waits_its_turn(site: Path, connect: Connect) -> None:
    take_turns(connect("alice@desk"), connect("bob@desk"), "alice\n", "bob\n")
    assert running(site).endswith(b"alice\nbob\n")


def test_a_change_whose_timer_died_is_taken_back_by_the_next_one(site: Path, device: FiledDriver) -> None:
    device.load_merge_candidate(config="first\n")
    device.commit_config(revert_in=300)
    (timer,) = timers(site)
    os.kill(int(timer), signal.SIGKILL)
    (site / "kept" / "lock" / "deadline").write_text("1\n", encoding="ascii")
    device.load_merge_candidate(config="second\n")
    device.commit_config()
    assert b"first" not in running(site)
    assert running(site).endswith(b"second\n")


def test_a_rollback_that_finds_its_change_taken_back_leaves_the_last_confirmed_one(
    site: Path, device: FiledDriver
) -> None:
    """With BIRD only a confirmed change becomes the last one: a rollback would go behind the one before."""
    (site / "only-confirmed").touch()
    original = running(site)
    device.load_merge_candidate(config="confirmed\n")
    device.commit_config()
    before = running(site)
    device.load_merge_candidate(config="not confirmed\n")
    device.commit_config(revert_in=300)
    (timer,) = timers(site)
    os.kill(int(timer), signal.SIGKILL)
    (site / "kept" / "lock" / "deadline").write_text("1\n", encoding="ascii")
    device.rollback()
    assert running(site) == before
    assert not device.has_pending_commit()
    device.rollback()
    assert running(site) == original, "now it is meant"


def test_a_timer_that_comes_late_does_not_touch_the_next_change(
    site: Path, device: FiledDriver, connect: Connect
) -> None:
    """BIRD reverts by itself: a change is over, and the next one begins while its timer is about to look."""
    device.load_merge_candidate(config="first\n")
    device.commit_config(revert_in=300)
    over = (site / "kept" / "lock").resolve()
    (site / "kept" / "lock").unlink()
    device.load_merge_candidate(config="second\n")
    device.commit_config(revert_in=300)
    shell = str(site / "bin" / "sh")
    late = subprocess.run([shell, over / "revert.sh", over, "not confirmed in time"], capture_output=True, check=True)
    assert late.stdout == b"decided\n"
    assert connect("bob@desk").has_pending_commit()
    assert running(site).endswith(b"second\n")
    device.rollback()
    (of_the_first,) = timers(site)  # the lock was taken away by hand: nobody else ends it
    os.kill(int(of_the_first), signal.SIGTERM)
    wait_until(lambda: timers(site) == [], SECONDS)


def test_a_number_that_is_another_process_by_now_is_left_alone(site: Path, device: FiledDriver) -> None:
    """The file with the timer's number outlives a restart of the router."""
    device.load_merge_candidate(config="first\n")
    device.commit_config(revert_in=300)
    (timer,) = timers(site)
    os.kill(int(timer), signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"]) as innocent:
        (site / "kept" / "lock" / "timer").write_text(f"{innocent.pid}\n", encoding="ascii")
        device.rollback()
        assert innocent.poll() is None
        innocent.kill()


@pytest.mark.parametrize("gone", [["sha256sum"], ["cmp", "sort"]])
def test_all_programs_that_are_missing_are_named_with_the_cure(
    site: Path, device: FiledDriver, gone: list[str]
) -> None:
    before = running(site)
    for name in gone:
        (site / "bin" / name).unlink()
    device.load_merge_candidate(config="one more line\n")
    with pytest.raises(CommitError, match=f"install them .*coreutils.* Missing: {' '.join(gone)}$"):
        device.commit_config()
    assert running(site) == before
    assert not (site / "kept").exists()


def test_without_any_timer_nothing_is_changed(site: Path, device: FiledDriver) -> None:
    before = running(site)
    (site / "bin" / "sleep").unlink()
    (site / "bin" / "sleep").symlink_to("/bin/false")
    (site / "elsewhere").mkdir()
    (site / "bin" / "sh").rename(site / "elsewhere" / "sh")
    (site / "bin" / "sh").write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    (site / "bin" / "sh").chmod(0o755)
    device.device = LocalRouter(str(site / "elsewhere" / "sh"))
    device.load_merge_candidate(config="one more line\n")
    with pytest.raises(CommitError, match="no timer can be armed"):
        device.commit_config()
    assert running(site) == before
    assert not (site / "kept" / "lock").is_symlink()


def test_a_folder_that_cannot_be_written_is_named(site: Path, device: FiledDriver) -> None:
    (site / "kept").write_text("a file where the folder should be", encoding="ascii")
    device.load_merge_candidate(config="one more line\n")
    with pytest.raises(CommitError, match=f"{site}/kept cannot be written; is the disk full or read-only"):
        device.commit_config()


def test_what_the_daemon_refuses_is_refused_at_once_or_at_the_commit(site: Path, device: FiledDriver) -> None:
    before = running(site)
    with pytest.raises(MergeConfigException, match="2:nonsense"):
        device.load_merge_candidate(config="one\nnonsense\n")
    assert device.compare_config() == ""
    device.load_replace_candidate(config="poison\n")
    assert "+poison" in device.compare_config()
    with pytest.raises(ReplaceConfigException, match="1:poison"):
        device.commit_config()
    assert (running(site), device.has_pending_commit()) == (before, False)


def test_what_cannot_be_read_as_it_is_is_never_overwritten(site: Path, device: FiledDriver) -> None:
    (site / "running").write_bytes(b"caf\xe9\n")
    device.load_replace_candidate(config="all new\n")
    with pytest.raises(CommitError, match="nothing was changed: 5 bytes keep changing"):
        device.commit_config()
    assert running(site) == b"caf\xe9\n"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timer_without_time_is_refused(device: FiledDriver, seconds: int) -> None:
    device.load_merge_candidate(config="one more line\n")
    with pytest.raises(CommitError, match=r"revert_in=.*above 0"):
        device.commit_config(revert_in=seconds)


def test_a_script_that_did_not_arrive_in_full_does_nothing(site: Path, device: FiledDriver) -> None:
    script = device._scripts.commit("alice@desk", "", 60, Order("", {"candidate": "new\n"}))
    begin = script.index("{\n# Expects:")
    for part in (0.5, 0.9, 0.99):
        cut = script[: begin + int((len(script) - begin) * part)]
        assert device._router().run(cut).code != 0
        assert not (site / "kept").exists()
