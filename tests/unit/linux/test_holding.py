"""Before its first change a run takes all its machines or none; one that finds nothing to do takes none."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import paramiko
import pytest

from kubepeer.errors import RefusedError, UnreachableError
from kubepeer.holder import Holder
from kubepeer.run import Run
from tasks.linux import holding
from tasks.linux.holding import Holding, look_for_others, refuse_beside_another
from tasks.linux.run_lock import LOST_SECONDS, OtherRun

ONE, TWO, THREE = (f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6))
OTHER = Holder.of_this_process("deploy")


class Channel:
    """The end of a channel that is here; one that is gone takes nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = False
        self.gone = threading.Event()

    def close(self) -> None:
        self.closed = True

    def sendall(self, _data: bytes) -> None:
        self.gone.set()
        raise self.error


class Machines:
    """What each machine says to hold(), and which were asked."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.asked: list[str] = []
        self.channels: list[Channel] = []
        self.error: Exception = OSError()

    def open_shell(self, _nornir: Any, name: str) -> Any:
        self.asked.append(name)
        machines = self

        class Shell:
            def begin(self, _script: str) -> tuple[str, Channel]:
                if machines.says.get(name) == "gone":
                    raise UnreachableError("gone", host=name)
                machines.channels.append(Channel(machines.error))
                return machines.says.get(name, "taken \n"), machines.channels[-1]

        return Shell()


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines()
    monkeypatch.setattr(holding, "open_shell", made.open_shell)
    monkeypatch.setattr(holding.run_lock, "BEAT_SECONDS", 0.01)
    return made


@pytest.fixture
def run(run_of: Callable[..., Run]) -> Run:
    return run_of(ONE, TWO, THREE)


def change(run: Run, hosts: Sequence[str] = (ONE,)) -> None:
    for host in hosts:
        run.guard("Prepare nodes", host, ())


def test_all_chosen_machines_are_taken_once(run: Run, machines: Machines) -> None:
    look_for_others(run, ONE, None)
    look_for_others(run, TWO, None)
    assert machines.asked == [], "nothing is written yet"
    change(run, (TWO, ONE, TWO))
    assert machines.asked[0] == ONE
    assert sorted(machines.asked) == [ONE, TWO, THREE]


def test_only_chosen_machines_that_have_not_failed_are_taken(run_of: Callable[..., Run], machines: Machines) -> None:
    run = run_of(ONE, TWO, THREE, chosen=(ONE, TWO))
    run.nornir.data.failed_hosts.add(ONE)
    Holding.of(run)
    change(run)
    assert machines.asked == [TWO]


@pytest.mark.parametrize("held", [ONE, THREE])
def test_where_one_is_held_none_is_kept_and_all_are_refused(run: Run, machines: Machines, held: str) -> None:
    machines.says[held] = f"held 4 {OTHER.written()}\n"
    Holding.of(run)
    for host in (ONE, TWO):
        with pytest.raises(RefusedError) as refused:
            change(run, (host,))
        assert str(refused.value).startswith(
            f"{held}: {OTHER} is changing this machine. Nothing was changed on any host"
        )
    assert all(channel.closed for channel in machines.channels)
    assert len(machines.asked) == (1 if held == ONE else 3), "asked once"


def test_a_lock_that_was_taken_over_is_told(run: Run, machines: Machines) -> None:
    machines.says[TWO] = f"taken 75 {OTHER.written()}\n"
    Holding.of(run)
    change(run)
    assert run.warnings == [f"{OTHER} has held {TWO} and given no sign of life for 75 s: its lock was taken over"]


def test_a_machine_that_is_gone_is_left_to_its_own_error(run: Run, machines: Machines) -> None:
    machines.says[TWO] = "gone"
    Holding.of(run)
    change(run)
    assert len(machines.channels) == 2


@pytest.mark.parametrize("error", [OSError(), EOFError(), paramiko.SSHException()], ids=["os", "end", "ssh"])
def test_signs_of_life_end_with_the_connections_and_of_each_alone(
    run: Run, machines: Machines, error: Exception
) -> None:
    machines.error = error
    Holding.of(run)
    change(run)
    for channel in machines.channels:
        assert channel.gone.wait(30)


def test_who_holds_a_machine_is_refused_for_all_hosts(run: Run) -> None:
    refuse_beside_another(run)
    look_for_others(run, TWO, OtherRun(str(OTHER), 4))
    with pytest.raises(RefusedError, match="is changing this machine"):
        refuse_beside_another(run)


def test_one_that_is_lost_is_not_in_the_way(run: Run) -> None:
    look_for_others(run, TWO, OtherRun(str(OTHER), LOST_SECONDS))
    refuse_beside_another(run)


def test_who_only_looks_tells_of_it_and_goes_on(run_of: Callable[..., Run]) -> None:
    run = run_of(ONE, dry_run=True)
    look_for_others(run, ONE, OtherRun(str(OTHER), 4))
    refuse_beside_another(run)
    assert run.warnings == [f"{OTHER} is changing {ONE}: what is seen there may not stand"]
    assert run.guards == []
