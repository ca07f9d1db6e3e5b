"""A runbook as a command: exit codes, what stands on standard output, reports, interruption. No packet leaves: the hosts do nothing."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer import runbook
from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.display import Display
from kubepeer.errors import CommandError, UnreachableError
from kubepeer.memory import Memory, hands_over
from kubepeer.opening import Opening
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.page.document import Cause, Routes
from kubepeer.phases import Phase, Purpose
from kubepeer.run import Run, done
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS

Command = Callable[..., int]


def change_swap(task: Task, run: Run) -> Result:
    run.redactor.learn("s3cret")
    return done(task, [Change("swap", "on", "off"), Change("note", None, "it is s3cret")])


def nothing(task: Task, run: Run) -> Result:
    return done(task)


def fail(task: Task, run: Run) -> Result:
    raise CommandError("exit 1: no space", host=task.host.name)


def find_fault(task: Task, run: Run) -> Result:
    wrong = Finding(task.host.name, "endpoint", "10.31.90.0", "kernel", ok=False, reason="held by two at once")
    return done(task, findings=(wrong,), failed=True)


def lose(task: Task, run: Run) -> Result:
    raise UnreachableError("no answer", host=task.host.name)


def crash(task: Task, run: Run) -> Result:
    raise RuntimeError("boom")


@pytest.fixture
def command(project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Run a runbook of one phase with arguments, on an inventory whose host keys are strict and known."""
    (tmp_path / "known_hosts").touch()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def call(task: Any, *arguments: str, edit: dict[str, Any] | None = None, **options: Any) -> int:
        ours = {"host_keys": "strict", "known_hosts": "known_hosts"}
        config = project(**(edit or {"config": {"user_defined": ours}})).config_file
        monkeypatch.setattr(sys, "argv", ["deploy.py", "--config", str(config), *arguments])
        return run("deploy", [Phase("One", task)], platforms=PLATFORMS, **options)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("task", "arguments", "code"),
    [
        pytest.param(nothing, [], 0, id="all_is_well"),
        pytest.param(change_swap, [], 0, id="changes"),
        pytest.param(fail, [], 1, id="a_failure"),
        pytest.param(crash, [], 1, id="a_fault_of_the_program"),
        pytest.param(lose, [], 3, id="an_unreachable_host"),
        pytest.param(change_swap, ["--dry-run"], 0, id="dry_run"),
        pytest.param(change_swap, ["--dry-run", "--detailed-exitcode"], 4, id="dry_run_that_found_changes"),
        pytest.param(nothing, ["--dry-run", "--detailed-exitcode"], 0, id="dry_run_that_found_none"),
        pytest.param(change_swap, ["--detailed-exitcode"], 0, id="detailed_exit_code_without_dry_run"),
        pytest.param(nothing, ["--group", "nobody"], 2, id="unknown_group"),
        pytest.param(nothing, ["--host", "nobody"], 2, id="unknown_host"),
    ],
)
def test_the_exit_code_says_how_it_went(command: Command, task: Any, arguments: list[str], code: int) -> None:
    assert command(task, *arguments) == code


@pytest.mark.parametrize(
    ("task", "code", "line"),
    [
        pytest.param(nothing, 0, "no drift in ", id="as_intended"),
        pytest.param(change_swap, 1, "16 differences from intent on k8s-calico-master-10-31-90-1, ", id="drift"),
        pytest.param(find_fault, 1, "8 checks failed, see above in ", id="a_check_that_failed"),
        pytest.param(lose, 3, "not looked at: k8s-calico-master-10-31-90-1, ", id="an_unreachable_host"),
    ],
)
def test_drift_is_told_by_the_exit_code_the_last_line_and_json(
    command: Command, capsys: Any, task: Any, code: int, line: str
) -> None:
    assert command(task, purpose=Purpose.DRIFT) == code
    assert line in capsys.readouterr().out.splitlines()[-1]
    assert command(task, "--output", "json", purpose=Purpose.DRIFT) == code
    assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)


UNTESTED = "Kubernetes 1.26.0 and Calico 3.24.5 were not tested together by the projects: "  # the tutorial's own pair


