"""Backups of routers on the controller: one file a change, with its time, and a bound on their number."""

from datetime import UTC, datetime
from pathlib import Path

KEPT = 30


def keep(folder: Path, router: str, configuration: str) -> Path:
    """Write a router's configuration to FOLDER/ROUTER/TIME.conf, readable by its owner alone, and drop the oldest beyond the bound."""
    home = folder / router
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z.conf"
    path.touch(mode=0o600)
    path.write_text(configuration, encoding="utf-8")
    for old in sorted(home.glob("*.conf"))[:-KEPT]:
        old.unlink()
    return path
