"""Backups of routers on the controller: one file a change, with its time, and a bound on their number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kubepeer.errors import UsageError
from kubepeer.memory import Memory
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

    @property
    def text(self) -> str:
        """The configuration; a byte that is no text is seen as such."""
        return self.path.read_text(encoding="utf-8", errors="replace")


def new_backup(folder: Path, router: str) -> Path:
    """The path FOLDER/ROUTER/TIME.part of a backup that is being written, readable by its owner alone; `finish` makes it one."""
    home = folder / router
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / f"{datetime.now(UTC).strftime(FORM)}.part"
    path.touch(mode=0o600)
    return path


def finish(part: Path) -> Path:
    """Give a backup that is written to its end its name; beyond the bound the oldest are dropped, but for the very first of all."""
    path = part.rename(part.with_suffix(".conf"))
    for old in sorted(_backups(path.parent))[1 : 1 - KEPT]:
        old.path.unlink()
    return path


def backups(folder: Path, router: str) -> list[Backup]:
    """All backups of a router, the oldest first; one that was not written to its end is none."""
    return sorted(_backups(folder / router))


def _backups(home: Path) -> Iterator[Backup]:
    for path in home.glob("*.conf"):
        try:
            taken = datetime.strptime(path.stem, FORM).replace(tzinfo=UTC)
        except ValueError:
            continue  # somebody else's file
        yield Backup(home.name, taken, path)


WANTED = Memory[list[Backup]]("the backups that the command line means")


def backups_of_chosen(run: Run) -> list[Backup]:
    """All backups of the chosen routers.

    Raises:
        UsageError: no router was chosen.

    """
    chosen = list(routers(run))
    if not chosen:
        raise UsageError(f"no router was chosen. Routers: {', '.join(one.name for one in run.intent.routers)}.")
    return [backup for router in chosen for backup in backups(run.settings.state / "backups", router)]


def wanted_backups(run: Run) -> list[Backup]:
    """The backups that the command line means: of each chosen router the newest, or the one of the time that was named.

    They are looked up once a run: putting one back makes a new one.

    Raises:
        UsageError: a router has none, or the time fits several of it.

    """
    return run.once(WANTED, lambda: list(_wanted(run)))


def _wanted(run: Run) -> Iterator[Backup]:
    there, wanted = backups_of_chosen(run), run.options.backup
    for router in routers(run):
        own = [backup for backup in there if backup.router == router]
        fitting = own[-1:] if wanted is None else [backup for backup in own if backup.path.stem.startswith(wanted)]
        if len(fitting) != 1:
            what = f"{wanted} fits {len(fitting)} backups" if fitting else f"there is no backup {wanted or ''}".rstrip()
            raise UsageError(
                f"{router}: {what}. Nothing was contacted.",
                cure="python runbooks/rollback_routers.py list shows what there is; --host chooses one router",
            )
        yield fitting[0]


def routers_with_backup(run: Run) -> list[str]:
    """The routers whose backup the command line means."""
    return [backup.router for backup in wanted_backups(run)]
