"""Backups of routers on the controller: one file a change, with its time, and a bound on their number."""

from datetime import UTC, datetime
from pathlib import Path

KEPT = 30


def new_backup(folder: Path, router: str) -> Path:
    """An empty FOLDER/ROUTER/TIME.conf, readable by its owner alone; the oldest beyond the bound are dropped."""
    home = folder / router
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z.conf"
    path.touch(mode=0o600)
    for old in sorted(home.glob("*.conf"))[:-KEPT]:
        old.unlink()
    return path
