"""Backups of a router's configuration: private, bounded, one folder a router."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kubepeer.errors import UsageError
from kubepeer.run import Run
from tasks.routers.backups import KEPT, Backup, backups, new_backup, routers_with_backup, wanted_backups
from tasks.routers.show_backups import show


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


@pytest.fixture
def run_with_backups(run_of: Any) -> Any:
    """A run, and two backups of openwrt and one of tiny-unraid, the newest last."""

    def make(**options: Any) -> tuple[Run, list[Backup]]:
        run: Run = run_of("openwrt", "tiny-unraid", **options)
        folder = run.settings.state / "backups"
        for router, text in (
            ("openwrt", "first"),
            ("openwrt", "second"),
            ("tiny-unraid", " password geheim\n  foreign"),
        ):
            new_backup(folder, router).write_text(text)
        new_backup(folder, "openwrt")  # a run that was killed before it had written it
        return run, [*backups(folder, "openwrt"), *backups(folder, "tiny-unraid")]

    return make


def printed(run: Run) -> str:
    console = Console(record=True, width=140, file=None, quiet=False)
    with console.capture() as captured:
        show(console, run, [])
    return captured.get()


def test_the_newest_backup_of_each_chosen_router_is_meant_when_none_is_named(run_with_backups: Any) -> None:
    run, (_, second, other) = run_with_backups()
    assert wanted_backups(run) == [second, other]
    assert second.path.read_text() == "second"


def test_a_named_backup_is_of_one_router_and_the_others_are_left_alone(run_with_backups: Any) -> None:
    run, (first, _, _) = run_with_backups()
    run, _ = run_with_backups(backup=first.path.stem)
    assert wanted_backups(run) == [first]
    assert routers_with_backup(run) == ["openwrt"]


@pytest.mark.parametrize(("name", "says"), [("1999", "no such backup"), ("2", "2 fits")])
def test_a_name_that_fits_none_or_several_is_refused(run_with_backups: Any, name: str, says: str) -> None:
    run, _ = run_with_backups(backup=name)
    with pytest.raises(UsageError, match=says):
        wanted_backups(run)


def test_a_list_names_each_backup_once(run_with_backups: Any) -> None:
    run, there = run_with_backups(command="list")
    lines = printed(run).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [[one.router, one.path.stem] for one in there]


def test_a_backup_is_shown_without_its_secrets(run_with_backups: Any) -> None:
    run, (_, _, other) = run_with_backups(command="show")
    text = printed(run)
    assert f"tiny-unraid  {other.path}" in text
    assert "second" in text
    assert " password ********\n  foreign" in text
    assert "geheim" not in text
