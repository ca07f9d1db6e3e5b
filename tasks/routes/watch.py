"""`verify_routes.py --watch`: how the watch of routers begins and ends."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kubepeer.display import Display
from kubepeer.errors import UsageError
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.routes.from_inventory import by_inventory
from tasks.routes.tasks import routers_to_ask
from tasks.routes.watching import Watch


def watch(run: Run, display: Display, seconds: float) -> list[PhaseOutcome]:
    """Watch the routers until Ctrl-C, SIGTERM or the end of the time; the outcomes are the last state.

    Args:
        run: the running run.
        display: where changes are told and, on a terminal, the live table stands.
        seconds: how long; math.inf: until somebody ends it.

    Raises:
        KubepeerError: the API does not answer at the beginning.

    """
    began, names = time.monotonic(), list(routers_to_ask(run))
    if not names:
        raise UsageError("The inventory has no router to watch. Nothing was contacted.")
    watching = Watch(run, display, names)
    run.json_lines = True
    for line in run.warnings if by_inventory(run) else ():
        display.say(f" {line}", "dim")
    with _ended_by_signals(watching):
        display.below = watching.lines
        watching.begin()
        try:
            watching.wait(seconds)
        finally:
            watching.end()
            display.below = tuple
    outcomes = watching.outcomes(began)
    for outcome in outcomes:
        display.finished(outcome)
    return outcomes


@contextmanager
def _ended_by_signals(watching: Watch) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends the watch, and the run goes on to its exit code; a second one does what it does elsewhere."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(*_: object) -> None:
        as_before()
        watching.ends.put(None)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        as_before()
