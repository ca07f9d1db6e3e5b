"""BIRD's process and its control socket, with a program in BIRD's place that writes down how it was called."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from calico_node import bird as bird_module
from calico_node.bird import Bird, BirdError, RefusedConfiguration, _reply

DEADLINE = 30.0
PROGRAM = """\
#!/bin/sh
if [ "$1" = -p ]; then cat "$3" >> {calls}.checked; grep -q broken "$3" && { echo "syntax error"; exit 1; }; exit 0; fi
echo "$$ $*" >> {calls}
exec sleep 60
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "bird"
    program.parent.mkdir()
    program.write_text(PROGRAM.replace("{calls}", str(tmp_path / "calls")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(bird_module, "RESTART_PAUSE", 0.0)
    (tmp_path / "run").mkdir()
    return tmp_path / "calls"


@pytest.fixture
def bird(calls: Path) -> Iterator[Bird]:
    bird = Bird(calls.parent / "configuration" / "bird.cfg", calls.parent / "run")
    yield bird
    bird.kill()


def started(calls: Path) -> list[str]:
    return calls.read_text().splitlines() if calls.exists() else []


def checked(calls: Path) -> str:
    return calls.with_name("calls.checked").read_text()


def supervised(bird: Bird, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        bird.supervise()
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)  # the deadline is the wait


def kill(calls: Path) -> None:
    os.kill(int(started(calls)[-1].split()[0]), signal.SIGKILL)


def test_bird_waits_for_its_configuration(bird: Bird, calls: Path) -> None:
    bird.supervise()
    assert started(calls) == []
    assert bird.configure("first")
    supervised(bird, lambda: len(started(calls)) == 1)


def test_every_start_recovers_the_first_one_too(bird: Bird, calls: Path) -> None:
    bird.configure("first")
    supervised(bird, lambda: len(started(calls)) == 1)
    kill(calls)
    supervised(bird, lambda: len(started(calls)) == 2)
    assert ["-R" in call.split() for call in started(calls)] == [True, True]


def test_bird_stays_down_until_the_file_goes(bird: Bird, calls: Path) -> None:
    bird.configure("first")
    supervised(bird, lambda: len(started(calls)) == 1)
    down = calls.parent / "run" / "bird.down"
    down.touch()
    bird.supervise()
    assert len(started(calls)) == 1
    kill(calls)
    until = time.monotonic() + 0.3
    supervised(bird, lambda: time.monotonic() > until)
    assert len(started(calls)) == 1
    down.unlink()
    supervised(bird, lambda: len(started(calls)) == 2)


def test_a_configuration_that_bird_refuses_changes_nothing_and_is_asked_once(bird: Bird, calls: Path) -> None:
    bird.configure("first")
    for _ in range(2):
        with pytest.raises(RefusedConfiguration, match="syntax error"):
            bird.configure("broken")
    assert (calls.parent / "configuration" / "bird.cfg").read_text() == "first"
    assert checked(calls).count("broken") == 1
    assert not bird.configure("first")


def test_bird_never_starts_where_its_first_configuration_is_refused(bird: Bird, calls: Path) -> None:
    with pytest.raises(RefusedConfiguration):
        bird.configure("broken")
    until = time.monotonic() + 0.3
    supervised(bird, lambda: time.monotonic() > until)
    assert started(calls) == []


def test_the_configuration_may_hold_passwords_and_is_for_root_alone(bird: Bird, calls: Path) -> None:
    bird.configure("first")
    assert (calls.parent / "configuration" / "bird.cfg").stat().st_mode & 0o777 == 0o600


def test_a_bird_that_is_not_there_does_not_answer(bird: Bird) -> None:
    with pytest.raises(OSError, match="No such file"):
        bird.ask("show status")


def test_the_bird_of_ipv6_has_files_of_its_own(calls: Path) -> None:
    second = Bird(calls.parent / "configuration" / "bird6.cfg", calls.parent / "run", "bird6")
    try:
        second.configure("first")
        (calls.parent / "run" / "bird.down").touch()
        supervised(second, lambda: len(started(calls)) == 1)
        assert f"-s {calls.parent}/run/bird6.ctl" in started(calls)[0]
        (calls.parent / "run" / "bird6.down").touch()
        kill(calls)
        until = time.monotonic() + 0.3
        supervised(second, lambda: time.monotonic() > until)
        assert len(started(calls)) == 1
    finally:
        second.kill()


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["0001 BIRD 2.0.12 ready."], ["BIRD 2.0.12 ready."]),
        (
            ["0002-Reading configuration from bird.cfg", "0003 Reconfigured"],
            ["Reading configuration from bird.cfg", "Reconfigured"],
        ),
        (
            ["1000-BIRD 2.0.12", "1011-Router ID is 10.31.90.1", " Hostname is n1", "0013 Daemon is up and running"],
            ["BIRD 2.0.12", "Router ID is 10.31.90.1", "Hostname is n1", "Daemon is up and running"],
        ),
    ],
)
def test_replies_are_read_to_their_last_line(lines: list[str], text: list[str]) -> None:
    stream = iter([*(f"{line}\n" for line in lines), "0000 of the next reply\n"])
    assert list(_reply(stream)) == text
    assert next(stream) == "0000 of the next reply\n"


@pytest.mark.parametrize("line", ["8002 bird.cfg:3:1 syntax error", "9001 syntax error", "nonsense"])
def test_errors_in_replies_are_raised(line: str) -> None:
    with pytest.raises(BirdError, match=line):
        list(_reply(iter([f"{line}\n"])))


def test_a_reply_that_breaks_off_is_an_error() -> None:
    with pytest.raises(BirdError, match="closed"):
        list(_reply(iter(["0002-Reading configuration\n"])))
