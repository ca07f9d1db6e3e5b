"""Run a list of phases.

A host that fails is reported and left out of what follows; the others go on as far as it makes sense.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Result, Task
from nornir.plugins.runners import ThreadedRunner

from kubepeer.change import GUARD, MADE, Change
from kubepeer.outcome import NOTHING_CHOSEN, HostOutcome, PhaseOutcome
from kubepeer.phases import Phase, Together, UntilItHolds
from kubepeer.run import WAITING, Run


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
    first = time.monotonic()
    for step in phases:
        if isinstance(step, Phase):
            outcomes.append(_run_phase(run, step, watcher, first, together=False))
        elif isinstance(step, UntilItHolds):
            outcomes.extend(_run_until_it_holds(run, step.phases, watcher, first))
        else:
            outcomes.extend(_run_together(run, step.phases, watcher, first))
    return outcomes


def _run_together(run: Run, phases: Sequence[Phase], watcher: Watcher, first: float) -> list[PhaseOutcome]:
    together = sum(bool(list(phase.on(run))) for phase in phases) > 1
    with ThreadPoolExecutor(len(phases)) as pool:
        running = [pool.submit(_run_phase, run, phase, watcher, first, together=together) for phase in phases]
        return [future.result() for future in running]


def _run_until_it_holds(run: Run, phases: Sequence[Phase], watcher: Watcher, first: float) -> list[PhaseOutcome]:
    ends = time.monotonic() + run.options.wait_seconds
    failed_before = set(run.nornir.data.failed_hosts)
    outcomes = _run_together(run, phases, watcher, first)
    waited = any(outcome.waited for _, _, outcome in _hosts(outcomes))
    # a host that failed and did not wait, though it might have, is helped by no waiting
    hopeless = {(title, host) for title, host, outcome in _hosts(outcomes) if outcome.failed and not outcome.waited}
    while waited and run.options.wait_seconds:
        run.nornir.data.failed_hosts = set(failed_before)
        again = [replace(phase, title=f"{phase.title} again") for phase in phases]
        last = _run_together(run.for_seconds(0), again, watcher, first)
        outcomes = [_up_to(before, now) for before, now in zip(outcomes, last, strict=True)]
        wrong = {(title, host) for title, host, outcome in _hosts(outcomes) if outcome.failed} - hopeless
        left = ends - time.monotonic()
        if left <= 0 or not wrong:
            break
        run.nornir.data.failed_hosts = set(failed_before)
        only = [replace(phase, on=partial(_among, phase, wrong)) for phase in phases]
        hopeless |= {
            (title, host)
            for title, host, outcome in _hosts(_run_together(run.for_seconds(left), only, watcher, first))
            if outcome.failed and not outcome.waited
        }
    return outcomes


def _up_to(before: PhaseOutcome, now: PhaseOutcome) -> PhaseOutcome:
    """The outcome of the last time, for all the time that it took to come to it."""
    seconds = before.seconds if now.skipped_because else now.began + now.seconds - before.began
    return replace(now, title=before.title, began=before.began, seconds=seconds)


def _hosts(outcomes: Sequence[PhaseOutcome]) -> Iterator[tuple[str, str, HostOutcome]]:
    for outcome in outcomes:
        yield from ((outcome.title, name, host) for name, host in outcome.hosts.items())


def _among(phase: Phase, wanted: set[tuple[str, str]], run: Run) -> list[str]:
    return [name for name in phase.on(run) if (phase.title, name) in wanted]


def _run_phase(run: Run, phase: Phase, watcher: Watcher, first: float, *, together: bool) -> PhaseOutcome:
    wanted = list(phase.on(run))
    failed_before = set(run.nornir.data.failed_hosts)
    hosts = [name for name in wanted if name not in failed_before]
    skipped = {name: HostOutcome(skipped=True) for name in wanted if name in failed_before}
    lost = [name for name in (phase.needs(run) if phase.needs else ()) if name in failed_before]
    stopped = _too_many_failed(run)
    if stopped or lost or not hosts:
        left = f"{', '.join(lost)} failed before" if lost else "no host left"
        reason = (stopped or left) if wanted or lost else NOTHING_CHOSEN
        left_out = {name: HostOutcome(skipped=True) for name in wanted}
        outcome = PhaseOutcome(phase.title, 0.0, left_out, together, reason, time.monotonic() - first)
        watcher.finished(outcome)
        return outcome
    watcher.started(phase.title, hosts)
    began = time.monotonic()
    answers: dict[str, HostOutcome] = {}
    for turn in phase.turns(run, hosts):
        if answers and _too_many_failed(run):
            skipped |= {name: HostOutcome(skipped=True) for name in hosts if name not in answers}
            break
        # config.yaml's own, where it names another: kubepeer.workers.runner
        runner = (
            ThreadedRunner(min(run.options.workers, len(turn))) if run.settings.workers is None else run.nornir.runner
        )
        of_turn = run.nornir.filter(filter_func=partial(_is_among, frozenset(turn)))
        view = of_turn.with_processors([_Ticker(phase.title, watcher)]).with_runner(runner)
        results = view.run(task=Told(phase, watcher), name=phase.title, run=run, raise_on_error=False)
        answers |= {name: outcome_of(result) for name, result in results.items()}
        if not run.options.dry_run:
            run.changed.update(name for name in turn if answers[name].changes)
    seconds = time.monotonic() - began
    outcome = PhaseOutcome(phase.title, seconds, answers | skipped, together, began=began - first)
    watcher.finished(outcome)
    return outcome


def _too_many_failed(run: Run) -> str:
    """Why no host is touched any more; "" where none or few have failed, or the others go on whatever happens."""
    failed, allowed = len(run.nornir.data.failed_hosts), run.options.max_failures
    if allowed is None or failed <= allowed:
        return ""
    return f"stopped, {failed} {'host has' if failed == 1 else 'hosts have'} failed (--max-failures {allowed})"


def _is_among(names: frozenset[str], host: Host) -> bool:
    return host.name in names


@dataclass(frozen=True)
class Told:
    """A phase's task as Nornir is given it: what it waits for is told, and with its error what it had changed by then."""

    phase: Phase
    watcher: Watcher

    def __call__(self, task: Task, run: Run) -> Result:
        """Run the phase's task on a host."""
        title, host = self.phase.title, str(task.host)
        changes: list[Change] = []
        before = MADE.set(changes)
        guarded = GUARD.set(partial(run.guard, title, host))
        reasons: list[str] = []

        def tell(reason: str) -> None:
            reasons[:] = [reason]
            self.watcher.waiting(title, host, reason)

        told = WAITING.set(tell)
        try:
            result = self.phase.task(task, run=run)
        except Exception as error:  # noqa: BLE001  as Nornir does it: a fault of a task is its host's result
            findings = getattr(error, "findings", ())
            result = Result(host=task.host, exception=error, failed=True, changes=tuple(changes), findings=findings)
        finally:
            MADE.reset(before)
            GUARD.reset(guarded)
            WAITING.reset(told)
        vars(result)["waited"] = bool(reasons)
        return result


def outcome_of(result: MultiResult) -> HostOutcome:
    """What a phase did on a host, from what Nornir gives."""
    first = result[0]
    return HostOutcome(
        changes=getattr(first, "changes", ()),
        findings=getattr(first, "findings", ()),
        summary=str(first.result or ""),
        error=first.exception,
        failed=first.failed,
        waited=getattr(first, "waited", False),
    )
