"""A plan is written, approved and applied: exactly that is done, or nothing. The hosts are files, and no packet leaves."""

import hashlib
import json
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer import approval, plan_page
from kubepeer.change import Change, Held, about_to_change, made
from kubepeer.errors import CommandError, UnreachableError
from kubepeer.phases import Phase
from kubepeer.run import Run, done
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS

WORKER, OTHER = "k8s-calico-worker-10-31-90-4", "k8s-calico-worker-10-31-90-5"
WANTED = "".join(f"line {number}\n" for number in range(20))
STANDS = WANTED.replace("line 3\n", "")
PASSWORD, LEARNED, OF_BGP = "hunter2-of-vrrp", "token-of-a-join", "hunter3-of-bgp"


@dataclass
class Site:
    """Hosts that are files, and deploy.py with a phase that brings each to the same text."""

    folder: Path
    command: Callable[..., int]
    plan: Path
    held: Held = Held.EXACT
    secret: bool = False
    meanwhile: Callable[[str], None] = lambda _: None
    looked: list[tuple[str, bool]] = field(default_factory=list)

    def host(self, name: str) -> Path:
        return self.folder / name

    def texts(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.iterdir()}

    def settle(self, task: Task, run: Run) -> Result:
        self.looked.append((task.host.name, run.options.dry_run))
        if not run.options.dry_run:
            self.meanwhile(task.host.name)
        file = self.host(task.host.name)
        stands = file.read_text()
        change = Change("/etc/motd", stands, WANTED, secret=self.secret, held=self.held)
        changes = [] if stands == WANTED else [change]
        if not run.options.dry_run:
            for one in changes:
                about_to_change((one,))
                file.write_text(WANTED)
                made(one)
        return done(task, changes)

    def deploy(
        self, *arguments: str, task: Any = None, edit: dict[str, Any] | None = None, name: str = "deploy"
    ) -> int:
        return self.command(task or self.settle, *arguments, edit=edit or {}, name=name)

    def planned(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.plan.read_text())
        return document

    def edit_plan(self, edit: Callable[[dict[str, Any]], None], *, signed: bool = True) -> None:
        """Change the file; signed: with the identity of what stands in it then, as somebody who means harm would."""
        document = self.planned()
        edit(document)
        if signed:
            body = {key: value for key, value in document.items() if key != "identity"}
            document["identity"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
        self.plan.write_text(json.dumps(document))


@pytest.fixture
def site(project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "known_hosts").touch()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def command(task: Any, *arguments: str, edit: dict[str, Any], name: str) -> int:
        ours = {"config": {"user_defined": {"host_keys": "strict", "known_hosts": "known_hosts"}}}
        config = project(**ours | edit).config_file
        monkeypatch.setattr(sys, "argv", ["deploy.py", "--config", str(config), *arguments])
        return run(name, [Phase("Settle", task)], platforms=PLATFORMS)

    (folder := tmp_path / "hosts").mkdir()
    made_site = Site(folder, command, tmp_path / "plan.json")
    for name in project_hosts(project):
        made_site.host(name).write_text(WANTED)
    for name in (WORKER, OTHER):
        made_site.host(name).write_text(STANDS)
    yield made_site
    for number, handler in handlers.items():
        signal.signal(number, handler)


def project_hosts(project: Any) -> list[str]:
    text: str = project().host_file.read_text()
    return re.findall(r"(?m)^([\w-]+):", text)


@pytest.fixture
def planned(site: Site) -> Site:
    """With a plan written."""
    assert site.deploy("--plan-out", str(site.plan)) == 0
    return site


def apply(site: Site, *arguments: str, **edit: Any) -> int:
    site.looked.clear()
    return site.deploy("--apply", str(site.plan), *arguments, **edit)


def test_a_plan_is_what_a_dry_run_shows_and_changes_nothing(site: Site, capsys: Any) -> None:
    before = site.texts()
    assert site.deploy("--dry-run", "--output", "json") == 0
    (shown,) = json.loads(capsys.readouterr().out)["phases"]
    assert site.deploy("--plan-out", str(site.plan), "--detailed-exitcode") == 4
    assert site.texts() == before
    (phase,) = site.planned()["phases"]
    assert {name: [(one["what"], one["diff"]) for one in entries] for name, entries in phase["hosts"].items()} == {
        name: [(one["what"], one["diff"]) for one in told["changes"]]
        for name, told in shown["hosts"].items()
        if told["changes"]
    }
    assert set(phase["hosts"]) == {WORKER, OTHER}
    identity = site.planned()["identity"]
    assert f" plan {identity} written to " in capsys.readouterr().out
    assert site.deploy("--plan-out", str(site.plan), "--output", "json") == 0
    assert json.loads(capsys.readouterr().out)["plan"] == site.planned()["identity"] != identity
    assert stat.S_IMODE(site.plan.stat().st_mode) == 0o600


def test_to_apply_it_does_that_and_there_is_nothing_left(planned: Site, capsys: Any) -> None:
    assert apply(planned) == 0
    assert set(planned.texts().values()) == {WANTED}
    assert "2 changes on 2 hosts" in capsys.readouterr().out
    assert apply(planned) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "   Settle: /etc/motd: in the plan, and not to be done now:" in lines
    assert "does not hold any more, on " in lines[-1]


def test_an_empty_plan_is_a_plan(site: Site) -> None:
    for name in (WORKER, OTHER):
        site.host(name).write_text(WANTED)
    assert site.deploy("--plan-out", str(site.plan)) == 0
    assert apply(site) == 0


def test_a_dry_run_of_a_plan_compares_and_changes_nothing(planned: Site) -> None:
    before = planned.texts()
    assert apply(planned, "--dry-run") == 0
    assert planned.texts() == before


@pytest.mark.parametrize(
    ("stands", "line"),
    [
        pytest.param(STANDS.replace("line 17", "line x"), "+line 17", id="where the diff shows it"),
        pytest.param(
            "line 00\n" + STANDS, "Settle: /etc/motd: in the plan:", id="so that the diff is at another place"
        ),
        pytest.param(WANTED, "in the plan, and not to be done now:", id="so that nothing is to do"),
    ],
)
def test_a_host_that_has_moved_keeps_all_hosts_from_being_changed(
    planned: Site, capsys: Any, stands: str, line: str
) -> None:
    planned.host(OTHER).write_text(stands)
    before = planned.texts()
    assert apply(planned) == 1
    assert planned.texts() == before
    assert all(dry for _, dry in planned.looked)
    said = capsys.readouterr().out
    assert line in said
    assert said.splitlines()[-1].endswith(
        f"does not hold any more, on {OTHER}. Nothing was changed on any host."
        " Cure: make a new plan with --plan-out, and have it approved"
    )


def test_what_moves_in_lines_that_no_diff_shows_is_seen_as_well(planned: Site, capsys: Any) -> None:
    planned.host(WORKER).write_text(STANDS)
    change = Change("/etc/motd", STANDS, WANTED + "line 21\n", unified="the same")
    same = Change("/etc/motd", STANDS, WANTED, unified="the same")

    def one(task: Task, run: Run) -> Result:
        return done(task, [same])

    def another(task: Task, run: Run) -> Result:
        return done(task, [change])

    assert planned.deploy("--plan-out", str(planned.plan), "--host", WORKER, task=one) == 0
    assert planned.deploy("--apply", str(planned.plan), task=another) == 1
    assert "is another than in the plan (in lines that the diff does not show)" in capsys.readouterr().out


def test_json_has_the_differences(planned: Site, capsys: Any) -> None:
    planned.host(OTHER).write_text("moved\n")
    capsys.readouterr()
    assert apply(planned, "--output", "json") == 1
    document = json.loads(capsys.readouterr().out)
    assert list(document["differences"]) == [OTHER]
    assert document["ok"] is False


def test_what_is_not_in_the_plan_is_refused_where_it_comes_after_the_comparison(planned: Site, capsys: Any) -> None:
    """In the moment between the two; the host that moved is left alone, and named."""

    def move(name: str) -> None:
        if name == OTHER:
            planned.host(OTHER).write_text("moved\n")

    planned.meanwhile = move
    assert apply(planned) == 1
    assert planned.host(OTHER).read_text() == "moved\n"
    assert planned.host(WORKER).read_text() == WANTED
    assert f"{OTHER}: /etc/motd: not so in plan " in capsys.readouterr().out


@pytest.mark.parametrize("held", [Held.NAME, Held.STEP])
def test_what_an_earlier_step_makes_is_held_by_its_name(site: Site, held: Held) -> None:
    site.held = held
    assert site.deploy("--plan-out", str(site.plan)) == 0
    chosen = site.planned()["hosts"]
    assert len(chosen) == 8
    site.meanwhile = lambda name: (
        name in (WORKER, OTHER) and site.host(name).write_text("made by the step before\n") and None
    )
    assert apply(site) == 0
    assert set(site.texts().values()) == {WANTED}


@pytest.mark.parametrize(("error", "code"), [(CommandError, 1), (UnreachableError, 3)])
def test_a_host_that_cannot_be_planned_makes_no_plan(site: Site, capsys: Any, error: Any, code: int) -> None:
    def fail(task: Task, run: Run) -> Result:
        if task.host.name == WORKER:
            raise error("exit 1: no space", host=WORKER)
        return done(task)

    assert site.deploy("--plan-out", str(site.plan), "--output", "json", task=fail) == code
    assert not site.plan.exists()
    assert json.loads((said := capsys.readouterr()).out)["plan"] is None
    assert f"no plan was written: what would be done is not known of {WORKER}" in said.err


def test_a_host_that_is_lost_keeps_all_hosts_from_being_changed(planned: Site, capsys: Any) -> None:
    def lose(task: Task, run: Run) -> Result:
        if task.host.name == WORKER:
            raise UnreachableError("no answer", host=WORKER)
        return planned.settle(task, run)

    before = planned.texts()
    assert planned.deploy("--apply", str(planned.plan), task=lose) == 3
    assert planned.texts() == before
    assert f"   Settle: {WORKER}: no answer" in capsys.readouterr().out.splitlines()


INVENTORY_MOVED = {
    "a value": ({"defaults_file": {"data": {"time_servers": ["10.0.0.9"]}}}, "intent.time_servers: "),
    "where a host is reached": ({"hosts": {WORKER: {"port": 2222}}}, f"hosts.{WORKER}.port: "),
    "a host more": (
        {"hosts": {"worker-7": {"hostname": "10.31.90.7", "groups": ["worker"]}}},
        "intent.nodes.worker-7: absent in the plan, worker-7 now",
    ),
}


@pytest.mark.parametrize("edit", INVENTORY_MOVED)
def test_an_inventory_that_has_moved_is_refused_before_anything_is_contacted(
    planned: Site, capsys: Any, edit: str
) -> None:
    edits, line = INVENTORY_MOVED[edit]
    assert apply(planned, edit=edits) == 1
    assert planned.looked == []
    said = capsys.readouterr().out
    assert f"   {line}" in said
    assert "the inventory is not that of the plan. Nothing was contacted." in said


FILES = {
    "not there": (None, "No such file or directory. Nothing was contacted."),
    "not JSON": ("{", "not JSON: "),
    "another document": ('{"phases": []}', "not a plan of Kubepeer's."),
    "a list": ("[]", "not a plan of Kubepeer's."),
    "of an older format": ('{"kubepeer_plan": 0}', "a plan of format 0, and this Kubepeer reads format 1."),
    "of a newer format": ('{"kubepeer_plan": 2}', "a plan of format 2, and this Kubepeer reads format 1."),
    "with half of it": ('{"kubepeer_plan": 1}', "runbook: Field required"),
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_no_plan_is_one_line(site: Site, capsys: Any, file: str) -> None:
    text, line = FILES[file]
    if text is not None:
        site.plan.write_text(text)
    assert apply(site) == 2
    (said,) = capsys.readouterr().out.splitlines()
    assert line in said
    assert site.looked == []


def drop_a_change(plan: dict[str, Any]) -> None:
    del plan["phases"][0]["hosts"][WORKER]


def show_another_diff(plan: dict[str, Any]) -> None:
    plan["phases"][0]["hosts"][WORKER][0]["diff"] = "+ something harmless"


def add_a_change(plan: dict[str, Any]) -> None:
    plan["phases"][0]["hosts"][WORKER] *= 2


def loosen(plan: dict[str, Any]) -> None:
    plan["phases"][0]["hosts"][WORKER][0]["held"] = "step"


def add_a_phase(plan: dict[str, Any]) -> None:
    plan["phases"].append({"title": "Another", "hosts": {}})


TAMPERED = [drop_a_change, show_another_diff, add_a_change, loosen, add_a_phase]


@pytest.mark.parametrize("edit", TAMPERED)
def test_a_file_that_was_changed_is_refused(planned: Site, capsys: Any, edit: Any) -> None:
    planned.edit_plan(edit, signed=False)
    assert apply(planned) == 2
    assert "it was changed after it was written: it says " in capsys.readouterr().out
    assert planned.looked == []


@pytest.mark.parametrize("edit", TAMPERED)
def test_a_file_that_was_changed_and_signed_anew_is_not_what_would_be_done(planned: Site, edit: Any) -> None:
    before = planned.texts()
    planned.edit_plan(edit)
    assert apply(planned) == 1
    assert planned.texts() == before


def test_a_plan_is_applied_to_its_own_hosts(site: Site, capsys: Any) -> None:
    assert site.deploy("--plan-out", str(site.plan), "--host", WORKER) == 0
    assert apply(site, "--host", OTHER) == 2
    assert f"name other hosts than plan {site.planned()['identity']}: {WORKER}, {OTHER}" in capsys.readouterr().out
    assert apply(site) == 0
    assert {name for name, _ in site.looked} == {WORKER}
    assert (site.host(WORKER).read_text(), site.host(OTHER).read_text()) == (WANTED, STANDS)


def test_a_plan_is_of_one_runbook_and_of_one_set_of_sources(
    planned: Site, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned.deploy("--apply", str(planned.plan), name="drift_mend") == 2
    assert "the plan is one of deploy.py. Nothing was contacted." in capsys.readouterr().out
    monkeypatch.setattr(approval, "code_digest", lambda: "another")
    assert apply(planned) == 2
    assert "the plan was made by Kubepeer 0.1.0 with sources " in capsys.readouterr().out
    assert planned.looked == []


def test_the_digest_of_the_sources_tells_each_of_them(tmp_path: Path) -> None:
    (tmp_path / "templates" / "nodes").mkdir(parents=True)
    template = tmp_path / "templates" / "nodes" / "hosts.j2"
    template.write_text("one")
    (tmp_path / "templates" / "notes.txt").write_text("no template")
    found = approval.code_digest(tmp_path)
    (tmp_path / "templates" / "notes.txt").write_text("not looked at")
    assert approval.code_digest(tmp_path) == found
    template.write_text("two")
    assert approval.code_digest(tmp_path) != found


def test_plan_out_and_apply_exclude_each_other(site: Site) -> None:
    with pytest.raises(SystemExit) as ended:
        site.deploy("--plan-out", "a", "--apply", "b")
    assert ended.value.code == 2


def test_a_plan_that_cannot_be_written_is_one_line(site: Site, capsys: Any) -> None:
    assert site.deploy("--plan-out", "/nowhere/plan.json") == 2
    assert "/nowhere/plan.json: No such file or directory" in capsys.readouterr().out.splitlines()[-1]
    site.host(WORKER).unlink()
    assert site.deploy("--plan-out", "/nowhere/plan.json", "--host", OTHER, "--output", "json") == 2
    assert "No such file" in json.loads(capsys.readouterr().out)["error"]


@pytest.fixture
def with_secrets(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A secret file, a secret that turns up where nobody expects it, and the password of BGP, which no diff shows."""
    monkeypatch.setenv("OF_BGP", OF_BGP)

    def change(task: Task, run: Run) -> Result:
        run.redactor.learn(LEARNED)
        run.bgp_password()
        password = site.host(WORKER).read_text()
        changes = [
            Change("/etc/keepalived.conf", None, f"auth_pass {password}", secret=True),
            Change("note", None, f"it is {LEARNED}"),
        ]
        run.warn(f"take care of {LEARNED}")
        return done(task, changes)

    site.settle = change  # type: ignore[method-assign]
    site.host(WORKER).write_text(PASSWORD)
    return site


EDIT = {"groups": {"fabric": {"data": {"cluster": {"bgp": {"password": {"env": "OF_BGP"}}}}}}}


def test_no_secret_is_in_the_file_nor_anything_that_it_could_be_found_by(with_secrets: Site) -> None:
    assert with_secrets.deploy("--plan-out", str(with_secrets.plan), edit=EDIT) == 0
    text = with_secrets.plan.read_text()
    assert not [secret for secret in (PASSWORD, LEARNED, OF_BGP) if secret in text]
    plan = with_secrets.planned()
    (secret, note) = plan["phases"][0]["hosts"][WORKER]
    assert (secret["diff"], note["diff"]) == ("~ /etc/keepalived.conf (secret: not shown)", "+ it is ********")
    salt = plan["salt"]
    for value in (f"auth_pass {PASSWORD}", PASSWORD, f"it is {LEARNED}", LEARNED, OF_BGP):
        for quick in (value, json.dumps(value), salt + value):
            assert hashlib.sha256(quick.encode()).hexdigest() not in text
    texts = [
        ["/etc/keepalived.conf", None, f"auth_pass {PASSWORD}", ""],
        ["note", None, f"it is {LEARNED}", ""],
    ]
    for one in texts:
        assert hashlib.sha256((salt + json.dumps(one)).encode()).hexdigest() not in text


def test_two_plans_of_the_same_secret_have_nothing_in_common(with_secrets: Site) -> None:
    digests = []
    for _ in range(2):
        assert with_secrets.deploy("--plan-out", str(with_secrets.plan), edit=EDIT) == 0
        plan = with_secrets.planned()
        digests.append({plan["bgp_password"], *(one["digest"] for one in plan["phases"][0]["hosts"][WORKER])})
    assert not digests[0] & digests[1]


def test_a_secret_that_has_moved_is_seen_and_not_shown(
    with_secrets: Site, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert with_secrets.deploy("--plan-out", str(with_secrets.plan), edit=EDIT) == 0
    with_secrets.host(WORKER).write_text("another-of-vrrp")
    monkeypatch.setenv("OF_BGP", "another-of-bgp")
    assert with_secrets.deploy("--apply", str(with_secrets.plan), edit=EDIT) == 1
    said = capsys.readouterr().out
    assert "/etc/keepalived.conf: what stands there, or should, is another than in the plan (it holds a secret" in said
    assert "   the BGP password is another than when the plan was made" in said
    assert "another-of" not in said


def test_a_command_that_gives_a_secret_may_hold_one(site: Site) -> None:
    edit = {"groups": {"fabric": {"data": {"cluster": {"bgp": {"password": {"command": f"echo {OF_BGP}"}}}}}}}
    assert site.deploy("--plan-out", str(site.plan), edit=edit) == 0
    assert OF_BGP not in site.plan.read_text()
    assert apply(site, "--dry-run", edit=edit) == 0


def test_the_page_shows_hosts_steps_and_diffs(planned: Site, capsys: Any, tmp_path: Path) -> None:
    capsys.readouterr()
    page = tmp_path / "plan.html"
    assert plan_page.main("", [str(planned.plan), "--report", str(page)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Plan {planned.planned()['identity']}: deploy.py\n")
    for line in (" to do     2 changes on 2 hosts", "  1. Settle                  2 changes on 2 hosts", "   +line 3"):
        assert line in said.splitlines()
    assert f" /etc/motd  ({WORKER}, {OTHER})" in said
    assert "+line 3" in page.read_text()


def test_the_page_of_no_plan_is_one_line(tmp_path: Path, capsys: Any) -> None:
    assert plan_page.main("", [str(tmp_path / "absent")]) == 2
    assert "No such file or directory" in capsys.readouterr().out
    (tmp_path / "plan").write_text("[]")
    assert plan_page.main("", [str(tmp_path / "plan")]) == 2
