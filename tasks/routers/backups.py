"""Backups of routers on the controller: one file a change, with its time, and a bound on their number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kubepeer.errors import UsageError
from kubepeer.phases import routers
from kubepeer.run import Run

KEPT = 30
FORM = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, order=True)
class Backup:
    """What a router ran with before a change.

    Attributes:
        router: its name in the inventory.
        taken: when, in UTC.
        path: the file; readable by its owner alone.

    """

    router: str
    taken: datetime
    path: Path

    @property
    def name(self) -> str:
        """As a person names it: ROUTER/TIME."""
        return f"{self.router}/{self.path.stem}"


def new_backup(folder: Path, router: str) -> Path:
    """An empty FOLDER/ROUTER/TIME.conf, readable by its owner alone; the oldest beyond the bound are dropped."""
    home = folder / router
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / f"{datetime.now(UTC).strftime(FORM)}.conf"
    path.touch(mode=0o600)
    for old in sorted(home.glob("*.conf"))[:-KEPT]:
        old.unlink()
    return path


def backups(folder: Path, router: str) -> list[Backup]:
    """All backups of a router, the oldest first; what was never finished is left out."""
    return sorted(_backups(folder / router, router))


def _backups(home: Path, router: str) -> Iterator[Backup]:
    for path in home.glob("*.conf"):
        try:
            taken = datetime.strptime(path.stem, FORM).replace(tzinfo=UTC)
        except ValueError:
            continue  # somebody else's file
        if path.stat().st_size:
            yield Backup(router, taken, path)


def wanted_backups(run: Run) -> list[Backup]:
    """The backups that the command line means: of each chosen router the newest, or the one of the time that was named.

    Raises:
        UsageError: there is none, or the time fits several of one router.

    """
    found: list[Backup] = []
    for router in routers(run):
        there = backups(run.settings.state / "backups", router)
        fitting = (
            there[-1:]
            if run.options.backup is None
            else [b for b in there if b.path.stem.startswith(run.options.backup)]
        )
        if len(fitting) > 1:
            raise UsageError(f"{run.options.backup} fits {len(fitting)} backups of {router}. Nothing was contacted.")
        found += fitting
    if not found:
        raise UsageError(
            "no such backup. Nothing was contacted.",
            cure="python runbooks/rollback_routers.py list shows what there is",
        )
    return found


def routers_with_backup(run: Run) -> list[str]:
    """The routers whose backup the command line means."""
    return [backup.router for backup in wanted_backups(run)]
