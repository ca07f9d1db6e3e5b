"""A run's hold on Dask's scheduler, and on a session of each worker."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Future

from kubepeer.approval import code_digest
from kubepeer.errors import UsageError
from kubepeer.run import Run
from kubepeer.workers.alike import alike
from kubepeer.workers.messages import Open, Opened, Waits
from kubepeer.workers.names import OPEN, OPENED, PLUGIN, WAITS, call_key, session_key, topic_of
from kubepeer.workers.security import security
from kubepeer.workers.wire import OtherKeyError, Seal

CONNECT_SECONDS = 10
OPEN_SECONDS = 120  # a worker reads its whole inventory
CURE = "python runbooks/worker.py starts one (docs/scale.md)"


@dataclass(eq=False)
class Worker:
    """A worker of this run.

    Attributes:
        address: as Dask knows it.
        opening: Dask's future of its session: as long as it is held, the session lives; it is lost with the worker.
        opened: what it has said.

    """

    address: str
    opening: Future[Any]
    opened: Opened
    gone: bool = field(default=False)

    def is_lost(self) -> bool:
        """Whether its process is gone, or its session; it does not come back."""
        self.gone = self.gone or self.opening.status != "finished"
        return self.gone


class Connected:
    """The client of one run, with a session on each worker that there is when it begins."""

    def __init__(self, run: Run) -> None:
        """Connect, and open the sessions.

        Raises:
            UsageError: no scheduler, no worker, or one that has other sources, another inventory or another key.

        """
        if run.settings.workers is None:
            raise UsageError("config.yaml names no workers")
        workers, folder = run.settings.workers, run.settings.folder
        self.address = workers.address
        self.seal, self.mark = Seal(workers.secret(folder)), run.holder.mark
        try:
            self.client = Client(
                workers.address,
                security=security(workers, folder),
                timeout=CONNECT_SECONDS,
                direct_to_workers=True,  # an answer does not pass through the scheduler
                set_as_default=False,
            )
        except OSError as error:
            said = " ".join(str(error).split())[:200]
            raise UsageError(
                f"{workers.address}: no scheduler of Dask's answers: {said}. Nothing was changed."
            ) from error
        try:
            self.workers = self._open(run)
        except UsageError:
            self.close()
            raise

    def submit(self, method: str, sealed: bytes, about: str, key: str, address: str) -> Future[Any]:
        """Have a worker's plugin do something: there, and nowhere else; whether again is not Dask's to say."""
        return self.client.submit(
            _carrier(PLUGIN),
            method,
            sealed,
            about,
            key=key,
            workers=[address],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )

    def call_key(self, number: str) -> str:
        """Dask's key of a call."""
        return call_key(self.mark, number)

    def listen(self, told: Callable[[Waits], None]) -> None:
        """Be told what hosts wait for."""

        def heard(event: Any) -> None:
            told(self.seal.open(event[1], WAITS))

        self.client.subscribe_topic(topic_of(self.mark), heard)

    def close(self) -> None:
        """Let all sessions go."""
        self.client.close(timeout=CONNECT_SECONDS)

    def _open(self, run: Run) -> list[Worker]:
        ends = time.monotonic() + CONNECT_SECONDS
        while not (addresses := sorted(self.client.scheduler_info(n_workers=-1)["workers"])):
            if time.monotonic() > ends:
                raise UsageError(f"{self.address} has no worker. Nothing was changed.", cure=CURE)
            time.sleep(0.2)
        file = run.settings.known_hosts
        asked = Open(
            run.holder,
            alike(code_digest(), run.intent, run.nornir),
            run.options,
            run.chosen,
            run.filtered,
            file.read_text(encoding="utf-8") if file.exists() else "",
            str(file),
        )
        sealed = self.seal.close(asked, OPEN)
        keys = [session_key(self.mark, number) for number in range(len(addresses))]
        openings = [
            self.submit("opens", sealed, key, key, address) for key, address in zip(keys, addresses, strict=True)
        ]
        found = [
            Worker(address, opening, self._opened(opening, key, address))
            for address, opening, key in zip(addresses, openings, keys, strict=True)
        ]
        refuse(found)
        return found

    def _opened(self, opening: Future[Any], key: str, address: str) -> Opened:
        try:
            said = opening.result(timeout=OPEN_SECONDS)
            opened: Opened = self.seal.open(said, OPENED + key)
        except OtherKeyError:
            cure = "give it the controller's (runner.options.key)"
            return Opened("", address, 0, "it has another key", cure)
        except Exception as error:  # noqa: BLE001  of every kind: it is somebody else's worker, or was lost, or is too slow
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            return Opened("", address, 0, f"it does not open a session ({said})", CURE)
        return opened


def refuse(workers: Sequence[Worker]) -> None:
    """Refuse to begin with workers of which one cannot take part: it would be in the way of the next run, too.

    Raises:
        UsageError: names the first, and how many there are more.

    """
    refusing = [worker for worker in workers if not worker.opened.session]
    if not refusing:
        return
    first, more = refusing[0], f", and {len(refusing) - 1} more" if len(refusing) > 1 else ""
    raise UsageError(
        f"worker {first.address} on {first.opened.who} cannot take part: {first.opened.refusal}{more}. Nothing was changed.",
        cure=first.opened.cure,
    )


def _carrier(plugin: str) -> Callable[[str, bytes, str], bytes]:
    """What is run on a worker. In a function it travels by value: the scheduler looks at it, and need not have our modules."""

    def carry(method: str, sealed: bytes, about: str) -> bytes:
        from distributed import get_worker  # noqa: PLC0415  where it runs

        there: bytes = getattr(get_worker().plugins[plugin], method)(sealed, about)
        return there

    return carry
