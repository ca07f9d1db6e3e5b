"""What restore.py asks of a person, what it refuses before anything is changed, and what it tells of what is lost."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, RefusedError, UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.backup.keys import Lost, Moment
from tasks.cluster import waits
from tasks.control_plane.membership import MEMBER, MemberSeen
from tasks.linux.observe import FileSeen, Seen
from tasks.restore import look, steps, table
from tasks.restore.arguments import arguments, checked, meet, opened
from tasks.restore.look import LOST, PLAN, PROGRESS, RESTORED, Plan
from tasks.restore.progress import Progress
from tests.unit.backup.contents import CA, MASTERS, document, packed, parts
from tests.unit.certificates.authority import pem

OTHER_CA = pem("another", 300, issuer="another", authority=True)
WORKER = "k8s-calico-worker-10-31-90-4"


def task(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


Started = Callable[..., Run]


@pytest.fixture
def started(run_of: Callable[..., Run], intent_of: Callable[..., Intent], tmp_path: Path) -> Started:
    """A run that restores a backup of its own cluster; keywords are fields of the backup's document."""

    def make(*, over_living: bool = False, dry_run: bool = False, **fields: Any) -> Run:
        files = parts()
        path = tmp_path / "backup.tar.gz"
        intent = intent_of()
        said = {"cluster": intent.cluster.name, "kubernetes": intent.software.kubernetes, **fields}
        path.write_bytes(packed(files, document(files, **said)))
        further = {"file": path, "identity": [], "over_living": over_living, "cluster": None}
        return run_of(*MASTERS, WORKER, further=further, dry_run=dry_run)

    return make


def member(*, ready: bool = False, ca: str = "") -> MemberSeen:
    return MemberSeen((), ready, "", ca, ())


def preflight(run: Run, monkeypatch: pytest.MonkeyPatch, *, lost: Lost | None = None, **seen: Any) -> Any:
    monkeypatch.setattr(look, "refuse_early", lambda *_: None)
    monkeypatch.setattr(look, "refuse_beside_another", lambda *_: None)
    monkeypatch.setattr(look, "_lost", lambda *_: lost)
    monkeypatch.setattr(look, "_newest", lambda *_: None)
    for name in MASTERS:
        run.keep(MEMBER, member(**seen), of=name)
        run.keep(PROGRESS, run.recall(PROGRESS, of=name) or Progress(), of=name)
    return look.preflight(task(MASTERS[0]), run)


@pytest.mark.parametrize(
    ("fields", "seen", "says"),
    [
        ({}, {"ready": True}, "its apiserver is ready: the cluster lives"),
        ({}, {"ca": OTHER_CA}, "it has another CA than the backup"),
        ({"cluster": "elsewhere"}, {}, "and was elsewhere. Nothing was changed on any host"),
        ({"kubernetes": "1.20.1"}, {}, "the backup is of 1.20.1: another minor version"),
    ],
)
def test_what_cannot_end_well_is_refused(
    started: Started, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], seen: dict[str, Any], says: str
) -> None:
    with pytest.raises(RefusedError, match=says):
        preflight(started(**fields), monkeypatch, **seen)


