"""Backups of a router's configuration: private, bounded, one folder a router."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kubepeer.errors import UsageError
from kubepeer.run import Run
from tasks.routers.backups import KEPT, Backup, backups, finish, new_backup, routers_with_backup, wanted_backups
from tasks.routers.secrets import hide
from tasks.routers.show_backups import show, tell


def made(folder: Path, router: str, text: str = "as it was") -> Path:
    part = new_backup(folder, router)
    part.write_text(text)
    return finish(part)


def test_a_backup_is_readable_by_its_owner_alone_from_its_first_byte_on(tmp_path: Path) -> None:
    part = new_backup(tmp_path / "backups", "openwrt")
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    path = finish(part)
    assert path.parent == tmp_path / "backups" / "openwrt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z\.conf", path.name)


def test_the_oldest_backups_but_the_first_are_dropped_beyond_the_bound_and_other_routers_keep_theirs(
    tmp_path: Path,
) -> None:
    other = made(tmp_path, "tiny-unraid")
    paths = [made(tmp_path, "openwrt") for _ in range(KEPT + 3)]
    assert sorted((tmp_path / "openwrt").iterdir()) == [paths[0], *paths[1 - KEPT :]]
    assert other.exists()


def test_what_is_no_backup_stays_in_the_folder(tmp_path: Path) -> None:
    home = made(tmp_path, "openwrt").parent
    kept = [home / "why.txt", home / "0-before-migration.conf"]
    for note in kept:
        note.write_text("the change of spring")
    for _ in range(KEPT + 1):
        made(tmp_path, "openwrt")
    assert [note.read_text() for note in kept] == ["the change of spring"] * 2
    assert len(backups(tmp_path, "openwrt")) == KEPT


def test_a_router_that_had_nothing_of_ours_has_an_empty_backup_and_one_that_was_not_written_to_its_end_is_none(
    tmp_path: Path,
) -> None:
    empty = made(tmp_path, "tiny-unraid", "")
    new_backup(tmp_path, "tiny-unraid").write_text("the first half of")
    assert [backup.path for backup in backups(tmp_path, "tiny-unraid")] == [empty]


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
            made(folder, router, text)
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


def test_what_is_put_back_is_looked_up_once_since_putting_it_back_makes_a_new_one(run_with_backups: Any) -> None:
    run, (_, second, other) = run_with_backups()
    assert routers_with_backup(run) == ["openwrt", "tiny-unraid"]
    made(run.settings.state / "backups", "openwrt")
    assert wanted_backups(run) == [second, other]


def test_a_named_backup_is_meant_of_the_router_that_was_chosen(run_with_backups: Any) -> None:
    _, (first, *_) = run_with_backups()
    run, _ = run_with_backups(backup=first.path.stem, chosen=["openwrt"])
    assert wanted_backups(run) == [first]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"backup": "1999"}, "openwrt: there is no backup 1999", id="no_such_time"),
        pytest.param({"backup": "2"}, "openwrt: 2 fits 2 backups", id="a_time_that_fits_several"),
        pytest.param({"chosen": []}, "no router was chosen. Routers: openwrt, tiny-unraid", id="a_node_alone"),
    ],
)
def test_what_fits_none_or_several_is_refused(run_with_backups: Any, options: dict[str, Any], says: str) -> None:
    run, _ = run_with_backups(**options)
    with pytest.raises(UsageError, match=re.escape(says)):
        wanted_backups(run)


def test_a_time_that_one_of_the_chosen_routers_has_not_puts_none_back(run_with_backups: Any) -> None:
    _, (first, *_) = run_with_backups()
    run, _ = run_with_backups(backup=first.path.stem)
    with pytest.raises(UsageError, match=r"^tiny-unraid: there is no backup .* --host chooses one router$"):
        routers_with_backup(run)


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


def test_json_tells_where_the_backups_lie_and_not_what_stands_in_them(run_with_backups: Any) -> None:
    run, (first, second, other) = run_with_backups(command="list")
    told = tell(run)
    assert [one["path"] for one in told["backups"]] == [str(one.path) for one in (first, second, other)]
    assert told["backups"][2] == {"router": "tiny-unraid", "time": other.path.stem, "path": str(other.path), "lines": 2}
    assert "geheim" not in str(told)


def test_a_byte_that_is_no_text_does_not_hide_the_other_backups(run_with_backups: Any) -> None:
    run, (first, *_) = run_with_backups(command="list")
    first.path.write_bytes(b"neighbor 192.0.2.1 description M\xfcnchen\n")
    assert len(printed(run).splitlines()) == 4


SECRETS = (
    "neighbor KUBEPEER password {}", " key-string {}", "ip rip authentication string {}", "ip nhrp authentication {}",
    "snmp-server user a g v3 auth sha {}", "snmp-server host 192.0.2.1 version 2c {}", "snmp-server community {} RO",
    "+   neighbor KUBEPEER password 7 {}", '-   authentication-key "$9${}"; ## SECRET-DATA', '\tpassword "{}";',
    "enable secret 5 {}", "set protocols bgp peer-group KUBEPEER password '{}'", "ip ospf message-digest-key 1 md5 {}",
)  # fmt: skip


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_hidden_in_every_routers_tongue(line: str) -> None:
    assert "s3cr3t" in line.format("s3cr3t")
    assert "s3cr3t" not in hide(line.format("s3cr3t"))


@pytest.mark.parametrize(
    "line",
    [
        "set community 64517:120 additive",
        "neighbor A description the key account",
        " match community KEYS",
        "key chain OSPF",
        " key 1",
    ],
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert hide(line) == line
