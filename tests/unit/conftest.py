"""A small Nornir in memory, a run on it, and somebody who watches."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.state import GlobalState
from nornir.plugins.runners import ThreadedRunner

from kubepeer.intent import Intent
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Options, Run


class Observer:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self._lock = Lock()

    def started(self, title: str, hosts: Sequence[str]) -> None:
        self._add("started", title, *hosts)

    def host_finished(self, title: str, host: str) -> None:
        self._add("host finished", title, host)

    def waiting(self, title: str, host: str, reason: str) -> None:
        self._add("waiting", title, host, reason)

    def finished(self, outcome: PhaseOutcome) -> None:
        self._add("finished", outcome.title)

    def _add(self, *event: str) -> None:
        with self._lock:
            self.events.append(event)


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def run_of(project: Any, intent_of: Callable[..., Intent]) -> Callable[..., Run]:
    """A run over hosts that exist in memory only; keywords are those of Options."""

    def make(*names: str, intent: Intent | None = None, chosen: Sequence[str] | None = None, **options: Any) -> Run:
        hosts = Hosts({name: Host(name=name) for name in names})
        inventory = Inventory(hosts=hosts, groups=Groups(), defaults=Defaults())
        nornir = Nornir(inventory=inventory, runner=ThreadedRunner(), data=GlobalState())
        return Run(
            intent=intent or intent_of(),
            settings=project(),
            options=Options(**options),
            nornir=nornir,
            chosen=frozenset(names if chosen is None else chosen),
        )

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own for files that a test makes."""
    (path := tmp_path / "folder").mkdir()
    return path
