"""Phases that are gone through once for each batch of nodes, and whole before the next batch: the runner of upgrade.py."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from kubepeer.execution import Watcher, run_phases
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.run import Run
from kubepeer.words import listed

Batches = Callable[[Run], Sequence[Sequence[str]]]


class Teller(Watcher, Protocol):
    """A watcher that says a line, too: whose turn it is."""

    def say(self, line: str, style: str = "") -> None:
        """A line that stays."""


NAMED = 6
GO_ON = "run upgrade.py again: it goes on where this run has ended"


@dataclass(frozen=True)
class InTurn(Phase):
    """A phase of a block that each batch goes through.

    Attributes:
        batches: the batches, asked when the block's turn has come; phases of one block have the same.

    """

    batches: Batches = lambda _: []


def in_turn(batches: Batches, *phases: Phase) -> tuple[InTurn, ...]:
    """Phases as one block, for each of these batches."""
    return tuple(
        InTurn(phase.title, phase.task, phase.on, phase.turns, phase.needs, batches=batches) for phase in phases
    )


def run_in_turns(run: Run, phases: Sequence[Phase | Together], watcher: Teller) -> list[PhaseOutcome]:
    """Run the list from top to bottom, and each block once for each of its batches.

    A batch runs on its own nodes as the chosen ones, with a memory of its own. Where anything of a batch has failed no other one begins:
    what is left keeps running as it is.
    """
    first = time.monotonic()
    outcomes: list[PhaseOutcome] = []
    untouched: list[str] = []
    begun = False
    for batches, block in _blocks(phases):
        for names in batches(run) if batches else [None]:
            if batches and _failed(outcomes):
                untouched += [name for name in names or () if name not in untouched]
                continue
            begun = begun or batches is not None
            part = run if names is None else run.apart(frozenset(names))
            if names:
                watcher.say(f" {', '.join(names)}", "bold")
            began = time.monotonic() - first
            found = run_phases(part, block, watcher)
            outcomes += [replace(one, began=one.began + began) for one in found]
    left = [name for name in untouched if name not in run.nornir.data.failed_hosts]
    if begun and left:
        run.warn(f"not upgraded, and running as before: {listed(left, NAMED)}. When the cause is gone, {GO_ON}")
    return outcomes


def _blocks(phases: Sequence[Phase | Together]) -> Iterator[tuple[Batches | None, list[Phase | Together]]]:
    """The list as it is gone through: stretches without batches, and blocks with theirs."""
    for batches, block in groupby(phases, lambda one: one.batches if isinstance(one, InTurn) else None):
        yield batches, list(block)


def _failed(outcomes: Sequence[PhaseOutcome]) -> bool:
    return any(host.failed for outcome in outcomes for host in outcome.hosts.values())
