"""One phase on the workers: each host's call, its answer, and what becomes of those whose worker is lost."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from distributed import Future

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.memory import CHANGES, Handover, handover_of
from kubepeer.phases import Phase
from kubepeer.run import Run
from kubepeer.workers.connected import Connected, Worker
from kubepeer.workers.messages import Answer, Call
from kubepeer.workers.names import ANSWER, CALL
from kubepeer.workers.session import kept_of, places
from kubepeer.workers.wire import NoSuchTypeError, OtherKeyError

AHEAD = 2  # calls for each thread of a worker that are under way
LOOK_SECONDS = 0.2  # until it is looked again who is lost
GATHER_SECONDS = 20
TIMES = 3  # that a host is called while its workers are lost: it may be what they are lost by
RUN_AGAIN = "run it again: what was done stands, and is looked at"


class LostWorkerError(KubepeerError):
    """A worker was lost, and its host's call is not made again."""


@dataclass
class Affinity:
    """Which worker a host is with: the same one for the whole run, which has its connection."""

    workers: Sequence[Worker]
    _of: dict[str, Worker] = field(default_factory=dict)
    _next: Iterator[int] = field(default_factory=itertools.count)
    _lock: Lock = field(default_factory=Lock)

    def of(self, host: str) -> Worker | None:
        """The host's worker; another one where that is lost, None where all are."""
        with self._lock:
            found = self._of.get(host)
            if found is None or found.is_lost():
                left = [worker for worker in self.workers if not worker.is_lost()]
                if not left:
                    return None
                found = self._of[host] = left[next(self._next) % len(left)]
            return found


@dataclass
class _Host:
    """A host's way through a phase."""

    name: str
    may_change: bool
    times: int = 0


