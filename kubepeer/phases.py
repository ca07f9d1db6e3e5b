"""A runbook is a list of phases; this runs the list.

A host that fails is reported and left out of what follows; the others go on as far as it makes sense.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Protocol

from nornir.core.filter import F
from nornir.core.task import AggregatedResult, MultiResult, Result, Task
from nornir.plugins.runners import ThreadedRunner

from kubepeer.change import MADE, Change
from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError
from kubepeer.memory import Memory
from kubepeer.run import WAITING, Run

NOTHING_CHOSEN = "nothing chosen"
TaskFunction = Callable[..., Result]
Selector = Callable[[Run], Iterable[str]]


def chosen(run: Run) -> Iterable[str]:
    """Every host that the command line chose, in the inventory's order."""
    return [name for name in run.nornir.inventory.hosts if name in run.chosen]


def nodes(run: Run) -> Iterable[str]:
    """The nodes that may be changed."""
    return [node.name for node in run.intent.nodes if node.name in run.chosen]


def routers(run: Run) -> Iterable[str]:
    """The routers that may be changed."""
    return [router.name for router in run.intent.routers if router.name in run.chosen]


def control_planes(run: Run) -> Iterable[str]:
    """The control planes that may be changed."""
    return [node.name for node in run.intent.control_planes if node.name in run.chosen]


def first_control_plane(run: Run) -> Iterable[str]:
    """The control plane that the cluster is born on, if it may be changed."""
    return list(control_planes(run))[:1] if run.intent.control_planes[0].name in run.chosen else []


def other_control_planes(run: Run) -> Iterable[str]:
    """The control planes that join."""
    return [name for name in control_planes(run) if name != run.intent.control_planes[0].name]


def workers(run: Run) -> Iterable[str]:
    """The workers that may be changed."""
    return [node.name for node in run.intent.workers if node.name in run.chosen]


ONE_CONTROL_PLANE = Memory[str | None]("the control plane in whose name the cluster's objects are changed")


def one_control_plane(run: Run) -> Iterable[str]:
    """The one control plane in whose name the cluster's objects are read and changed; none when no control plane was chosen.

    It is named once: when a phase of the cluster fails, those that stand on it are skipped.
    """
    failed = run.nornir.data.failed_hosts
    name = run.once(ONE_CONTROL_PLANE, lambda: next((name for name in control_planes(run) if name not in failed), None))
    return [] if name is None else [name]


Turns = Callable[[Run, Sequence[str]], Sequence[Sequence[str]]]


