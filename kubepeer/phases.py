"""A runbook is a list of phases: what a phase is, the hosts that it may be for, whose turn it is; and what the list is for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from nornir.core.task import Result

from kubepeer.memory import Memory
from kubepeer.run import Run

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
    first = [node.name for node in run.intent.control_planes[:1]]
    return [name for name in first if name in run.chosen]


def other_control_planes(run: Run) -> Iterable[str]:
    """The control planes that join."""
    first = [node.name for node in run.intent.control_planes[:1]]
    return [name for name in control_planes(run) if name not in first]


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


@dataclass(frozen=True, init=False)
class UntilItHolds(Together):
    """Phases that run at the same time and change nothing; with --wait each host is asked again until it is well or time is up.

    Where one has waited, all are asked once more at the end, those that were well, too: one of them may have turned bad meanwhile, and
    what is told and the exit code are of one last moment. What is bad then is waited for again, as long as there is time.
    """


class Purpose(Enum):
    """What a runbook is for: to change hosts, to verify what they do, or to look for differences from intent."""

    CHANGE = "change"
    VERIFY = "verify"
    DRIFT = "drift"