def test_a_living_cluster_is_set_back_when_that_is_said_and_told_what_it_loses(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(over_living=True)
    lost = Lost(created=("namespaces/a", "configmaps/a/b"), changed=("deployments/c/d",), revisions=9)
    result = preflight(run, monkeypatch, lost=lost, ready=True, ca=CA)
    assert result.result == "since the backup 2 made, 0 deleted, 1 changed"
    assert table.lines(run)[1:] == [
        "2 made since then, and lost: namespaces/a, configmaps/a/b",
        "1 changed since then, and set back: deployments/c/d",
    ]
    assert table.tell(run)["restore"]["lost"]["created"] == ["namespaces/a", "configmaps/a/b"]


def test_where_no_member_can_be_asked_that_is_said(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started()
    assert preflight(run, monkeypatch).result == "no member of etcd can be asked what is lost"
    assert "no member of etcd could be asked what it was" in table.lines(run)[1]
    assert table.tell(run)["restore"]["lost"] is None


def come(run: Run, *, started: int, bump: int = 7) -> None:
    """An earlier run has replaced all data, and has started so many control planes."""
    digest = opened(run).content.document.snapshot.sha256
    for number, name in enumerate(MASTERS):
        has_started = number < started
        run.keep(PROGRESS, Progress("t", digest, data=True, started=has_started, member=True, bump=bump), of=name)


def plan_of(run: Run) -> Plan:
    plan = run.recall(PLAN)
    assert plan is not None
    return plan


@pytest.mark.parametrize(("bump", "holds"), [(7, 7), (0, 1_000_000_000)])
def test_a_restore_that_was_begun_is_gone_on_with_though_its_api_is_ready(
    started: Started, monkeypatch: pytest.MonkeyPatch, bump: int, holds: int
) -> None:
    come(run := started(), started=2, bump=bump)
    result = preflight(run, monkeypatch, ready=True, ca=CA)
    assert result.result == "an earlier run has begun this restore: it is gone on with"
    assert (plan_of(run).token, plan_of(run).bump) == ("t", holds)
    assert list(look.unless_put_back(run)) == list(MASTERS)
    assert table.lines(run)[1:] == [
        "etcd's data is already the backup's on 3 of 3 control planes, and the API has not answered with it in this run: run again",
        "what was lost with that, the run has told that began it",
    ]
    assert " is being set back to " in table.lines(run)[0]
    run.keep(RESTORED, value=True)
    assert " is set back to " in table.lines(run)[0]


@pytest.mark.parametrize(("ready", "prepared"), [(True, []), (False, list(MASTERS))])
def test_a_restore_that_an_earlier_run_has_finished_is_verified_and_that_nothing_is_set_back_is_said(
    started: Started, monkeypatch: pytest.MonkeyPatch, ready: Any, prepared: list[str]
) -> None:
    come(run := started(), started=3)
    result = preflight(run, monkeypatch, ready=ready, ca=CA)
    assert result.result == "an earlier run has finished this restore"
    assert list(look.unless_put_back(run)) == prepared
    (warning,) = (line for line in run.warnings if line.startswith("an earlier run"))
    assert "what was changed since then stays. --over-living begins the restore anew" in warning
    run.keep(RESTORED, value=True)
    first, second = table.lines(run)
    assert " was set back by an earlier run to " in first
    assert second.startswith("what was changed after that restore stays: this run has set nothing back")
    assert table.tell(run)["restore"]["by_an_earlier_run"] is True


def test_a_restore_that_an_earlier_run_has_finished_begins_anew_when_that_is_said(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(run := started(over_living=True), started=3)
    lost = Lost(created=("namespaces/a",), revisions=9)
    assert (
        preflight(run, monkeypatch, lost=lost, ready=True, ca=CA).result
        == "since the backup 1 made, 0 deleted, 0 changed"
    )
    assert plan_of(run).token.startswith("kubepeer-")
    assert not plan_of(run).goes_on
    assert not any(one.data for one in plan_of(run).every.values())


@pytest.mark.parametrize(("has_started", "cure"), [(3, "--over-living begins the restore anew"), (2, "")])
def test_where_what_an_earlier_run_has_started_never_answers_the_way_to_begin_anew_is_told(
    started: Started, monkeypatch: pytest.MonkeyPatch, has_started: int, cure: str
) -> None:
    come(run := started(), started=has_started)
    preflight(run, monkeypatch)

    def never(*_: Any) -> Any:
        raise CommandError("after 600 s: no API answers")

    monkeypatch.setattr(steps, "open_shell", lambda *_: None)
    monkeypatch.setattr(waits, "until", never)
    with pytest.raises(CommandError, match="after 600 s: no API answers") as failed:
        steps.wait_for_api(task(MASTERS[0]), run)
    assert failed.value.cure.startswith(cure)
    assert bool(failed.value.cure) == bool(cure)


def test_data_that_this_run_has_replaced_is_told_when_the_api_does_not_come(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started()
    preflight(run, monkeypatch)
    assert " would be set back to " in table.lines(run)[0]
    monkeypatch.setattr(steps, "open_shell", lambda *_: None)
    monkeypatch.setattr(steps, "apply", lambda *_: None)
    for name in MASTERS[:2]:
        steps.restore_data(task(name), run)
    first, second, _ = table.lines(run)
    assert " is being set back to " in first
    assert second.startswith(
        "etcd's data is already the backup's on 2 of 3 control planes, and the API has not answered"
    )
    assert table.tell(run)["restore"]["data_replaced_on"] == list(MASTERS[:2])


@pytest.mark.parametrize(
    ("revisions", "made", "bump"),
    [
        ((120, 150, None), ("namespaces/of-150",), 1_000_000_050),
        ((None, None, 110), ("namespaces/of-110",), 1_000_000_010),
        ((150, 120, 110), ("namespaces/of-150",), 1_000_000_050),
    ],
)
def test_the_member_with_the_highest_revision_says_what_is_lost(
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    revisions: tuple[int | None, ...],
    made: tuple[str, ...],
    bump: int,
) -> None:
    told = dict(zip(MASTERS, revisions, strict=True))

    def now(_: Run, name: str) -> Moment | None:
        revision = told[name]
        if revision is None:
            return None
        return Moment(revision, {"namespaces/default": 3, f"namespaces/of-{revision}": revision})

    monkeypatch.setattr(look, "_now", now)
    monkeypatch.setattr(look, "refuse_early", lambda *_: None)
    monkeypatch.setattr(look, "refuse_beside_another", lambda *_: None)
    run = started()
    look.preflight(task(MASTERS[0]), run)
    lost = run.recall(LOST)
    assert lost is not None
    assert lost.created == made
    assert plan_of(run).bump == bump


def test_where_no_member_tells_its_revision_the_time_does(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    preflight(first := started(), monkeypatch)
    preflight(second := started(), monkeypatch)
    assert 10**17 < plan_of(first).bump < plan_of(second).bump < 2**62


@pytest.mark.parametrize(("ca", "outcome"), [(CA, "has the cluster's CA"), (None, "no member")])
def test_a_worker_is_looked_at(started: Started, monkeypatch: pytest.MonkeyPatch, ca: str | None, outcome: str) -> None:
    file = None if ca is None else FileSeen("644", "root:root", ca)
    monkeypatch.setattr(look, "open_shell", lambda *_: None)
    monkeypatch.setattr(look, "ask", lambda _shell, _asked, paths: Seen({}, dict.fromkeys(paths, file)))
    assert look.look_at_worker(task(WORKER), started()).result == outcome


def test_a_worker_of_another_cluster_is_refused_and_one_that_is_silent_is_told(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, file = started(), FileSeen("644", "root:root", OTHER_CA)
    monkeypatch.setattr(look, "open_shell", lambda *_: None)
    monkeypatch.setattr(look, "ask", lambda _shell, _asked, paths: Seen({}, dict.fromkeys(paths, file)))
    with pytest.raises(RefusedError, match="has another CA than the backup"):
        look.look_at_worker(task(WORKER), run)

    def silent(*_: Any) -> Any:
        raise CommandError("no answer")

    monkeypatch.setattr(look, "ask", silent)
    assert look.look_at_worker(task(WORKER), run).result == "cannot be asked"
    assert run.warnings == [f"{WORKER} cannot be asked, and is not waited for: no answer"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["b"], "say --cluster"),
        (["b", "--cluster", "elsewhere"], "--cluster elsewhere: the inventory's is"),
        (["b", "--dry-run", "--host", MASTERS[0]], "all control planes are restored"),
    ],
)
def test_it_must_be_said_that_it_is_meant(words: Iterable[str], says: str, intent_of: Callable[..., Intent]) -> None:
    with pytest.raises(UsageError, match=says):
        checked(parse("restore", "", list(words), further=arguments), intent_of())


def test_a_dry_run_needs_no_name_and_the_backup_is_told_before_anything(
    started: Started, intent_of: Callable[..., Intent], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(parse("restore", "", ["b", "--dry-run"], further=arguments), intent_of())
    monkeypatch.setattr("tasks.restore.arguments.know_hosts", lambda *_: None)
    said = io.StringIO()
    meet(started(), Console(file=said, width=200))
    assert "backup of 2026-11-26 12:00:00 UTC, " in said.getvalue()
    assert "by root@controller; etcd at revision 100" in said.getvalue()


@pytest.mark.parametrize(
    ("text", "says"), [(b"", "no backup of Kubepeer's|gpg"), (b"\x1f\x8bnothing", "no backup of Kubepeer's")]
)
def test_what_is_no_backup_is_one_line(started: Started, text: bytes, says: str) -> None:
    run = started()
    run.options.further["file"].write_bytes(text)
    with pytest.raises(UsageError, match=says):
        opened(run)
    run.options.further["file"].unlink()
    with pytest.raises(UsageError, match="No such file or directory"):
        opened(run)


def test_every_step_of_a_control_plane_that_has_begun_to_run_is_over(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started()
    every = {name: Progress("t", "s", data=True, started=True) for name in MASTERS}
    run.keep(PLAN, Plan("t", 1, goes_on=True, every=every))
    for step in (steps.bring_snapshot, steps.stop, steps.restore_data, steps.put_files_back, steps.place_endpoint):
        assert step(task(MASTERS[1]), run).changes == ()


class Leases:
    """An API that tells one moment after the other."""

    def __init__(self, *moments: dict[str, str]) -> None:
        self.moments = list(moments)

    def items(self, path: str) -> list[dict[str, Any]]:
        if path != steps.LEASES:
            ready = {"type": "Ready", "status": "True"}
            return [{"metadata": {"name": name}, "status": {"conditions": [ready]}} for name in ("a", "b")]
        now = self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        return [{"metadata": {"name": name}, "spec": {"renewTime": time}} for name, time in now.items()]


def test_a_node_is_back_when_it_was_heard_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    api: Any = Leases({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "2", "b": "2"})
    back = steps.Back(api, ["a", "b"])
    assert back() == "not heard since the snapshot: a, b"
    assert back() == "not heard since the snapshot: b"
    assert back() == ""
    with pytest.raises(CommandError, match="not heard since the snapshot: a"):
        waits.until(steps.Back(Leases({"a": "1"}), ["a"]), 0.01)  # type: ignore[arg-type]


def test_what_was_lost_is_kept_once(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started()
    preflight(run, monkeypatch, lost=Lost(revisions=3))
    assert run.recall(LOST) == Lost(revisions=3)
