"""How many nodes go at the same time: a number, a share, or a rack. Pure."""

import argparse
import re
from collections.abc import Sequence

from kubepeer.errors import UsageError
from kubepeer.intent import Node
from kubepeer.run import Run

RACK = "rack"
FORMS = "N|N%|rack"
FORM = re.compile(r"(\d+)(%?)")


def checked(text: str) -> str:
    """What --batch says.

    Raises:
        ArgumentTypeError: it is none of the three.

    """
    found = FORM.fullmatch(text)
    if text != RACK and (found is None or not 1 <= int(found[1]) <= (100 if found[2] else 1000)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number, no share (10%) and not {RACK}")
    return text


def split(nodes: Sequence[Node], batch: str, *, out: Sequence[str] = ()) -> list[list[str]]:
    """The batches, in the inventory's order; those that are out already come first, so that no more than one batch is out at a time.

    Args:
        nodes: whose turn is to come.
        batch: as checked() allows it.
        out: names of those that an earlier run has taken out, and not brought back.

    """
    ordered = sorted(nodes, key=lambda node: node.name not in out)
    if batch == RACK:
        racks: dict[str, list[str]] = {}
        for node in ordered:
            racks.setdefault(node.rack.name if node.rack else "", []).append(node.name)
        return list(racks.values())
    size = _size(batch, len(nodes))
    return [[node.name for node in ordered[start : start + size]] for start in range(0, len(ordered), size)]


def in_batches(run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Turns of a phase of nodes: all at once, or in the batches that the command line says."""
    batch = run.options.further.get("batch")
    if not batch or not hosts:
        return [hosts]
    wanted = set(hosts)
    return split([node for node in run.intent.nodes if node.name in wanted], batch)


def _size(batch: str, count: int) -> int:
    number = int(batch.rstrip("%"))
    return max(1, number * count // 100) if batch.endswith("%") else number


def refuse_without_racks(workers: Sequence[Node], batch: str | None) -> None:
    """Refuse batches by rack of workers that are in none.

    Raises:
        UsageError: not every one has a rack.

    """
    if batch == RACK and not all(node.rack for node in workers):
        raise UsageError("--batch rack: not every worker has a rack (data.rack). Nothing was contacted.")


def refuse_all_at_once(workers: Sequence[Node], chosen: Sequence[Node], batch: str) -> None:
    """A batch leaves a worker of the cluster to run what is evicted, where there are several.

    Raises:
        UsageError: it would not; or there are no racks.

    """
    refuse_without_racks(chosen, batch)
    largest = max((len(one) for one in split(chosen, batch)), default=0)
    if len(workers) > 1 and largest >= len(workers):
        raise UsageError(
            f"--batch {batch} would take all {len(workers)} workers out at once: nothing would run what they ran. Nothing was contacted.",
            cure=f"--batch {len(workers) - 1} at most",
        )
