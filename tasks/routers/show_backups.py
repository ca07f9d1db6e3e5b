"""Print the backups of the chosen routers: a list, or one in full with its secrets hidden."""

import re
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from kubepeer.phases import PhaseOutcome, routers
from kubepeer.run import Run
from tasks.routers.backups import backups, wanted_backups

# what FRR, BIRD, EOS, IOS, NX-OS, Junos and VyOS put a secret after; what stands behind it to the end of the line is hidden
SECRET = re.compile(r"(\b(?:password|secret|key|authentication-key|md5|snmp-server community)\b\s+).*", re.IGNORECASE)


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """For `list` and `show`; after `apply` there is nothing more to say."""
    if outcomes:
        return
    if run.options.command == "show":
        _print_one(console, run)
    else:
        _print_list(console, run)


def _print_list(console: Console, run: Run) -> None:
    table = Table("router", "backup", "lines", box=None, pad_edge=True, header_style="dim")
    for router in routers(run):
        for backup in backups(run.settings.state / "backups", router):
            table.add_row(router, backup.path.stem, str(len(backup.path.read_text(encoding="utf-8").splitlines())))
    console.print(table if table.row_count else " no backups: no router was changed from here yet")


def _print_one(console: Console, run: Run) -> None:
    for backup in wanted_backups(run):
        console.print(f"{backup.router}  {backup.path}", style="bold", soft_wrap=True)
        for line in backup.path.read_text(encoding="utf-8").splitlines():
            console.print(SECRET.sub(r"\1********", line), markup=False, highlight=False, soft_wrap=True)