def test_what_the_projects_have_not_tested_together_is_one_line_and_the_run_goes_on(
    command: Command, capsys: Any
) -> None:
    assert command(change_swap) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith(f" Warning: {UNTESTED}") for line in lines] == [True] + [False] * (len(lines) - 1)


def test_json_holds_the_warnings_and_standard_error_shows_them(command: Command, capsys: Any) -> None:
    assert command(change_swap, "--output", "json") == 0
    said = capsys.readouterr()
    (warning,) = json.loads(said.out)["warnings"]
    assert warning.startswith(UNTESTED)
    assert warning in said.err


def test_a_look_prints_no_warning_of_the_inventory_and_json_has_it(command: Command, capsys: Any) -> None:
    assert command(nothing, purpose=Purpose.VERIFY) == 0
    assert "Warning" not in capsys.readouterr().out
    assert command(nothing, "--output", "json", purpose=Purpose.VERIFY) == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 1


def test_what_a_task_warns_of_is_told_once_behind_the_phases(command: Command, capsys: Any) -> None:
    def warn(task: Task, run: Run) -> Result:
        run.warn("the moon is full")
        return done(task)

    assert command(warn) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "the moon" in line] == [" Warning: the moon is full"]
    assert lines.index(" Warning: the moon is full") == len(lines) - 2


def test_a_look_for_drift_is_a_dry_run(command: Command, capsys: Any) -> None:
    def change_unless_dry(task: Task, run: Run) -> Result:
        assert run.options.dry_run
        return done(task)

    assert command(change_unless_dry, purpose=Purpose.DRIFT) == 0


