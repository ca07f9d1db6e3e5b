"""The life of a controller: list and watch, bring about what the objects ask for, pause; again at each change, until it is stopped."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from cluster_api.access import Access
from cluster_api.backoff import Backoff
from cluster_api.client import UNREACHABLE, ApiError
from cluster_api.objects import Json
from cluster_api.watch import Watch

LISTING_SECONDS = 1.0
"""Between two looks whether every kind was listed: a kind whose changes call nobody does not say so either."""
PASSING = (*UNREACHABLE, ApiError, ValueError)
"""What may go wrong from outside: the server is away or refuses (a conflict, a kind that settles), or a proxy answers without JSON."""

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Loop:
    """Watches kinds of objects, and calls a step whenever one of them has changed, and from time to time if none has."""

    def __init__(self, access: Access, paths: Mapping[str, str], *, silent: Collection[str] = ()) -> None:
        """Watch each path under its own name; the changes of the silent ones are known and call nobody."""
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._watches = {
            kind: Watch(access, path, threading.Event() if kind in silent else self._changed)
            for kind, path in paths.items()
        }
        self._trouble = ""

    def objects(self, kind: str) -> list[Json]:
        """List what is known of a kind, in order of names; to be read only."""
        return self._watches[kind].objects()

    def stop(self) -> None:
        """End after the step that is at work; not for a handler of signals (termination.py)."""
        self._stopping.set()
        self._changed.set()

    def run(self, step: Callable[[], float]) -> None:
        """Work until stopped.

        Args:
            step: brings about what the objects ask for, once all kinds were listed; says after how many seconds it wants to be called
                again when nothing changes. What fails passingly is said once, and tried again after a pause that grows.

        """
        for watch in self._watches.values():
            watch.start()
        backoff = Backoff()
        try:
            while True:
                self._changed.clear()
                if self._stopping.is_set():  # asked after the clearing: a stop that comes now sets the event again
                    break
                self._changed.wait(self._look(step, backoff))
        finally:
            for watch in self._watches.values():
                watch.stop()

    def _look(self, step: Callable[[], float], backoff: Backoff) -> float:
        if not all(watch.listed for watch in self._watches.values()):
            return LISTING_SECONDS
        try:
            pause = step()
        except PASSING as error:
            trouble = f"{type(error).__name__}: {error}"
            if trouble != self._trouble:
                log.warning("%s", trouble)
            self._trouble = trouble
            return backoff.failed()
        self._trouble = ""
        backoff.succeeded()
        return pause


def until_answered(ask: Callable[[], Answer], stopping: threading.Event) -> Answer | None:
    """Ask a server that may have just started, until it answers; nothing where the program is to stop before it does."""
    backoff = Backoff()
    while not stopping.is_set():
        try:
            return ask()
        except PASSING as error:
            log.warning("%s: %s", type(error).__name__, error)
            stopping.wait(backoff.failed())
    return None
