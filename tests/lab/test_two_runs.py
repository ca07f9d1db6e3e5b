"""Two runs at once: the second is refused and told who is at work; one that was killed or cut off keeps nobody out."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.linux.run_lock import BEAT_SECONDS, LOCK_FILE, LOST_SECONDS
from tests.lab.conftest import HEALED_SECONDS
from tests.lab.devices import Kubectl
from tests.lab.laboratory import NODES, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import TRACES_OF_A_FAULT, Project, Runbooks

pytestmark = pytest.mark.lab
NODE = WORKERS[0]
SLOW = "/run/systemd/system/chrony.service.d/slow.conf"
BEGUN_SECONDS = 120
END_SECONDS = 120


@pytest.fixture
def slow_change(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """A change on one node that takes two minutes: a unit that is slow to start."""
    assert cluster
    lab.inside(
        NODE,
        f"systemctl stop chrony && mkdir -p $(dirname {SLOW}) && printf '[Service]\nExecStartPre=/bin/sleep 100\n' >{SLOW}"
        " && systemctl daemon-reload",
    )
    yield
    lab.inside(NODE, f"rm -f {SLOW}; systemctl daemon-reload; systemctl stop chrony; systemctl start chrony")


@pytest.fixture
def at_work(
    lab: Laboratory, runbooks: Runbooks, slow_change: None, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the middle of its change: it holds every node."""
    process = runbooks.start(log=tmp_path / "log")

    def holds() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
        return all(lab.inside(name, f"cat {LOCK_FILE} 2>/dev/null; true").strip() for name in NODES)

    try:
        wait_for("the run holds its machines", holds, BEGUN_SECONDS)
        yield process
    finally:
        process.kill()
        process.wait(END_SECONDS)


@pytest.fixture
def elsewhere(project: Project) -> Runbooks:
    """Another checkout, or another controller: it shares no folder with the first."""
    return project.edited()


def test_a_second_run_is_refused_and_told_who_is_at_work(
    runbooks: Runbooks, elsewhere: Runbooks, at_work: subprocess.Popen[bytes]
) -> None:
    who = f"(pid {at_work.pid}, since "
    here = runbooks.deploy().ended(1)
    assert who in here.lines[-1]
    assert "is at work on this inventory. Nothing was changed" in here.lines[-1]
    there = elsewhere.deploy().ended(1)
    (refused,) = [line for line in there.lines if "is changing this machine" in line]
    assert who in refused
    assert "Nothing was changed on any host" in refused
    for looks in (runbooks.deploy, elsewhere.deploy):
        answer = looks("--dry-run").ended(0)
        assert any(who in line and line.startswith(" Warning: deploy of ") for line in answer.lines), answer.text


def test_a_run_that_was_killed_keeps_nobody_out(
    lab: Laboratory, runbooks: Runbooks, elsewhere: Runbooks, at_work: subprocess.Popen[bytes]
) -> None:
    at_work.kill()
    at_work.wait(END_SECONDS)
    lab.inside(NODE, f"rm -f {SLOW}; systemctl daemon-reload; systemctl stop chrony")
    assert set(elsewhere.deploy("--output", "json").ended(0).changes) == {(NODE, "unit chrony"), (NODE, "clock")}
    answer = runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
    assert answer.lines[-1].startswith(" would change nothing in ")
    told = runbooks.deploy().ended(0)
    assert any(f"(pid {at_work.pid}, since " in line and "did not come to its end" in line for line in told.lines)


def silence(lab: Laboratory, name: str) -> int:
    """Seconds since the lock of a machine has beaten."""
    return int(lab.inside(name, f"echo $(($(date +%s) - $(stat -c %Y {LOCK_FILE})))"))


def test_a_run_whose_controller_was_cut_off_is_taken_over_and_cannot_go_on(
    lab: Laboratory, elsewhere: Runbooks, at_work: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Its process is stopped, and its connections stand, as those of a machine that is gone do for hours."""
    os.kill(at_work.pid, signal.SIGSTOP)
    try:
        # a busy machine may have a beat of before in its queue, which would make the lock young again
        wait_for("no lock beats any more", lambda: all(silence(lab, name) > 2 * BEAT_SECONDS for name in NODES), 120)
        for name in NODES:
            lab.inside(name, f"touch -d '-{LOST_SECONDS + 5} seconds' {LOCK_FILE}")
        lab.inside(NODE, f"rm -f {SLOW}; systemctl daemon-reload; systemctl stop chrony")
        began = time.monotonic()
        answer = elsewhere.deploy("--output", "json").ended(0)
        assert set(answer.changes) == {(NODE, "unit chrony"), (NODE, "clock")}
        taken = [line for line in answer.json["warnings"] if "its lock was taken over" in line]
        assert len(taken) == len(NODES), answer.json["warnings"]
        assert time.monotonic() - began < HEALED_SECONDS
    finally:
        os.kill(at_work.pid, signal.SIGCONT)
    assert at_work.wait(END_SECONDS) in (1, 3)
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "the SSH connection was lost" in said, said
    assert not any(trace in said for trace in TRACES_OF_A_FAULT), said
