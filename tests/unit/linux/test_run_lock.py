"""The lock of a machine, by the real sh and flock: free when its holder is gone, taken over only from one that is lost."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.holder import Holder
from tasks.linux import run_lock
from tasks.linux.observe import Answer, ask
from tasks.linux.run_lock import LOST_SECONDS, OtherRun, other_run, taken

pytestmark = pytest.mark.skipif(shutil.which("flock") is None, reason="needs flock of util-linux")
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.lock"


@pytest.fixture
def begin(file: Path) -> Iterator[Begin]:
    """Begin the script at the far end of a pipe, as a channel of SSH is one; before: what comes first in its shell."""
    begun = []

    def start(holder: Holder, *parent: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*parent, "/bin/sh", "-c", run_lock.hold(holder, str(file), patience=1)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> tuple[bool, OtherRun | None]:
    assert process.stdout is not None
    return taken(process.stdout.readline())


def seen(shell: Any, file: Path, *, wait: bool = False) -> OtherRun | None:
    return other_run(ask(shell, {"q": run_lock.question(wait=wait, file=str(file))})["q"])


ONE, TWO = Holder.of_this_process("deploy"), Holder.of_this_process("rollback_routers")


def silent_for(file: Path, seconds: int) -> None:
    """As if its holder had given no sign of life for so long."""
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_nobody_holds_what_is_not_there(shell: Any, file: Path) -> None:
    assert seen(shell, file) is None
    assert not file.exists(), "a question only reads"


def test_the_second_is_told_who_holds_it(shell: Any, file: Path, begin: Begin) -> None:
    assert said(begin(ONE)) == (True, None)
    found = seen(shell, file)
    assert found is not None
    assert found.who == str(ONE)
    assert not found.lost
    is_ours, other = said(begin(TWO))
    assert not is_ours
    assert other is not None
    assert other.who == str(ONE)


@pytest.mark.parametrize("how", ["its input ends", "it is killed"])
def test_it_is_free_when_its_holder_is_gone(shell: Any, file: Path, begin: Begin, how: str) -> None:
    process = begin(ONE)
    said(process)
    if how == "it is killed":
        process.send_signal(signal.SIGKILL)
    process.communicate()
    assert seen(shell, file) is None
    assert said(begin(TWO)) == (True, None)


def test_who_looks_waits_for_one_that_is_about_to_end(shell: Any, file: Path, begin: Begin) -> None:
    process = begin(ONE)
    said(process)
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", run_lock.question(wait=True, file=str(file))], stdout=subprocess.PIPE, text=True
    )
    process.communicate()
    assert watcher.communicate()[0] == ""


def test_a_sign_of_life_renews_it(shell: Any, file: Path, begin: Begin) -> None:
    process = begin(ONE)
    said(process)
    silent_for(file, LOST_SECONDS + 5)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    ends = time.monotonic() + 30
    while (found := seen(shell, file)) is None or found.lost:
        assert time.monotonic() < ends
    assert found.who == str(ONE)
    assert not said(begin(TWO))[0]


def test_one_that_is_lost_is_taken_over_and_ended(shell: Any, file: Path, begin: Begin) -> None:
    lost = begin(ONE)
    said(lost)
    silent_for(file, LOST_SECONDS + 5)
    found = seen(shell, file)
    assert found is not None
    assert found.lost
    is_ours, before = said(begin(TWO))
    assert is_ours
    assert before is not None
    assert before.who == str(ONE)
    assert before.silent >= LOST_SECONDS + 5
    assert lost.wait(30) == -signal.SIGKILL
    found = seen(shell, file)
    assert found is not None
    assert found.who == str(TWO)


def test_the_session_of_one_that_is_lost_is_ended_too(file: Path, begin: Begin, tmp_path: Path) -> None:
    """So that a run that was cut off cannot go on when the network is back; its parent here is called as one of sshd's."""
    shutil.copyfile("/bin/sh", tmp_path / "sshd-session")
    (tmp_path / "sshd-session").chmod(0o755)
    session = begin(ONE, str(tmp_path / "sshd-session"), "-c", '"$@"; true', "sh")
    assert said(session) == (True, None)
    silent_for(file, LOST_SECONDS + 5)
    assert said(begin(TWO))[0]
    assert session.wait(30) == -signal.SIGKILL


def test_what_holds_the_lock_and_did_not_write_the_file_is_let_alone(file: Path, begin: Begin) -> None:
    """A pid that somebody else has now is never killed."""
    with file.open("w") as opened:
        opened.write(f"{os.getpid()} {ONE.written()}\n")
        opened.flush()
        holder = subprocess.Popen(["flock", str(file), "sleep", "600"])
        ends = time.monotonic() + 30
        while subprocess.run(["flock", "-n", str(file), "true"], check=False).returncode == 0:
            assert time.monotonic() < ends
        silent_for(file, LOST_SECONDS + 5)
        try:
            assert not said(begin(TWO))[0]
        finally:
            subprocess.run(["pkill", "-P", str(holder.pid)], check=False)
            holder.wait(30)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("  \n", None),
        (f"7 {ONE.written()}", OtherRun(str(ONE), 7)),
        ("7 rubbish", OtherRun("another run", 7)),
        ("rubbish", OtherRun("another run", 0)),
        ("-3 {}", OtherRun("another run", -3)),
    ],
)
def test_what_a_machine_says_is_read(text: str, found: OtherRun | None) -> None:
    assert other_run(Answer(0, text)) == found