def test_a_command_without_phases_contacts_nothing(project: Any, monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    """Neither the namespace is entered nor a host key learned: backups can be read where the lab or the network is down."""
    config = project(config={"user_defined": {"namespace": "kubepeer-absent"}}).config_file
    monkeypatch.setattr(sys, "argv", ["rollback_routers.py", "--config", str(config), "list"])
    commands: dict[str, list[Any]] = {"list": [], "apply": [Phase("One", nothing)]}
    assert run("rollback_routers", commands, platforms=PLATFORMS, show=lambda console, *_: console.print("listed")) == 0
    assert capsys.readouterr().out.strip() == "listed"
    assert not (tmp_path / "var").exists()
    monkeypatch.setattr(sys, "argv", ["rollback_routers.py", "--config", str(config), "apply"])
    assert run("rollback_routers", commands, platforms=PLATFORMS) == 2


def test_json_stands_alone_on_standard_output(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(change_swap, "--output", "json") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["runbook"], document["ok"], document["changed"]) == ("deploy", True, True)
    assert len(document["phases"][0]["hosts"]) == 8
    assert "One" in printed.err


def test_an_error_before_the_first_phase_is_json_too(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(nothing, "--output", "json", "--group", "nobody") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["error"].startswith("No host matches --group nobody.")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_secret_is_printed_nowhere(command: Command, capsys: Any, tmp_path: Path, output: str) -> None:
    files = [tmp_path / "report.xml", tmp_path / "report.html"]
    command(change_swap, "--verbose", "--output", output, "--junit", str(files[0]), "--report", str(files[1]))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, *(file.read_text() for file in files)):
        assert "s3cret" not in text
    assert "it is ********" in printed.out


def test_the_junit_file_is_written_also_when_it_failed(command: Command, tmp_path: Path) -> None:
    assert command(fail, "--junit", str(tmp_path / "junit.xml")) == 1
    suite = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("8", "8")


def test_a_run_that_did_not_begin_writes_why_and_leaves_no_older_document(command: Command, tmp_path: Path) -> None:
    junit, report = tmp_path / "junit.xml", tmp_path / "report.html"
    documents = ["--junit", str(junit), "--report", str(report)]
    assert command(nothing, *documents) == 0
    assert command(nothing, "--group", "nobody", *documents) == 2
    suite = ET.parse(junit).getroot()
    (error,) = suite.iter("error")
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    for text in (str(error.get("message")), report.read_text()):
        assert "No host matches --group nobody" in text


def test_a_document_that_was_written_stays_when_another_cannot_be(command: Command, tmp_path: Path) -> None:
    documents = ["--junit", str(tmp_path / "junit.xml"), "--report", "/nowhere/report.html"]
    assert command(nothing, *documents) == 2
    assert ET.parse(tmp_path / "junit.xml").getroot().get("errors") == "0"


def test_the_report_is_a_web_page_with_every_phase_host_and_change(command: Command, tmp_path: Path) -> None:
    command(change_swap, "--report", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "16 changes on 8 hosts" in text
    assert "openwrt <small>2 changes</small>" in text
    assert text.count('class="diff print"') == 2


def test_the_report_has_what_a_runbook_adds_and_describes_without_secrets(command: Command, tmp_path: Path) -> None:
    given: list[str] = []

    def describe(run: Run, outcomes: Any) -> Routes:
        given.append(repr(outcomes) + run.intent.cluster.name)
        return Routes(causes=(Cause("openwrt", "session with x", "nobody answers"),))

    command(change_swap, "--report", str(tmp_path / "report.html"), describe=describe)
    text = (tmp_path / "report.html").read_text()
    assert "nobody answers" in text
    assert "s3cret" not in given[0]


def test_the_headline_of_a_failed_run_points_nowhere_that_the_page_is_not(command: Command, tmp_path: Path) -> None:
    assert command(fail, "--report", str(tmp_path / "report.html")) == 1
    text = (tmp_path / "report.html").read_text()
    assert "exit 1: no space" in text
    assert "; failed</p>" in text
    assert "see above" not in text


def test_without_a_report_nothing_is_described(command: Command) -> None:
    def describe(*_: object) -> Routes:
        raise AssertionError("asked for nothing")

    assert command(change_swap, describe=describe) == 0


def test_a_report_that_cannot_be_written_is_one_line(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(nothing, "--junit", "/nowhere/junit.xml") == 2
    assert "/nowhere/junit.xml: No such file or directory" in capsys.readouterr().out


def test_a_fault_is_one_line_without_verbose_and_a_traceback_with_it(command: Command, capsys: Any) -> None:
    command(crash, "--host", "openwrt")
    printed = capsys.readouterr()
    assert "openwrt: RuntimeError: boom (a fault of Kubepeer" in printed.out
    assert "Traceback" not in printed.out + printed.err
    command(crash, "--host", "openwrt", "--verbose")
    assert 'raise RuntimeError("boom")' in capsys.readouterr().err


def test_a_fault_outside_of_every_task_is_one_line_too(command: Command, capsys: Any) -> None:
    def show(*_: object) -> None:
        raise LookupError("nobody thought of it")

    assert command(nothing, show=show) == 1
    printed = capsys.readouterr()
    assert "LookupError: nobody thought of it (a fault of Kubepeer" in printed.out
    assert "Traceback" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("task", "arguments", "line"),
    [
        (change_swap, [], "16 changes on 8 hosts in "),
        (change_swap, ["--dry-run"], "would make 16 changes on 8 hosts in "),
        (nothing, [], "changed nothing in "),
        (nothing, ["--dry-run"], "would change nothing in "),
        (change_swap, ["--host", "openwrt"], "2 changes on 1 host in "),
        (fail, [], "; failed, see above"),
    ],
)
def test_the_last_line_sums_it_up(command: Command, capsys: Any, task: Any, arguments: list[str], line: str) -> None:
    command(task, *arguments)
    assert line in capsys.readouterr().out.splitlines()[-1]


def test_a_dry_run_prints_the_diffs(command: Command, capsys: Any) -> None:
    command(change_swap, "--dry-run")
    lines = capsys.readouterr().out.splitlines()
    assert "   - on" in lines
    assert any(line.startswith(" swap  (8 hosts: ") for line in lines)


def test_only_chosen_hosts_take_part(command: Command, capsys: Any) -> None:
    command(change_swap, "--group", "worker", "--output", "json")
    hosts = json.loads(capsys.readouterr().out)["phases"][0]["hosts"]
    assert sorted(hosts) == [f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)]


def test_a_mistake_in_the_inventory_ends_it_before_anything(command: Command, capsys: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def leave_mark(task: Task, run: Run) -> Result:
        mark.touch()
        return done(task)

    assert command(leave_mark, edit={"hosts": {"openwrt": {"hostnme": "10.0.0.1"}}}) == 2
    assert "inventory/hosts.yaml: openwrt: unknown key 'hostnme'" in capsys.readouterr().out
    assert not mark.exists()
    assert not (tmp_path / "var").exists()


def test_a_namespace_that_is_not_there_ends_it_before_anything(command: Command, capsys: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def leave_mark(task: Task, run: Run) -> Result:
        mark.touch()
        return done(task)

    assert command(leave_mark, edit={"config": {"user_defined": {"namespace": "kubepeer-absent"}}}) == 2
    assert "network namespace 'kubepeer-absent' is not there" in capsys.readouterr().out
    assert not mark.exists()
    assert not (tmp_path / "var").exists()


def test_phases_in_a_wrong_order_are_refused_before_anything_is_contacted(
    command: Command, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    needy = hands_over(needs=(Memory[str]("what nobody has left"),))(lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.setattr(runbook, "read_settings", lambda _: pytest.fail("it went on"))
    assert command(needy) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "the phase 'One' needs what nobody has left, and no phase before it gives that. Nothing was contacted." in said
    )


def test_strict_host_keys_without_a_file_are_refused(command: Command, capsys: Any, tmp_path: Path) -> None:
    assert command(nothing, edit={"config": {"user_defined": {"host_keys": "strict", "known_hosts": "none"}}}) == 2
    assert f"{tmp_path}/none: not there, and host_keys is strict. Nothing was contacted." in capsys.readouterr().out


WAITS = """import sys, threading
from pathlib import Path
from kubepeer import runbook
from kubepeer.memory import Memory, hands_over
from kubepeer.page.document import Cause, Routes
from kubepeer.phases import Phase, Purpose
from kubepeer.run import done
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS

def wait(task, run):
    Path(sys.argv[-1]).with_name(f"begun-{task.host.name}").touch()
    threading.Event().wait(60)
    return done(task)

raise SystemExit(run("deploy", [Phase("Wait", wait)], platforms=PLATFORMS))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_it_at_once_with_130_and_one_line(project: Any, tmp_path: Path, number: int) -> None:
    (tmp_path / "known_hosts").touch()
    config = project(config={"user_defined": {"host_keys": "strict", "known_hosts": "known_hosts"}}).config_file
    (tmp_path / "wait.py").write_text(WAITS)
    program = [sys.executable, tmp_path / "wait.py", "--config", config]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        ends = time.monotonic() + 20
        while len(list(tmp_path.glob("begun-*"))) < 8 and time.monotonic() < ends:
            time.sleep(0.02)
        os.kill(process.pid, number)
        said, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Interrupted. What was done stands" in said
    assert "Traceback" not in said


STARTS = """import os, signal
import kubepeer.starting
os.kill(os.getpid(), signal.{})
raise SystemExit("it went on")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_while_modules_are_loaded_is_one_line_too(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", STARTS.format(name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "\nInterrupted. Nothing was contacted.\n", "")


RUNBOOKS = sorted((Path(__file__).parents[3] / "runbooks").glob("*.py"))


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_is_ready_for_an_interruption_before_it_loads_anything(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert lines[0].startswith("import kubepeer.starting")


def test_a_runbook_may_run_its_phases_in_a_way_of_its_own_and_print_json_line_by_line(
    command: Command, capsys: Any
) -> None:
    def one_host(run: Run, phases: Any, display: Display) -> list[PhaseOutcome]:
        run.json_lines = run.options.as_json
        print(json.dumps({"event": "change"}))
        return [PhaseOutcome(phases[0].title, 1.0, {"a": HostOutcome(failed=True)})]

    assert command(crash, "--output", "json", opening=Opening(runner=one_host)) == 1
    event, document = map(json.loads, capsys.readouterr().out.splitlines())
    assert event == {"event": "change"}
    assert (document["ok"], list(document["phases"][0]["hosts"])) == (False, ["a"])


@pytest.mark.parametrize(
    ("hosts", "processors", "workers"),
    [(0, 2, 1), (8, 2, 8), (1000, None, 20), (1000, 1, 20), (1000, 2, 40), (50, 8, 50)],
)
def test_as_many_hosts_at_a_time_as_the_processors_carry(
    monkeypatch: pytest.MonkeyPatch, hosts: int, processors: int | None, workers: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert runbook.workers_for(hosts) == workers
