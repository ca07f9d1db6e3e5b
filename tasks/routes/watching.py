"""Routers that are asked again and again, each over one connection, and every change told with its time.

A router is asked by one thread at a time, as often as tasks.routes.pace says. What the cluster announces is read again by a thread of
its own: while the API does not answer, what it said last is what routers are judged by.
"""

import heapq
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread

from rich.text import Text

from kubepeer.display import Display
from kubepeer.errors import KubepeerError, UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.run import Run
from kubepeer.streams import nobody_reads
from tasks.platforms.reader import RouterReader
from tasks.routes import events, pace
from tasks.routes.announcing import announced_now
from tasks.routes.events import Event
from tasks.routes.expected import Announced
from tasks.routes.from_inventory import by_inventory
from tasks.routes.left import SEEN, UNSEEN
from tasks.routes.live import Standing, table
from tasks.routes.reading import reader_of
from tasks.routes.tasks import findings_of, summary_of

SILENT_SECONDS = 10.0  # a router that has not answered by then cannot be read: its answers take a fraction of a second
API_SECONDS, API_SHARE = 2.0, 4.0  # between two readings of the API; and at most one fifth of its time is for us
REDRAW_SECONDS, REDRAW_SHARE = 0.2, 0.1  # between two drawings of the table; and what share of a core they may take
LOOK_SECONDS = 1.0  # between two looks whether somebody still reads what is told
TITLE = "Watch routes"


