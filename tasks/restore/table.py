"""What restore.py tells at its end: what was put back, and what was lost; JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.backup import document as documents
from tasks.backup import keys
from tasks.restore.arguments import opened
from tasks.restore.look import LOST, PLAN, RESTORED
from tasks.routes import table as routes


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """The routes, and what a restore means for the objects of the cluster."""
    if not run.options.dry_run:
        routes.show(console, run, outcomes)
    for line in lines(run):
        console.print(f" {line}", soft_wrap=True, highlight=False, markup=False)


def lines(run: Run) -> list[str]:
    """What is lost, a line each."""
    document, plan = opened(run).content.document, run.recall(PLAN)
    verb = "is set back" if run.recall(RESTORED) is True else "would be set back"
    taken = f"{document.taken:%Y-%m-%d %H:%M:%S} UTC ({documents.age(document.taken, datetime.now(UTC))})"
    found = [f"{document.cluster} {verb} to {taken}, etcd's revision {document.snapshot.revision}"]
    if plan is None:
        return found
    lost = run.recall(LOST)
    if plan.goes_on:
        return [*found, "what was lost with that, the run has told that began it"]
    if lost is None:
        return [
            *found,
            "what was made, changed or deleted after that is lost; no member of etcd could be asked what it was",
        ]
    return [*found, *keys.told(lost)]


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json."""
    document, lost = opened(run).content.document, run.recall(LOST)
    told: dict[str, Any] = {"taken": document.taken.isoformat(), "revision": document.snapshot.revision}
    told["restored"] = run.recall(RESTORED) is True
    told["lost"] = None
    if lost is not None:
        told["lost"] = {
            "revisions": lost.revisions,
            "created": list(lost.created),
            "changed": list(lost.changed),
            "deleted": list(lost.deleted),
        }
    return {"restore": told}
