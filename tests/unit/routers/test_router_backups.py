"""Backups of a router's configuration: private, bounded, one folder a router."""

import re
import stat
from pathlib import Path

from tasks.routers.backups import KEPT, new_backup


def test_a_backup_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = new_backup(tmp_path / "backups", "openwrt")
    assert path.parent == tmp_path / "backups" / "openwrt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z\.conf", path.name)


def test_the_oldest_backups_are_dropped_beyond_the_bound_and_other_routers_keep_theirs(tmp_path: Path) -> None:
    other = new_backup(tmp_path, "tiny-unraid")
    made = [new_backup(tmp_path, "openwrt") for _ in range(KEPT + 3)]
    assert sorted((tmp_path / "openwrt").iterdir()) == made[-KEPT:]
    assert other.exists()


def test_what_is_no_backup_stays_in_the_folder(tmp_path: Path) -> None:
    note = new_backup(tmp_path, "openwrt").parent / "why.txt"
    note.write_text("the change of spring")
    for _ in range(KEPT + 1):
        new_backup(tmp_path, "openwrt")
    assert note.read_text() == "the change of spring"
