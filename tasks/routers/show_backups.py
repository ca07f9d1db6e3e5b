"""Print the backups of the chosen routers: a list, or one in full with its secrets hidden."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.routers.backups import Backup, backups_of_chosen, wanted_backups
from tasks.routers.secrets import hide


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """For `list` and `show`; after `apply` there is nothing more to say."""
    if outcomes:
        return
    if run.options.command == "show":
        _print_one(console, run)
    else:
        _print_list(console, run)


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json: where each backup lies, never what stands in it."""
    if run.options.command == "apply":
        return {}
    found = wanted_backups(run) if run.options.command == "show" else backups_of_chosen(run)
    return {
        "backups": [
            {"router": one.router, "time": one.path.stem, "path": str(one.path), "lines": _lines(one)} for one in found
        ]
    }


def _lines(backup: Backup) -> int:
    return len(backup.text.splitlines())


def _print_list(console: Console, run: Run) -> None:
    table = Table("router", "backup", "lines", box=None, pad_edge=True, header_style="dim")
    for backup in backups_of_chosen(run):
        table.add_row(backup.router, backup.path.stem, str(_lines(backup)))
    console.print(table if table.row_count else " no backups: none of these routers was changed from here yet")


def _print_one(console: Console, run: Run) -> None:
    for backup in wanted_backups(run):
        console.print(f"{backup.router}  {backup.path}", style="bold", soft_wrap=True)
        for line in hide(backup.text).splitlines():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
