"""Nornir's runner plugin dask: phases that say that they may run apart go to workers, all others stay in threads.

Loaded by every run, since Nornir loads all plugins that there are: Dask itself is imported when the first phase goes.
"""

import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Result, Task
from nornir.plugins.runners import ThreadedRunner

from kubepeer.errors import UsageError
from kubepeer.execution import Told
from kubepeer.memory import CHANGES, handover_of
from kubepeer.phases import Phase
from kubepeer.run import Run

if TYPE_CHECKING:
    from kubepeer.workers.calls import Affinity
    from kubepeer.workers.connected import Connected
    from kubepeer.workers.messages import Answer, Waits

LOG = logging.getLogger(__name__)
EXTRA = "pip install 'kubepeer[dask]'"


class DaskRunner:
    """Runs a task on workers, where it may, and in threads else.

    Args:
        num_workers: threads, where no run says how many.
        options: address, key and tls: kubepeer.settings has them.

    """

    def __init__(self, num_workers: int = 20, **options: Any) -> None:  # noqa: ARG002  of Nornir, which passes all of them
        self._num_workers = num_workers
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._connected: tuple[Connected, Affinity] | None = None
        self._opened_for: Run | None = None
        self._told: dict[str, Told] = {}

    def run(self, task: Task, hosts: list[Host]) -> AggregatedResult:
        """Run a task on hosts; their results are in the hosts' order."""
        told, run = task.task, task.params.get("run")
        if not isinstance(told, Told) or not isinstance(run, Run):
            return self._at_home(task, hosts, self._num_workers)
        nodes = {node.name for node in run.intent.nodes} if self._may_go(told.phase, run) else set()
        away = [host for host in hosts if host.name in nodes]
        here = [host for host in hosts if host.name not in nodes]
        with ThreadPoolExecutor(1) as beside:
            at_home = beside.submit(self._at_home, task, here, run.options.workers)
            results = self._away(task, told, run, away) if away else {}
            results |= at_home.result()
        found = AggregatedResult(str(task.name))
        found.update({host.name: results[host.name] for host in hosts})
        return found

    def close(self) -> None:
        """The run has ended: the workers need not keep anything for it."""
        with self._lock:
            connected, self._connected = self._connected, None
        if connected:
            seal, calls = connected[0].seal, next(self._numbers) - 1
            LOG.info("%d calls, %d bytes to the workers and %d back", calls, seal.closed, seal.opened)
            connected[0].close()

    def _may_go(self, phase: Phase, run: Run) -> bool:
        """Whether a phase may leave this process.

        A guard that judges each change, as that of an approved plan, is here; and a worker knows the run's selection from its beginning.
        """
        apart = handover_of(phase.task).apart
        if apart is None:
            return False
        if apart is CHANGES and any(getattr(guard, "judges_each_change", True) for guard in run.guards):
            return False
        first = self._opened_for
        return first is None or (first.chosen, first.filtered) == (run.chosen, run.filtered)

    def _at_home(self, task: Task, hosts: list[Host], workers: int) -> AggregatedResult:
        if not hosts:
            return AggregatedResult(str(task.name))
        return ThreadedRunner(min(workers, len(hosts))).run(task, hosts)

    def _away(self, task: Task, told: Told, run: Run, hosts: Sequence[Host]) -> dict[str, MultiResult]:
        connected, affinity = self._with_workers(run)
        from kubepeer.workers.calls import Calls  # noqa: PLC0415  Dask is an optional extra

        by_name, results = {host.name: host for host in hosts}, {}
        self._told[told.phase.title] = told

        def finished(name: str, answer: "Answer") -> None:
            results[name] = _result(task, by_name[name], answer)
            task.processors.task_instance_completed(task, by_name[name], results[name])

        Calls(connected, affinity, self._numbers, run, told.phase, finished).make(list(by_name))
        return results

    def _with_workers(self, run: Run) -> "tuple[Connected, Affinity]":
        with self._lock:
            if self._connected is None:
                try:
                    from kubepeer.workers.calls import Affinity  # noqa: PLC0415  an optional extra
                    from kubepeer.workers.connected import Connected  # noqa: PLC0415
                except ModuleNotFoundError as error:
                    raise UsageError(f"there is no {error.name}. Nothing was changed.", cure=EXTRA) from error
                connected = Connected(run)
                connected.listen(self._waits)
                self._connected, self._opened_for = (connected, Affinity(connected.workers)), run
            return self._connected

    def _waits(self, waits: "Waits") -> None:
        if told := self._told.get(waits.title):
            told.watcher.waiting(waits.title, waits.host, waits.reason)


def _result(task: Task, host: Host, answer: "Answer") -> MultiResult:
    """An answer as Nornir has results."""
    result = Result(
        host=host,
        changed=bool(answer.changes),
        failed=answer.failed,
        result=answer.summary,
        exception=answer.error,
        changes=answer.changes,
        findings=answer.findings,
        waited=answer.waited,
    )
    vars(result)["name"] = task.name
    of_host = MultiResult(str(task.name))
    of_host.append(result)
    return of_host