class Watch:
    """The routers of a run, as they were last seen, and who asks them."""

    def __init__(self, run: Run, display: Display, names: Sequence[str]) -> None:
        """Read what the cluster announces; ask no router yet.

        Args:
            run: the running run.
            display: where changes are told.
            names: of the routers.

        Raises:
            KubepeerError: the API cannot be read, so that nothing is known of what should be.

        """
        self._run, self._display = run, display
        self._expected = announced_now(run, names)
        self._api_error: KubepeerError | None = None
        self._api_said = time.monotonic()
        self.routers = {name: Standing(name, run.intent.router(name).as_number) for name in names}
        self._errors: dict[str, KubepeerError] = {}
        self._readers: dict[str, RouterReader] = {}
        self._lock, self._wake = Lock(), Condition()
        self._due: list[tuple[float, str]] = []
        self._ended = False
        self._asked, self._cpu = 0, time.process_time()
        self._drawn: list[Text] = []
        self._redrawn = 0.0
        self.ends: SimpleQueue[Exception | None] = SimpleQueue()  # SimpleQueue.put may be called in a signal handler

    def begin(self) -> None:
        """Start to ask."""
        for name in self.routers:
            try:
                self._readers[name] = reader_of(self._run.intent.router(name))
            except KubepeerError as error:  # no asking again helps
                self._fail(name, error)
            else:
                self._due.append((0.0, name))
        workers = min(len(self._due), self._run.options.workers)
        for work in (*(self._ask_in_turn for _ in range(workers)), *(() if by_inventory(self._run) else (self._poll,))):
            Thread(target=self._guarded, args=(work,), daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Until somebody ends it, nobody reads any more, or so many seconds have passed."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not nobody_reads():
            try:
                error = self.ends.get(timeout=min(left, LOOK_SECONDS))
            except Empty:
                continue
            if error is not None:
                raise error
            return

    def end(self) -> None:
        """Ask no more; what comes in now is not looked at."""
        with self._lock, self._wake:
            self._ended = True
            self._wake.notify_all()

    def outcomes(self, began: float) -> list[PhaseOutcome]:
        """The last state as the outcome of a phase: it decides the exit code."""
        seconds = time.monotonic() - began
        found = [PhaseOutcome(TITLE, seconds, {name: self._outcome(name) for name in self.routers})]
        if self._api_error is not None:  # nothing else says that what is told may be out of date
            asked = self._run.intent.control_planes[0].name
            found.append(
                PhaseOutcome("Watch the API", seconds, {asked: HostOutcome(error=self._api_error, failed=True)})
            )
        return found

    def lines(self) -> list[Text]:
        """The live table. It takes no lock: who tells a change has ours, and waits for that of the display, which draws this."""
        console, now = self._display.console, time.monotonic()
        if now >= self._redrawn:
            state = self._api_state(now)
            self._drawn = table(list(self.routers.values()), state, now, console.width, max(console.height - 2, 3))
            took = time.monotonic() - now
            self._redrawn = now + max(REDRAW_SECONDS, took / REDRAW_SHARE)
        return self._drawn

    def _outcome(self, name: str) -> HostOutcome:
        router, error = self.routers[name], self._errors.get(name)
        if error is not None or router.findings is None:
            return HostOutcome(error=error or UnreachableError("has not answered yet", host=name), failed=True)
        failed = not all(finding.ok for finding in router.findings)
        return HostOutcome(findings=router.findings, summary=summary_of(router.findings), failed=failed)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  a fault of ours ends the watch, and not one thread of it in silence
            self.ends.put(error)

    def _ask_in_turn(self) -> None:
        while (name := self._next()) is not None:
            began = time.monotonic()
            failed = self._ask(name, began)
            ended = time.monotonic()
            with self._lock:
                self._asked += 1
                cost = (time.process_time() - self._cpu) / self._asked
                wanted = pace.interval(len(self.routers), ended - began, cost)
                self.routers[name] = replace(self.routers[name], answered=ended, interval=wanted)
            with self._wake:
                heapq.heappush(self._due, (pace.next_time(began, ended, wanted, failed=failed), name))
                self._wake.notify()

    def _next(self) -> str | None:
        """The router whose turn it is, when it is; None when the watch is over."""
        with self._wake:
            while not self._ended:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[1]
                self._wake.wait(left)
        return None

    def _ask(self, name: str, began: float) -> bool:
        """Whether it could not be read."""
        with self._lock:
            self.routers[name] = replace(self.routers[name], asked=began)
        try:
            found = findings_of(self._run, name, self._readers[name], self._expected[name], SILENT_SECONDS)
        except KubepeerError as error:
            self._fail(name, error)
            return True
        self._run.keep(UNSEEN, "", of=name)
        with self._lock:
            before, was_lost = self.routers[name], name in self._errors
            if self._ended:
                return False
            seen = self._run.recall(SEEN, of=name)
            as_number = (seen and seen.as_shown) or before.as_number
            self.routers[name] = replace(before, findings=found, problem="", as_number=as_number)
            self._errors.pop(name, None)
            summary = summary_of(found)
            if was_lost:
                self._tell([events.read_again(name, summary, ok=all(finding.ok for finding in found))])
            if before.findings is None:
                self._tell(events.at_first(name, found, summary))
            else:
                self._tell(events.between(name, before.findings, found))
        return False

    def _fail(self, name: str, error: KubepeerError) -> None:
        error.host = error.host or name
        self._run.keep(UNSEEN, error.message, of=name)
        with self._lock:
            if self._ended:
                return
            known = name in self._errors
            self._errors[name] = error
            event = events.unread(name, error)
            self.routers[name] = replace(self.routers[name], problem=event.what)
            if not known:
                self._tell([event])

    def _poll(self) -> None:
        """Read what the cluster announces, again and again."""
        pause = API_SECONDS
        while not self._over_after(pause):
            began = time.monotonic()
            try:
                expected = announced_now(self._run, list(self.routers))
            except KubepeerError as error:
                self._api_is_silent(error)
            else:
                self._api_answers(expected)
            pause = max(API_SECONDS, API_SHARE * (time.monotonic() - began))

    def _over_after(self, seconds: float) -> bool:
        with self._wake:
            return self._wake.wait_for(lambda: self._ended, seconds)

    def _api_is_silent(self, error: KubepeerError) -> None:
        with self._lock:
            known, self._api_error = self._api_error is not None, error
            if not known and not self._ended:
                self._tell([events.api_lost(error)])

    def _api_answers(self, expected: dict[str, Announced]) -> None:
        with self._lock:
            if self._ended:
                return
            before, self._expected, self._api_said = self._expected, expected, time.monotonic()
            told = [events.api_found()] if self._api_error is not None else []
            self._api_error = None
            for name, announced in expected.items():
                told += events.of_cluster(before[name], announced)
            self._tell(dict.fromkeys(told))

    def _api_state(self, now: float) -> str:
        if by_inventory(self._run):
            return "by the inventory alone"
        ago = f"{now - self._api_said:.0f} s ago"
        return f"the API said {ago} what should be" + (", and does not answer now" if self._api_error else "")

    def _tell(self, told: Iterable[Event]) -> None:
        moment = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
        for event in told:
            if self._run.options.as_json:
                print(self._run.redactor.hide(json.dumps(event.as_json(moment))), flush=True)
            else:
                self._display.say(
                    event.line(moment), "" if event.first and event.ok else "green" if event.ok else "red"
                )
