"""What a worker process has beside Dask: a plugin of it that opens sessions, hands calls to them, and ends them."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin

from kubepeer.errors import KubepeerError
from kubepeer.holder import Holder
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.open_files import allow_for
from kubepeer.opening import logins
from kubepeer.settings import Settings
from kubepeer.workers.alike import alike, differing
from kubepeer.workers.messages import Answer, Call, Open, Opened, Waits
from kubepeer.workers.names import ANSWER, CALL, OPEN, OPENED, PLUGIN, WAITS, topic_of
from kubepeer.workers.session import KeepingRedactor, RunOnWorker, Session
from kubepeer.workers.wire import NoSuchTypeError, OtherKeyError, Seal

LET_GO = ("released", "forgotten")  # Dask's states of a key that nobody wants any more


@dataclass(eq=False)
class Sessions(WorkerPlugin):
    """The sessions of a worker process.

    Attributes:
        settings: of its own config.yaml.
        platforms: those that a router may be of.
        seal: of its own key.
        threads: that calls are done in.
        sources: the digest of those that it was started with.
        holder: who this process is.

    """

    settings: Settings
    platforms: Platforms
    seal: Seal
    threads: int
    sources: str
    holder: Holder = field(default_factory=lambda: Holder.of_this_process("worker"))
    name = PLUGIN
    _open: dict[str, Session] = field(default_factory=dict)
    _by_key: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _worker: Worker | None = None

    def setup(self, worker: Worker) -> None:
        """The process has begun to work."""
        self._worker = worker

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002  as Dask calls it
        """The process has lost its scheduler, or is told to end."""
        with self._lock:
            ending, self._open = list(self._open.values()), {}
        for session in ending:
            session.end()

    def transition(self, key: Any, start: Any, finish: Any, **_: Any) -> None:  # noqa: ARG002  as Dask calls it
        """The value of a session's key is let go: its run has ended, or the controller is gone."""
        if finish in LET_GO and (name := self._by_key.pop(str(key), "")):
            with self._lock:
                session = self._open.pop(name, None)
            if session:
                session.end()

    def opens(self, sealed: bytes, key: str) -> bytes:
        """Open a session that lives as long as Dask's key does; nothing where the message was sealed with another key."""
        try:
            asked: Open = self.seal.open(sealed, OPEN)
        except OtherKeyError:
            return b""
        try:
            opened = self._opened(asked, key)
        except KubepeerError as error:
            opened = Opened("", str(self), self.threads, error.message, error.cure)
        return self.seal.close(opened, OPENED + key)

    def answers(self, sealed: bytes, number: str) -> bytes:
        """Do a call; whatever happens there is an answer: the text of an exception is no secret of Dask's."""
        try:
            call: Call = self.seal.open(sealed, CALL + number)
            with self._lock:
                session = self._open.get(call.session)
            answer = Answer(undone=True) if session is None or call.number != number else session.answer(call)
            return self.seal.close(answer, ANSWER + number)
        except OtherKeyError:
            return b""
        except Exception as error:  # noqa: BLE001  the controller tells of it, with the host
            return self.seal.close(Answer(error=error, failed=True), ANSWER + number)

    def _opened(self, asked: Open, key: str) -> Opened:
        redactor = KeepingRedactor()
        intent = load_intent(self.settings, self.platforms)
        keys = self._written(asked.known_hosts)
        nornir = build_nornir(
            self.settings.model_copy(update={"known_hosts": keys, "workers": None}),
            logins=logins(intent, self.settings, redactor),
            leave_out=[probe.name for probe in intent.probes],
        )
        allow_for(len(nornir.inventory.hosts))
        differs, cure = differing(asked.alike, alike(self.sources, intent, nornir))
        if differs:
            keys.unlink()
            return Opened("", str(self), self.threads, f"it has {differs}", cure)
        run = RunOnWorker(
            intent=intent,
            settings=self.settings,
            options=asked.options,
            nornir=nornir,
            chosen=asked.chosen,
            filtered=asked.filtered,
            redactor=redactor,
            holder=asked.holder,
        )
        session = Session(run, (keys, asked.known_hosts_file), self._teller(asked.holder.mark))
        with self._lock:
            self._open[session.name] = session
            self._by_key[key] = session.name
        return Opened(session.name, str(self), self.threads)

    def _written(self, known_hosts: str) -> Path:
        self.settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix="known_hosts.", dir=self.settings.state)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(known_hosts)
        return Path(name)

    def _teller(self, mark: str) -> Callable[[Waits], None]:
        topic = topic_of(mark)

        def tell(waits: Waits) -> None:
            if self._worker is not None:
                with suppress(NoSuchTypeError):
                    self._worker.log_event(topic, self.seal.close(waits, WAITS))

        return tell

    def __str__(self) -> str:
        return f"{self.holder.host} (pid {self.holder.pid})"
