"""The end of a program: the kubelet sends SIGTERM, waits for the grace period, and kills."""

import queue
import signal
import threading
from collections.abc import Callable


class Termination:
    """Hears of SIGTERM and SIGINT. To be made first of all: PID 1 of a container ignores what it does not handle.

    A handler runs in between any two steps of the main thread, perhaps while that holds the lock of the very event that the handler
    would set, and would wait for itself. Of what a handler may call, SimpleQueue.put is safe; a thread of its own does the rest.
    Signals are not blocked for it: programs that are started (BIRD) would inherit that, and could not be ended any more.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: self._signals.put(number))
        threading.Thread(target=self._hear, name="termination", daemon=True).start()

    def then(self, stop: Callable[[], None]) -> None:
        """Call a function when it comes, or now if it has come; in a thread of its own, where it may wait."""

        def after() -> None:
            self.asked.wait()
            stop()

        threading.Thread(target=after, name="end", daemon=True).start()

    def _hear(self) -> None:
        self._signals.get()
        self.asked.set()
