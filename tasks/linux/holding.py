"""Hold the machines that a run may change, from its first change to its end."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import paramiko

from kubepeer.change import Change
from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.memory import Memory
from kubepeer.phases import nodes
from kubepeer.run import Run
from tasks.linux import run_lock
from tasks.linux.run_lock import OtherRun
from tasks.linux.shell import open_shell

OTHER_RUN = Memory[OtherRun]("the run that holds a machine")
HOLDING = Memory["Holding"]("how this run holds its machines")
CURE = "run again when that one has ended"


def look_for_others(run: Run, name: str, other: OtherRun | None) -> None:
    """What a machine says of the run that holds it: kept for preflight; a run that only looks goes on, and tells of it.

    Args:
        run: the running run.
        name: of the machine.
        other: who holds it.

    """
    if run.options.dry_run:
        if other:
            run.warn(f"{other.who} is changing {name}: what is seen there may not stand")
        return
    hold_before_changes(run)
    if other and not other.lost:
        run.keep(OTHER_RUN, other, of=name)


def hold_before_changes(run: Run) -> None:
    """Have the run hold its machines from its first change on."""
    if not run.options.dry_run:
        run.once(HOLDING, lambda: Holding.of(run))


def refuse_beside_another(run: Run) -> None:
    """Refuse for every host of the run where another one is changing any of its machines; its own are held from its first change on.

    Raises:
        RefusedError: the same for all, so that it is told once.

    """
    hold_before_changes(run)  # what has looked may have been another process
    others = run.recall_all(OTHER_RUN).values
    if name := next((name for name in nodes(run) if name in others), None) if others else None:
        raise _refused(name, others[name])


def _refused(name: str, other: OtherRun) -> RefusedError:
    return RefusedError(f"{other.who} is changing this machine. Nothing was changed on any host", host=name, cure=CURE)


class Holding:
    """A guard of a run: before its first change it takes the lock on all machines that it may change, or on none and refuses.

    A run that finds nothing to do never comes to that, and takes no lock.
    """

    judges_each_change = False

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._tried = False
        self._refusal: tuple[str, OtherRun] | None = None
        self._channels: list[paramiko.Channel] = []

    @classmethod
    def of(cls, run: Run) -> "Holding":
        """One that the run asks before each change."""
        made = cls(run)
        run.guards.append(made)
        return made

    def __call__(self, title: str, host: str, changes: Sequence[Change]) -> None:  # noqa: ARG002  as a guard is asked
        """Have the machines.

        Raises:
            RefusedError: another run has one of them.

        """
        with self._lock:
            if not self._tried:
                self._tried = True
                self._take()
        if self._refusal:
            raise _refused(*self._refusal)

    def _take(self) -> None:
        failed = self._run.nornir.data.failed_hosts
        wanted = [name for name in nodes(self._run) if name not in failed]
        # the first one alone: of two runs that begin at the same moment one has it, and the other none
        self._take_some(wanted[:1])
        if not self._refusal:
            self._take_some(wanted[1:])
        if self._refusal:
            for channel in self._channels:
                channel.close()
        elif self._channels:
            threading.Thread(target=self._renew, name="kubepeer-run-lock", daemon=True).start()

    def _take_some(self, names: Sequence[str]) -> None:
        if names:
            with ThreadPoolExecutor(min(len(names), self._run.options.workers)) as pool:
                list(pool.map(self._take_one, names))

    def _take_one(self, name: str) -> None:
        try:
            line, channel = open_shell(self._run.nornir, name).begin(run_lock.hold(self._run.holder))
        except KubepeerError:
            return  # it cannot be reached any more: whatever is about to be done there fails, and says why
        self._channels.append(channel)
        is_ours, other = run_lock.taken(line)
        if not is_ours:
            self._refusal = (name, other or OtherRun("another run", 0))
        elif other:
            self._run.warn(
                f"{other.who} has held {name} and given no sign of life for {other.silent} s: its lock was taken over"
            )

    def _renew(self) -> None:
        """Until the run ends, and its connections with it."""
        pause = threading.Event()
        while self._channels:
            pause.wait(run_lock.BEAT_SECONDS)
            for channel in tuple(self._channels):
                try:
                    channel.sendall(b"\n")
                except (
                    OSError,
                    EOFError,
                    paramiko.SSHException,
                ):  # paramiko has one of its own for each moment of the loss
                    self._channels.remove(channel)  # the machine or the connection is gone