class Calls:
    """The calls of one phase.

    Args:
        connected: the run's hold on its workers.
        affinity: which worker a host is with.
        numbers: gives each call one of its own.
        run: the running run.
        phase: whose task is called.
        finished: is told of each answer as it comes.

    """

    def __init__(
        self,
        connected: Connected,
        affinity: Affinity,
        numbers: Iterator[int],
        run: Run,
        phase: Phase,
        finished: Callable[[str, Answer], None],
    ) -> None:
        self._connected, self._affinity, self._numbers = connected, affinity, numbers
        self._run, self._phase, self._finished = run, phase, finished
        self._handover: Handover = handover_of(phase.task)
        self._changes = self._handover.apart is CHANGES and not run.options.dry_run
        self._task = f"{phase.task.__module__}:{phase.task.__qualname__}"
        self._waiting: dict[Worker, deque[_Host]] = {worker: deque() for worker in connected.workers}
        self._under_way: dict[Future[Any], tuple[Worker, _Host, str]] = {}
        self._come: SimpleQueue[Future[Any]] = SimpleQueue()
        self._held = False

    def make(self, hosts: Sequence[str]) -> None:
        """Call for all hosts, and come back when each has its answer."""
        for name in hosts:
            self._begin(_Host(name, may_change=False))
        while self._under_way or any(self._waiting.values()):
            self._look_for_lost()
            self._submit()
            self._take_answers()

    def _begin(self, host: _Host) -> None:
        worker = self._affinity.of(host.name)
        if worker is None:
            self._fail(host, LostWorkerError("no worker is left to look at it", host=host.name, cure=RUN_AGAIN))
        else:
            self._waiting[worker].append(host)

    def _submit(self) -> None:
        busy = dict.fromkeys(self._waiting, 0)
        for worker, _, _ in self._under_way.values():
            busy[worker] += 1
        for worker, waiting in self._waiting.items():
            # of calls that wait at a lost worker nobody knows that they had not begun: where that counts, none waits there
            ahead = 1 if self._changes else AHEAD
            while waiting and busy[worker] < ahead * worker.opened.threads:
                busy[worker] += 1
                self._call(worker, waiting.popleft())

    def _call(self, worker: Worker, host: _Host) -> None:
        number = str(next(self._numbers))
        host.times += 1
        host.may_change = self._changes and self._held
        call = Call(
            worker.opened.session,
            number,
            self._task,
            self._phase.title,
            host.name,
            self._run.options,
            kept_of(self._run, self._handover, host.name),
            host.may_change,
        )
        sealed = self._connected.seal.close(call, CALL + number)
        future = self._connected.submit("answers", sealed, number, self._connected.call_key(number), worker.address)
        self._under_way[future] = (worker, host, number)
        future.add_done_callback(self._come.put)

    def _take_answers(self) -> None:
        come = [future for future in self._all_that_came() if future in self._under_way]
        good = [future for future in come if future.status == "finished"]
        for future, sealed in zip(good, self._gathered(good), strict=False):
            worker, host, number = self._under_way.pop(future)
            try:
                self._judge(worker, host, self._connected.seal.open(sealed, ANSWER + number))
            except (OtherKeyError, NoSuchTypeError) as error:
                said = f"worker {worker.address} gave an answer that cannot be read ({type(error).__name__}: {error})"
                self._fail(host, LostWorkerError(said, host=host.name, cure=RUN_AGAIN))
        for future in come:
            if future in self._under_way and future.status in ("error", "cancelled"):
                worker, host, _ = self._under_way.pop(future)
                self._lose(worker, host)

    def _all_that_came(self) -> list[Future[Any]]:
        found: dict[Future[Any], None] = {}
        try:
            found[self._come.get(timeout=LOOK_SECONDS)] = None
            while True:
                found[self._come.get_nowait()] = None
        except Empty:
            return list(found)

    def _gathered(self, futures: Sequence[Future[Any]]) -> Sequence[bytes]:
        """The answers, straight from the workers; none of them where one of these is lost just now: it is looked for lost ones first."""
        if not futures:
            return ()
        client = self._connected.client
        workers = {self._under_way[future][0] for future in futures}

        async def gather() -> Sequence[bytes]:
            # by itself it would wait for a worker that is gone as long as for one that is slow
            fetching = asyncio.ensure_future(client.gather(list(futures), asynchronous=True, direct=True))
            while not (await asyncio.wait([fetching], timeout=LOOK_SECONDS))[0]:
                if any(worker.is_lost() for worker in workers):
                    fetching.cancel()
            got: Sequence[bytes] = fetching.result()
            return got

        try:
            found: Sequence[bytes] = client.sync(gather, callback_timeout=GATHER_SECONDS)
        except asyncio.CancelledError:
            pass
        except Exception:  # noqa: BLE001  of every kind: what is lost in this moment is found lost in the next
            time.sleep(LOOK_SECONDS)
        else:
            return found
        for future in futures:
            self._come.put(future)
        return ()

    def _judge(self, worker: Worker, host: _Host, answer: Answer) -> None:
        if answer.undone:
            worker.gone = True  # its process is another by now, whatever its address
            self._lose(worker, host)
        elif answer.wishes:
            self._hide(answer)
            self._grant(host)
        else:
            self._hide(answer)
            for number, value in answer.gives:
                self._run.keep(places(self._handover)[number], value, of=host.name)
            for line in answer.warnings:
                self._run.warn(line)
            self._finished(host.name, answer)

    def _hide(self, answer: Answer) -> None:
        for value in answer.learnt:
            self._run.redactor.learn(value)

    def _grant(self, host: _Host) -> None:
        """A host would be changed: the guards of the run take its machines, or refuse."""
        try:
            self._run.guard(self._phase.title, host.name, ())
        except RefusedError as error:
            self._fail(host, error)
            return
        self._held = True
        host.times -= 1  # nobody was lost
        self._begin(host)

    def _look_for_lost(self) -> None:
        for worker in [worker for worker in self._waiting if worker.is_lost()]:
            waiting, self._waiting[worker] = self._waiting[worker], deque()
            for host in waiting:
                self._begin(host)
            for future in [future for future, (of, _, _) in self._under_way.items() if of is worker]:
                _, host, _ = self._under_way.pop(future)
                future.release()
                self._lose(worker, host)

    def _lose(self, worker: Worker, host: _Host) -> None:
        """A call of which nobody knows how far it came: it is made again where it cannot have changed anything."""
        where = f"worker {worker.address} on {worker.opened.who} was lost"
        if host.may_change:
            said = f"{where} while it was at this host: what it had changed by then is not known"
            self._fail(host, LostWorkerError(said, host=host.name, cure=RUN_AGAIN))
        elif host.times >= TIMES:
            said = f"{where}, and so were {TIMES - 1} before it that were at this host"
            self._fail(host, LostWorkerError(said, host=host.name, cure="look into that worker's log"))
        else:
            self._begin(host)

    def _fail(self, host: _Host, error: KubepeerError) -> None:
        self._finished(host.name, Answer(error=error, failed=True))