def all_at_once(_run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Every host in one turn."""
    return [hosts]


def one_by_one(_run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """A turn for each host: the next one begins when the one before has ended."""
    return [[host] for host in hosts]


def one_of_each_redundancy_group(run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Routers that stand in for each other are never changed at the same time; routers of different groups are."""
    groups: dict[str, list[str]] = {}
    for name in hosts:
        groups.setdefault(run.intent.router(name).peering.redundancy_group, []).append(name)
    return [[name for name in turn if name is not None] for turn in zip_longest(*groups.values())]


@dataclass(frozen=True)
class Phase:
    """A title, a Nornir task, and the hosts that it is for.

    Attributes:
        task: called as task(task, run=run); gives kubepeer.run.done(...).
        turns: who works at the same time, and who waits for whom.
        needs: hosts that must not have failed before; else the phase is skipped and says so.

    """

    title: str
    task: TaskFunction
    on: Selector = chosen
    turns: Turns = all_at_once
    needs: Selector | None = None


@dataclass(frozen=True, init=False)
class Together:
    """Phases that run at the same time."""

    phases: tuple[Phase, ...]

    def __init__(self, *phases: Phase) -> None:
        object.__setattr__(self, "phases", phases)


@dataclass(frozen=True)
class HostOutcome:
    """What a phase did on one host."""

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    error: KubepeerError | BaseException | None = None
    failed: bool = False
    skipped: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was changed, or would be."""
        return bool(self.changes)


@dataclass(frozen=True)
class PhaseOutcome:
    """What a phase did."""

    title: str
    seconds: float
    hosts: dict[str, HostOutcome] = field(default_factory=dict)
    together: bool = False
    skipped_because: str = ""


class Watcher(Protocol):
    """Somebody who is told how the run goes: the progress display."""

    def started(self, title: str, hosts: Sequence[str]) -> None:
        """A phase begins on these hosts."""

    def host_finished(self, title: str, host: str) -> None:
        """One host has finished the phase."""

    def waiting(self, title: str, host: str, reason: str) -> None:
        """A host's task waits, and knows for what."""

    def finished(self, outcome: PhaseOutcome) -> None:
        """The phase is over."""


class _Ticker:
    """A Nornir processor that passes each finished host on to the watcher."""

    def __init__(self, title: str, watcher: Watcher) -> None:
        self.title, self.watcher = title, watcher

    def task_started(self, task: Task) -> None: ...
    def task_completed(self, task: Task, result: AggregatedResult) -> None: ...
    def task_instance_started(self, task: Task, host: object) -> None: ...

    def task_instance_completed(self, task: Task, host: object, result: MultiResult) -> None:  # noqa: ARG002
        self.watcher.host_finished(self.title, str(host))

    def subtask_instance_started(self, task: Task, host: object) -> None: ...
    def subtask_instance_completed(self, task: Task, host: object, result: MultiResult) -> None: ...


def run_phases(run: Run, phases: Sequence[Phase | Together], watcher: Watcher) -> list[PhaseOutcome]:
    """Run the list from top to bottom; the outcomes come in its order."""
    outcomes: list[PhaseOutcome] = []
    for step in phases:
        if isinstance(step, Phase):
            outcomes.append(_run_phase(run, step, watcher, together=False))
            continue
        together = sum(bool(list(phase.on(run))) for phase in step.phases) > 1
        with ThreadPoolExecutor(len(step.phases)) as pool:
            running = [pool.submit(_run_phase, run, phase, watcher, together=together) for phase in step.phases]
            outcomes.extend(future.result() for future in running)
    return outcomes


def _run_phase(run: Run, phase: Phase, watcher: Watcher, *, together: bool) -> PhaseOutcome:
    wanted = list(phase.on(run))
    failed_before = set(run.nornir.data.failed_hosts)
    hosts = [name for name in wanted if name not in failed_before]
    skipped = {name: HostOutcome(skipped=True) for name in wanted if name in failed_before}
    lost = [name for name in (phase.needs(run) if phase.needs else ()) if name in failed_before]
    if lost or not hosts:
        reason = f"{', '.join(lost)} failed before" if lost else "no host left" if wanted else NOTHING_CHOSEN
        outcome = PhaseOutcome(phase.title, 0.0, {name: HostOutcome(skipped=True) for name in wanted}, together, reason)
        watcher.finished(outcome)
        return outcome
    watcher.started(phase.title, hosts)
    began = time.monotonic()
    answers: dict[str, HostOutcome] = {}
    for turn in phase.turns(run, hosts):
        runner = ThreadedRunner(num_workers=min(run.options.workers, len(turn)))
        view = run.nornir.filter(F(name__in=turn)).with_processors([_Ticker(phase.title, watcher)]).with_runner(runner)
        results = view.run(task=partial(_told, phase, watcher), name=phase.title, run=run, raise_on_error=False)
        answers |= {name: _host_outcome(result) for name, result in results.items()}
        if not run.options.dry_run:
            run.changed.update(name for name in turn if answers[name].changes)
    outcome = PhaseOutcome(phase.title, time.monotonic() - began, answers | skipped, together)
    watcher.finished(outcome)
    return outcome


def _told(phase: Phase, watcher: Watcher, task: Task, run: Run) -> Result:
    """Run a task; what it waits for is told as it goes on and, when it fails, what it had changed by then with its error."""
    changes: list[Change] = []
    before = MADE.set(changes)
    told = WAITING.set(partial(watcher.waiting, phase.title, str(task.host)))
    try:
        return phase.task(task, run=run)
    except Exception as error:  # noqa: BLE001  as Nornir does it: a fault of a task is its host's result
        return Result(host=task.host, exception=error, failed=True, changes=tuple(changes))
    finally:
        MADE.reset(before)
        WAITING.reset(told)


def _host_outcome(result: MultiResult) -> HostOutcome:
    first = result[0]
    return HostOutcome(
        changes=getattr(first, "changes", ()),
        findings=getattr(first, "findings", ()),
        summary=str(first.result or ""),
        error=first.exception,
        failed=first.failed,
    )
