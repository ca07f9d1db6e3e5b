"""One run on one worker: its hosts' connections, what is kept of them while a task runs, and the end of it all."""

import importlib
import secrets
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from nornir.core.processor import Processors
from nornir.core.task import Task

from kubepeer.change import Change
from kubepeer.errors import RefusedError
from kubepeer.execution import Told, outcome_of
from kubepeer.memory import Handover, Memory, handover_of
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, TaskFunction
from kubepeer.run import Run
from kubepeer.secret import Redactor
from kubepeer.workers.messages import Answer, Call, Kept, Waits

MAY_CHANGE: ContextVar[bool] = ContextVar("whether the running call may change its host", default=False)
OVER = "the run that has asked for it is over: nothing more is changed"
SHORT = 256  # signs: passwords are, kubeconfigs are not


class WishesError(BaseException):
    """A task is about to change its host, and may not yet; a BaseException, so that no task takes it for a fault of the host."""


class KeepingRedactor(Redactor):
    """Remembers in what order it learnt: the controller must hide the same."""

    def __init__(self) -> None:
        super().__init__()
        self.learnt: list[str] = []

    def learn(self, value: str) -> str:
        """Remember a secret value, and give it back."""
        if value and value not in self._values:
            self.learnt.append(value)
        return super().learn(value)

    def since(self, number: int) -> frozenset[str]:
        """What was learnt after so many; and all passwords, since the answer that brought them may have been lost with a worker."""
        return frozenset([*self.learnt[number:], *(value for value in self.learnt[:number] if len(value) <= SHORT)])


@dataclass
class RunOnWorker(Run):
    """A run as its tasks on a worker know it: what they recall came with the call, and the controller alone lets them change."""

    over: Event = field(default_factory=Event)

    def guard(self, title: str, host: str, changes: Sequence[Change]) -> None:  # noqa: ARG002  as a guard is asked
        """Let a change pass that the controller has let pass.

        Raises:
            RefusedError: the run is over.
            WishesError: the controller was not asked yet.

        """
        if self.over.is_set():
            raise RefusedError(OVER, host=host)
        if not MAY_CHANGE.get():
            raise WishesError

    def lay_out(self, handover: Handover, host: str, kept: Kept) -> None:
        """Keep of a host what the controller keeps of it, and nothing else."""
        with self._lock:
            for place in places(handover):
                self._kept.pop((place, host), None)
                self._of_all.pop(place, None)
        for number, value in kept:
            self.keep(places(handover)[number], value, of=host)

    def take_up(self, handover: Handover, host: str) -> Kept:
        """What a task has left of a host; it is not kept here."""
        with self._lock:
            found = [(number, self._kept.pop((place, host), None)) for number, place in enumerate(places(handover))]
        given = set(handover.gives)
        return tuple(
            (number, value) for number, value in found if value is not None and places(handover)[number] in given
        )


def places(handover: Handover) -> tuple[Memory[Any], ...]:
    """The places of a handover, in the one order that both sides number them by."""
    return tuple(dict.fromkeys((*handover.needs, *handover.gives)))


def kept_of(run: Run, handover: Handover, host: Hashable) -> Kept:
    """What a run keeps of a host, of the places of a handover."""
    found = ((number, run.recall(place, of=host)) for number, place in enumerate(places(handover)))
    return tuple((number, value) for number, value in found if value is not None)


def task_named(name: str) -> TaskFunction:
    """The task MODULE:NAME, which may run on a worker.

    Raises:
        LookupError: there is none, or it may not.

    """
    module, _, function = name.partition(":")
    found: Any = getattr(importlib.import_module(module), function, None)
    if found is None or handover_of(found).apart is None:
        raise LookupError(f"{name} is no task that may run on a worker")
    task: TaskFunction = found
    return task


class _Telling:
    """The watcher of a call: what a host waits for is told, once."""

    def __init__(self, tell: Callable[[Waits], None], hide: Callable[[str], str]) -> None:
        self._tell, self._hide, self._last = tell, hide, ""

    def started(self, title: str, hosts: Sequence[str]) -> None: ...
    def host_finished(self, title: str, host: str) -> None: ...
    def finished(self, outcome: PhaseOutcome) -> None: ...

    def waiting(self, title: str, host: str, reason: str) -> None:
        if reason != self._last:
            self._last = reason
            self._tell(Waits(title, host, self._hide(reason)))


@dataclass
class Session:
    """One run on one worker.

    Attributes:
        run: with an inventory and connections of its own.
        known_hosts: the file of this session, and the controller's name for it.
        tell: tells the controller what a host waits for.
        name: that no other process and no other time has.

    """

    run: RunOnWorker
    known_hosts: tuple[Path, str]
    tell: Callable[[Waits], None]
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    _begun: set[str] = field(default_factory=set)
    _running: int = 0
    _lock: Lock = field(default_factory=Lock)

    def answer(self, call: Call) -> Answer:
        """Do a call, once."""
        with self._lock:
            if self.run.over.is_set() or call.number in self._begun:
                return Answer(undone=True)
            self._begun.add(call.number)
            self._running += 1
        try:
            return self._done(call)
        finally:
            with self._lock:
                self._running -= 1
                last = self.run.over.is_set() and not self._running
            if last:
                self._disconnect()

    def _done(self, call: Call) -> Answer:
        task = task_named(call.task)
        handover, learnt, warned = handover_of(task), len(self._redactor.learnt), len(self.run.warnings)
        self.run.lay_out(handover, call.host, call.needs)
        may_change = MAY_CHANGE.set(call.may_change)
        told = Told(Phase(call.title, task), _Telling(self.tell, self._redactor.hide))
        run = replace(self.run, options=call.options)
        told_of_run: Any = {"run": run}
        nornir_task = Task(
            told, run.nornir, global_dry_run=False, processors=Processors([]), name=call.title, **told_of_run
        )
        try:
            outcome = outcome_of(nornir_task.start(run.nornir.inventory.hosts[call.host]))
        except WishesError:
            self.run.take_up(handover, call.host)
            return Answer(wishes=True, learnt=self._redactor.since(learnt))
        finally:
            MAY_CHANGE.reset(may_change)
        return Answer(
            outcome.changes,
            outcome.findings,
            outcome.summary,
            self._as_the_controller_says(outcome.error),
            outcome.failed,
            outcome.waited,
            self.run.take_up(handover, call.host),
            tuple(self.run.warnings[warned:]),
            self._redactor.since(learnt),
        )

    @property
    def _redactor(self) -> KeepingRedactor:
        redactor = self.run.redactor
        assert isinstance(redactor, KeepingRedactor)  # noqa: S101  as whoever made it says
        return redactor

    def _as_the_controller_says(self, error: BaseException | None) -> BaseException | None:
        here, there = self.known_hosts
        for key in ("message", "cure"):
            if error is not None and str(here) in getattr(error, key, ""):
                setattr(error, key, getattr(error, key).replace(str(here), there))
        return error

    def end(self) -> None:
        """The run is over, or its controller is gone: what is under way loses its connections, and nothing more is changed."""
        with self._lock:
            self.run.over.set()
        # no thread of Dask's event loop may wait for thousands of connections
        Thread(target=self._disconnect, name="kubepeer-session-end", daemon=True).start()

    def _disconnect(self) -> None:
        for host in self.run.nornir.inventory.hosts.values():
            with suppress(Exception):  # of every kind: a connection that is half open, or gone
                host.close_connections()
        self.known_hosts[0].unlink(missing_ok=True)
