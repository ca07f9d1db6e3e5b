"""What backup.py tells: the backup that was made, and what lies there; JSON; metrics."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from kubepeer.whole_file import write_whole
from tasks.backup import document as documents
from tasks.backup import folder, names
from tasks.backup.names import Named
from tasks.backup.tasks import MADE, mib
from tasks.routes.metrics import Family, in_text


def show(console: Console, run: Run, _outcomes: Sequence[PhaseOutcome]) -> None:
    """The backup, in some lines; and metrics, where a file is named, also of a run that failed."""
    made, there = run.recall(MADE), backups(run)
    if made is not None:
        readers = run.options.further["recipient"]
        sealed = f"encrypted for {', '.join(readers)}" if readers else "in clear"
        snapshot = made.document.snapshot
        lines = [f"{made.path}  {mib(made.size)}, {sealed}"]
        lines.append(
            f"etcd at revision {snapshot.revision}: {snapshot.keys} keys, from {snapshot.member}, whole by etcdutl snapshot status"
        )
        if made.removed:
            lines.append(f"removed: {', '.join(made.removed)}")
        for line in lines:
            console.print(f" {line}", soft_wrap=True, highlight=False, markup=False)
    if there:
        age = documents.age(there[-1].taken, datetime.now(UTC))
        said = f" {len(there)} backup{'s' if len(there) > 1 else ''} of {run.intent.cluster.name} there; the newest is {age}"
        console.print(said, soft_wrap=True, highlight=False, markup=False)
    path = run.options.further["metrics"]
    if path and not run.options.dry_run:
        write_whole(path, metrics(run.intent.cluster.name, there, made.size if made else None, time.time()))


def backups(run: Run) -> list[Named]:
    """The cluster's backups that lie there, the oldest first."""
    place = folder.folder_of(run.settings, run.options.further["to"])
    return names.of_cluster(run.intent.cluster.name, folder.names_in(place))


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json."""
    made = run.recall(MADE)
    told: dict[str, Any] = {"backups": [{"name": one.name, "taken": one.taken.isoformat()} for one in backups(run)]}
    if made is not None:
        told["backup"] = {
            "path": str(made.path),
            "bytes": made.size,
            "taken": made.document.taken.isoformat(),
            "recipients": list(run.options.further["recipient"]),
            "snapshot": made.document.snapshot.model_dump(),
            "missing": list(made.document.missing),
            "removed": list(made.removed),
        }
    return told


def metrics(cluster: str, there: Sequence[Named], size: int | None, now: float) -> str:
    """How many backups there are and when the newest was taken, in the text format of Prometheus."""
    of = {"cluster": cluster}
    families: list[Family] = [
        ("kubepeer_backups", "Backups of the cluster that lie there.", [(of, float(len(there)))]),
        (
            "kubepeer_backup_taken_timestamp_seconds",
            "When the newest backup was taken, since the epoch.",
            [(of, there[-1].taken.timestamp())] if there else [],
        ),
        (
            "kubepeer_backup_bytes",
            "How large the backup is that this run has made.",
            [] if size is None else [(of, float(size))],
        ),
        ("kubepeer_backups_read_timestamp_seconds", "When this was written, since the epoch.", [(of, now)]),
    ]
    return in_text(families)
