"""What backup.py does with what it was told: whose etcd is asked, what is written, what goes and what stays, also where something fails."""

import io
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.backup import archive, encryption, questions, table
from tasks.backup import tasks as backup
from tasks.backup.arguments import arguments, checked
from tasks.backup.keys import Moment
from tasks.backup.questions import Status
from tasks.backup.tasks import CONFIGURATIONS, MEMBER_WORKS, NODE_FILES, TAKEN, Taken
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.shell import Completed
from tests.unit.backup.contents import CA, MASTERS, SNAPSHOT, kept

ROUTERS = ("openwrt", "tiny-unraid")
PATH = "/var/lib/etcd/kubepeer-backup-1.db"
OLD = "k8s-calico-20250101T000000Z.tar.gz"


def task(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


class Shell:
    """A machine that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run(self, script: str, **_: Any) -> Completed:
        self.told.append(script)
        return Completed(0, b"", b"")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an older backup of the cluster's, and a file of somebody else's."""
    (found := tmp_path / "backups").mkdir(mode=0o700)
    for name in (OLD, "other.txt"):
        (found / name).write_text("x", encoding="utf-8")
    return found


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell()
    monkeypatch.setattr(backup, "open_shell", lambda *_: found)
    monkeypatch.setattr(backup, "api_if_there", lambda _: None)

    @contextmanager
    def reading(_: Any, path: str) -> Iterator[io.BytesIO]:
        assert path == PATH
        yield io.BytesIO(SNAPSHOT)

    monkeypatch.setattr(backup, "reading", reading)
    return found


Observed = Callable[..., Run]


@pytest.fixture
def observed(run_of: Callable[..., Run], place: Path) -> Observed:
    """A run whose control planes and routers have told all; keywords are further arguments."""

    def make(*, silent: str = "", sha256: str = "", **further: Any) -> Run:
        said = {"to": place, "recipient": [], "keep": 1, "metrics": None, **further}
        run = run_of(*MASTERS, *ROUTERS, further=said)
        for name in MASTERS:
            if name != silent:
                run.keep(NODE_FILES, {"/etc/kubernetes/pki/ca.crt": FileSeen("644", "root:root", CA)}, of=name)
        for name in ROUTERS:
            if name != silent:
                run.keep(CONFIGURATIONS, {"running": f"hostname {name}\n", "startup": ""}, of=name)
        status = Status(7, 100, 1, len(SNAPSHOT), sha256 or kept(SNAPSHOT).sha256)
        when = datetime(2026, 11, 27, 3, tzinfo=UTC)
        run.keep(TAKEN, Taken(when, PATH, status, Moment(100, {"namespaces/default": 3})))
        return run

    return make


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_a_backup_is_written_verified_and_then_the_older_one_goes(
    observed: Observed, shell: Shell, place: Path
) -> None:
    run = observed()
    backup.write(task(MASTERS[0]), run)
    cluster = run.intent.cluster.name
    assert names(place) == {f"{cluster}-20261127T030000Z.tar.gz", "other.txt"} | (
        {OLD} if cluster != "k8s-calico" else set()
    )
    path = place / f"{cluster}-20261127T030000Z.tar.gz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with encryption.opened(path) as source:
        document = archive.read(source).document
    assert document.by == f"{run.holder.user}@{run.holder.host}"
    assert set(document.inventory) == {"hosts.yaml", "groups.yaml", "defaults.yaml"}
    assert "holds the cluster's keys in clear" in run.warnings[0]
    assert shell.told == [f"rm -f -- {PATH} {PATH}.part"]


@pytest.mark.parametrize("silent", [MASTERS[1], ROUTERS[0]])
def test_what_a_host_that_was_silent_has_not_told_is_named_and_nothing_goes(
    observed: Observed, shell: Shell, place: Path, silent: str
) -> None:
    run = observed(silent=silent)
    backup.write(task(MASTERS[0]), run)
    assert shell.told
    assert OLD in names(place)
    assert f"the backup has nothing of {silent}; none of the older ones was removed" in run.warnings
    assert table.tell(run)["backup"]["missing"] == [silent]


def test_a_snapshot_that_is_not_what_was_told_makes_no_backup_and_removes_none(
    observed: Observed, shell: Shell, place: Path
) -> None:
    with pytest.raises(CommandError, match="did not arrive as it was sent"):
        backup.write(task(MASTERS[0]), observed(sha256="0" * 64))
    assert names(place) == {OLD, "other.txt"}
    assert shell.told == [f"rm -f -- {PATH} {PATH}.part"]


def test_what_cannot_be_read_again_is_no_backup(
    observed: Observed, shell: Shell, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(_: Any) -> Any:
        raise UsageError("it is damaged")

    monkeypatch.setattr(archive, "read", unread)
    with pytest.raises(CommandError, match=r"what was written cannot be read again: it is damaged. No backup was made"):
        backup.write(task(MASTERS[0]), observed())
    assert names(place) == {OLD, "other.txt"}
    assert shell.told


def test_where_a_file_could_not_be_read_again_none_is_made_and_none_removed(
    observed: Observed, shell: Shell, place: Path
) -> None:
    run = observed()
    found = {"/etc/kubernetes/pki/ca.crt": FileSeen("644", "root:root", CA)}
    run.keep(NODE_FILES, found | {"/etc/kubernetes/a\nb": FileSeen("600", "root:root", "x")}, of=MASTERS[1])
    with pytest.raises(CommandError, match=r"kubernetes/a\\nb' cannot be a part of a backup. No backup was made"):
        backup.write(task(MASTERS[0]), run)
    assert names(place) == {OLD, "other.txt"}
    assert shell.told


def test_control_planes_of_two_clusters_make_no_backup(observed: Observed, shell: Shell) -> None:
    from tests.unit.certificates.authority import pem  # noqa: PLC0415

    run = observed()
    other = pem("another", 300, issuer="another", authority=True)
    run.keep(NODE_FILES, {"/etc/kubernetes/pki/ca.crt": FileSeen("644", "root:root", other)}, of=MASTERS[2])
    with pytest.raises(CommandError, match="the control planes do not have the same CA"):
        backup.write(task(MASTERS[0]), run)
    assert shell.told


@pytest.mark.parametrize(
    ("works", "failed", "asked"),
    [
        ({}, (), [MASTERS[0]]),
        ({1: True, 2: True}, (), [MASTERS[1]]),
        ({0: True, 2: True}, (0,), [MASTERS[2]]),
        ({}, (0, 1, 2), []),
    ],
)
def test_a_member_that_works_is_asked_for_the_snapshot(
    run_of: Callable[..., Run], works: dict[int, bool], failed: tuple[int, ...], asked: list[str]
) -> None:
    run = run_of(*MASTERS)
    for number, one in works.items():
        run.keep(MEMBER_WORKS, one, of=MASTERS[number])
    run.nornir.data.failed_hosts |= {MASTERS[number] for number in failed}
    assert backup.one_member(run) == asked


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ValueError("no route"), "its configuration cannot be read: no route"),
        ({"running": " "}, "its driver gives no configuration"),
    ],
)
def test_a_router_that_tells_nothing_has_failed(
    run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, answer: Any, says: str
) -> None:
    def get_config(**_: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(backup, "connection", lambda *_: SimpleNamespace(get_config=get_config))
    with pytest.raises(CommandError, match=says):
        backup.read_router(task(ROUTERS[0]), run_of(*ROUTERS))


def test_metrics_are_of_what_lies_there_also_where_a_run_has_failed(
    observed: Observed, place: Path, tmp_path: Path
) -> None:
    run = observed(metrics=tmp_path / "metrics")
    (place / f"{run.intent.cluster.name}-20260101T000000Z.tar.gz.age").touch()
    table.show(Console(file=io.StringIO()), run, [])
    text = (tmp_path / "metrics").read_text(encoding="utf-8")
    assert f'kubepeer_backup_taken_timestamp_seconds{{cluster="{run.intent.cluster.name}"}} 1767225600' in text
    assert "kubepeer_backup_bytes" not in text


def test_a_look_writes_no_metrics(observed: Observed, tmp_path: Path) -> None:
    run = observed(metrics=tmp_path / "metrics").again(dry_run=True)
    table.show(Console(file=io.StringIO()), run, [])
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize(("dry_run", "swept"), [(False, [questions.SWEEP]), (True, [])])
def test_what_a_killed_run_has_left_on_a_control_plane_goes_whichever_is_asked(
    observed: Observed,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dry_run: Any,
    swept: list[str],
) -> None:
    answers = dict.fromkeys(("files", *backup.etcd.QUESTIONS), Answer(0, ""))
    file = FileSeen("644", "root:root", CA)
    monkeypatch.setattr(backup, "ask", lambda *_, **__: Seen(answers, {"/etc/kubernetes/pki/ca.crt": file}))
    backup.observe(task(MASTERS[2]), observed().again(dry_run=dry_run))
    assert shell.told == swept
    old, new, member = (tmp_path / name for name in ("kubepeer-backup-1.db", "kubepeer-backup-2.db.part", "member"))
    for path in (old, new, member):
        path.touch()
    for path in (old, member):
        os.utime(path, (0, 0))
    script = questions.SWEEP.replace("/var/lib/etcd", str(tmp_path))
    subprocess.run(["/bin/sh", "-c", script], check=True)
    assert [path.exists() for path in (old, new, member)] == [False, True, True]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", MASTERS[0]], "a backup is of the whole cluster"),
        (["--recipient", "age1x", "--recipient", "me@example.org"], "some are for age, some for gpg"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    words: list[str], says: str, intent_of: Callable[..., Intent]
) -> None:
    with pytest.raises(UsageError, match=says):
        checked(parse("backup", "", words, further=arguments), intent_of())
