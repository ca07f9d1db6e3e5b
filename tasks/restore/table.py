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
from tasks.restore.look import ANEW, LOST, PLAN, REPLACED, RESTORED, all_control_planes
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
    taken = f"{document.taken:%Y-%m-%d %H:%M:%S} UTC ({documents.age(document.taken, datetime.now(UTC))})"
    found = [f"{document.cluster} {_becomes(run)} to {taken}, etcd's revision {document.snapshot.revision}"]
    replaced, every = _replaced(run), list(all_control_planes(run))
    if replaced and run.recall(RESTORED) is not True and not run.options.dry_run:
        found.append(
            f"etcd's data is already the backup's on {len(replaced)} of {len(every)} control planes, and the API has not answered with it "
            "in this run: run again"
        )
    if plan is None:
        return found
    if plan.is_put_back:
        return [*found, f"what was changed after that restore stays: this run has set nothing back. {ANEW}"]
    lost = run.recall(LOST)
    if plan.goes_on:
        return [*found, "what was lost with that, the run has told that began it"]
    if lost is None:
        return [
            *found,
            "what was made, changed or deleted after that is lost; no member of etcd could be asked what it was",
        ]
    return [*found, *keys.told(lost)]


def _becomes(run: Run) -> str:
    plan = run.recall(PLAN)
    if plan is not None and plan.is_put_back:
        return "was set back by an earlier run"
    if run.recall(RESTORED) is True:
        return "is set back"
    return "is being set back" if _replaced(run) else "would be set back"


def _replaced(run: Run) -> list[str]:
    """The control planes on which etcd has the data of the backup."""
    plan = run.recall(PLAN)
    names = all_control_planes(run)
    return [name for name in names if run.recall(REPLACED, of=name) or (plan is not None and plan.every[name].data)]


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json."""
    document, lost = opened(run).content.document, run.recall(LOST)
    told: dict[str, Any] = {"taken": document.taken.isoformat(), "revision": document.snapshot.revision}
    plan = run.recall(PLAN)
    told["restored"] = run.recall(RESTORED) is True
    told["by_an_earlier_run"] = plan is not None and plan.is_put_back
    told["data_replaced_on"] = _replaced(run)
    told["lost"] = None
    if lost is not None:
        told["lost"] = {
            "revisions": lost.revisions,
            "created": list(lost.created),
            "changed": list(lost.changed),
            "deleted": list(lost.deleted),
        }
    return {"restore": told}
