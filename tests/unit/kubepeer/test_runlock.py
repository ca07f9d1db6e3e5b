"""The lock of a state folder: who holds it is told, and a run that was killed holds nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kubepeer.errors import RefusedError, UsageError
from kubepeer.holder import Holder
from kubepeer.run import Run
from kubepeer.runlock import the_only_run

HOLD = """
import sys, time
from kubepeer.holder import Holder
from kubepeer.runlock import the_only_run
from types import SimpleNamespace
from pathlib import Path
run = SimpleNamespace(settings=SimpleNamespace(state=Path(sys.argv[1])), holder=Holder.of_this_process("deploy"), warn=print)
with the_only_run(run):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(run_of: Callable[..., Run]) -> subprocess.Popen[str]:
    """Another process that holds the lock of the same state folder."""
    state = run_of("one").settings.state
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_is_refused_and_told_who_holds_it(
    run_of: Callable[..., Run], other: subprocess.Popen[str]
) -> None:
    with pytest.raises(RefusedError) as refused, the_only_run(run_of("one")):
        pass
    other.communicate("")
    said = str(refused.value)
    user, host = Holder.of_this_process().user, os.uname().nodename
    assert said.startswith(f"deploy of {user}@{host} (pid {other.pid}, since 20")
    assert said.endswith("is at work on this inventory. Nothing was changed Cure: run again when that one has ended")


def test_a_run_that_has_ended_leaves_nothing(run_of: Callable[..., Run], other: subprocess.Popen[str]) -> None:
    other.communicate("")
    run = run_of("one")
    with the_only_run(run):
        pass
    assert run.warnings == []
    assert (run.settings.state / "locks" / "run.lock").read_text() == ""


def test_a_run_that_was_killed_is_told_and_its_lock_is_free(
    run_of: Callable[..., Run], other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.communicate()
    run = run_of("one")
    with the_only_run(run):
        (warning,) = run.warnings
    assert f"(pid {other.pid}, since " in warning
    assert warning.endswith("did not come to its end: this run goes on from what stands")


def test_an_exception_frees_it(run_of: Callable[..., Run]) -> None:
    run = run_of("one")
    for _ in range(2):
        with pytest.raises(LookupError), the_only_run(run):
            raise LookupError
    assert run.warnings == []


def test_the_file_is_its_owners_alone(run_of: Callable[..., Run]) -> None:
    run = run_of("one")
    with the_only_run(run):
        path = run.settings.state / "locks" / "run.lock"
        assert path.stat().st_mode & 0o777 == 0o600
        assert Holder.read(path.read_text()) == run.holder


def test_a_folder_that_cannot_be_written_is_one_line(run_of: Callable[..., Run]) -> None:
    run = run_of("one")
    run.settings.state.parent.mkdir(exist_ok=True)
    run.settings.state.write_text("a file")
    with pytest.raises(UsageError, match="Nothing was changed"), the_only_run(run):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"user": "x"}', "3"])
def test_what_no_run_has_written_names_nobody(text: str, tmp_path: Path) -> None:
    assert Holder.read(text) is None
