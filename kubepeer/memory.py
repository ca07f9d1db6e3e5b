"""What one phase of a run leaves for the next: typed, and named by those who leave it and those who need it. Pure."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from kubepeer.errors import UsageError

Kept = TypeVar("Kept")
Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, eq=False)
class Memory(Generic[Kept]):
    """A place in a run's memory for values of one type: one value, or one for each host (address, group ...) that it is kept of.

    Two places are never the same, whatever they are called: the type belongs to the place.

    Attributes:
        what: what is kept there, in words.

    """

    what: str


@dataclass(frozen=True, eq=False)
class KeptOfAll(Generic[Kept]):
    """All that is kept at a place, until something is kept there anew: another one then.

    What is worked out from it can be kept beside it (`run.once(PLACE, make, of=that)`), and is never that of an earlier time.

    Attributes:
        values: by what each is kept of.

    """

    values: Mapping[Hashable, Kept]


class Apart(Enum):
    """What a task does to a node that may be done by another process than the run's own (kubepeer.workers).

    Such a task looks, of all that it needs, at what is kept of its own host alone, and keeps what it gives of that alone.
    """

    LOOKS = "looks"
    CHANGES = "changes"  # unless it is a dry run


LOOKS, CHANGES = Apart.LOOKS, Apart.CHANGES


@dataclass(frozen=True)
class Handover:
    """What a task takes over from the phases before it, and what it leaves for those after it.

    Attributes:
        apart: of one that may leave the run's own process, what it does; None: it may not.

    """

    needs: tuple[Memory[Any], ...] = ()
    gives: tuple[Memory[Any], ...] = ()
    apart: Apart | None = None


NOTHING = Handover()


def hands_over(
    *, needs: Iterable[Memory[Any]] = (), gives: Iterable[Memory[Any]] = (), apart: Apart | None = None
) -> Callable[[Function], Function]:
    """Say of a task what it needs of an earlier phase, and what it gives to a later one.

    What a task itself makes and recalls, once a run or from host to host, it gives. `apart`: it may run on a worker.
    """

    def said(task: Function) -> Function:
        task.__dict__["handover"] = Handover(tuple(needs), tuple(gives), apart)
        return task

    return said


def handover_of(task: Callable[..., object]) -> Handover:
    """What was said of a task; nothing where nothing was."""
    found = getattr(task, "handover", NOTHING)
    return found if isinstance(found, Handover) else NOTHING


def out_of_order(steps: Iterable[Iterable[tuple[str, Callable[..., object]]]]) -> Iterator[str]:
    """What a phase needs and no phase before it gives: a line each.

    Args:
        steps: in their order, each with the titles and the tasks of its phases: those of one step run at the same time, and none of
            them can count on another.

    """
    given: set[Memory[Any]] = set()
    for step in steps:
        phases = [(title, handover_of(task)) for title, task in step]
        for title, handover in phases:
            for place in handover.needs:
                if place not in given:
                    yield f"the phase {title!r} needs {place.what}, and no phase before it gives that"
        given |= {place for _, handover in phases for place in handover.gives}


def refuse_wrong_order(steps: Iterable[Iterable[tuple[str, Callable[..., object]]]]) -> None:
    """Refuse a list of phases in which one needs what comes too late, or never.

    Raises:
        UsageError: with every such need.

    """
    if found := list(out_of_order(steps)):
        raise UsageError(f"{'; '.join(found)}. Nothing was contacted.", cure="put the phases into another order")
