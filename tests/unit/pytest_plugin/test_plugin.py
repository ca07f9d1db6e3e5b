"""The plugin in real runs of pytest, on what a router has answered to a recording; what would ask routers is another's answer."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import UnreachableError
from kubepeer.outcome import HostOutcome
from kubepeer_pytest import plugin
from tests.conftest import CHECKOUT
from tests.unit.pytest_plugin.test_document import document

LOST = HostOutcome(error=UnreachableError("SSH to 192.0.2.1 was refused", host="bird-1"), failed=True)
THEIRS = """
def test_of_the_users_own(kubepeer_findings):
    assert any(one.subject == "10.33.192.0/18" and one.layer == "kernel" for one in kubepeer_findings)
"""


class Verified:
    """Stands in for the process that asks the routers."""

    def __init__(self, found: Any) -> None:
        self.found = found
        self.asked: list[tuple[str, list[str], float]] = []

    def __call__(self, config: str, hosts: list[str], wait: float) -> Any:
        self.asked.append((config, hosts, wait))
        return self.found


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run pytest with the plugin; gives its result and how often was verified."""

    def start(found: Any, *arguments: str, own: str = THEIRS) -> tuple[pytest.RunResult, Verified]:
        verified = Verified(found)
        monkeypatch.setattr(plugin, "verify", verified)
        pytester.makepyfile(test_theirs=own)
        return pytester.runpytest_inprocess("-p", "kubepeer_pytest.plugin", *arguments), verified

    return start


CONFIG = ("--kubepeer-config", "config.yaml")


def test_every_answer_is_a_test_beside_those_of_the_users(run: Any) -> None:
    found = document("healthy")
    result, verified = run(found, *CONFIG, "--kubepeer-host", "openwrt", "--kubepeer-wait", "3", "-v")
    result.assert_outcomes(passed=len(found["checks"]) + 2)
    assert verified.asked == [("config.yaml", ["openwrt"], 3.0)]
    result.stdout.fnmatch_lines(
        [
            f"kubepeer: config.yaml, {len(found['checks'])} answers in *",
            "test_theirs.py::test_of_the_users_own PASSED*",
            "*routes/openwrt/10.33.192.0/18[[]kernel[]] PASSED*",
        ]
    )


def test_a_failure_tells_the_finding_and_no_traceback(run: Any) -> None:
    found = document("peer-disabled")
    wrong = sum(not one["ok"] for one in found["checks"])
    result, _ = run(found, *CONFIG)
    result.assert_outcomes(passed=len(found["checks"]) - wrong + 2, failed=wrong)
    result.stdout.fnmatch_lines(
        [
            "openwrt: 10.33.192.0/18 (fib, kernel): 10.31.90.6: *",
            "expected    10.31.90.1, *",
            "missing     10.31.90.6",
            "FAILED kubepeer::routes/openwrt/10.33.192.0/18[[]kernel[]]*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "plugin.py" not in result.stdout.str()


def test_a_router_that_cannot_be_read_is_an_error_and_no_failure(run: Any) -> None:
    found = document("healthy", **{"bird-1": LOST, "bird-2": HostOutcome(skipped=True)})
    result, _ = run(found, *CONFIG)
    result.assert_outcomes(passed=len(found["checks"]) + 2, errors=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["bird-1: SSH to 192.0.2.1 was refused", "ERROR kubepeer::asked/bird-1[[]verify-routes[]]*"]
    )
    assert "plugin.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (("-k", "openwrt and 10.33.5.0 and kernel"), 1),
        (("-k", "sessions/"), 6),
        (("-m", "kubepeer(check='session')"), 6),
        (("-m", "kubepeer(layer='rib', subject='10.33.192.0/18')"), 1),
        (("-m", "not kubepeer"), 1),
    ],
)
def test_answers_are_chosen_as_any_test_is(run: Any, chosen: tuple[str, ...], count: int) -> None:
    found = document("healthy")
    result, _ = run(found, *CONFIG, *chosen)
    result.assert_outcomes(passed=count, deselected=len(found["checks"]) + 2 - count)


def test_what_has_failed_last_is_run_again_alone(run: Any) -> None:
    found = document("peer-disabled")
    wrong = sum(not one["ok"] for one in found["checks"])
    run(found, *CONFIG)[0].assert_outcomes(passed=len(found["checks"]) - wrong + 2, failed=wrong)
    again, _ = run(document("healthy"), *CONFIG, "--lf", "-m", "kubepeer")
    assert again.parseoutcomes()["passed"] == wrong


def test_workers_of_xdist_share_one_verification(run: Any) -> None:
    found = document("peer-disabled", **{"bird-1": LOST})
    wrong = sum(not one["ok"] for one in found["checks"])
    result, verified = run(found, *CONFIG, "-n", "2")
    result.assert_outcomes(passed=len(found["checks"]) - wrong + 2, failed=wrong, errors=1)
    assert len(verified.asked) == 1


def test_without_the_option_it_does_nothing(run: Any) -> None:
    result, verified = run(document("healthy"), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*kubepeer_findings: needs --kubepeer-config FILE*"])
    assert verified.asked == []


LOADED = """
import sys
def test_nothing_of_it_is_loaded():
    assert not {"kubepeer", "tasks", "nornir", "netmiko", "napalm", "rich", "pydantic"} & {*sys.modules}
"""


def test_without_the_option_nothing_of_kubepeer_is_loaded(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LOADED)
    result = pytester.run(sys.executable, "-c", START, "-p", "kubepeer_pytest.plugin")
    result.assert_outcomes(passed=1)


def test_a_fixture_alone_collects_the_answers_of_nobody(run: Any) -> None:
    result, _ = run(document("healthy"), "--collect-only", "-q")
    assert "kubepeer::" not in result.stdout.str()


# Where the checkout is not installed anew since its entry point came.
START = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import pytest; raise SystemExit(pytest.main(sys.argv[1:]))"


def test_mistakes_are_one_line_and_nothing_is_tested(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_never(): raise AssertionError('it has run')")
    result = pytester.run(
        sys.executable, "-c", START, "-p", "kubepeer_pytest.plugin", "--kubepeer-config", "nowhere.yaml"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (said,) = [line for line in (result.errlines + result.outlines) if "kubepeer: nothing was verified" in line]
    assert "nowhere.yaml" in said
    assert "it has run" not in result.stdout.str()


@pytest.mark.parametrize(
    ("printed", "said"),
    [("", "nothing was verified: the last words"), ("[]", "nothing was verified: the last words"),
     ('{"error": "inventory: no"}', "nothing was verified: inventory: no")],
)  # fmt: skip
def test_a_verification_that_says_nothing_is_no_green_run(
    printed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import sys; sys.stdout.write({printed!r}); sys.stderr.write('first\\nthe last words\\n')")
    monkeypatch.setattr(plugin, "PROGRAM", program)
    with pytest.raises(pytest.UsageError, match=said):
        plugin.verify("config.yaml", [], 0.0)


def test_a_checkout_that_is_not_there_is_told_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugin.PROGRAM == CHECKOUT / "runbooks/verify_routes.py"
    monkeypatch.setattr(plugin, "PROGRAM", tmp_path / "nowhere.py")
    with pytest.raises(pytest.UsageError, match=r"there is no .*nowhere.py: install the checkout"):
        plugin.verify("config.yaml", [], 0.0)


def test_a_verification_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys, time; print('waits for openwrt', file=sys.stderr, flush=True); time.sleep(600)")
    monkeypatch.setattr(plugin, "PROGRAM", program)
    monkeypatch.setattr(plugin, "DEADLINE_SECONDS", 3.0)
    with pytest.raises(pytest.UsageError, match=r"config.yaml has not ended within 4 s; last said: "):
        plugin.verify("config.yaml", [], 1.0)


def test_the_process_takes_the_same_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text("import json, sys; print(json.dumps({'phases': [], 'words': sys.argv[1:]}))")
    monkeypatch.setattr(plugin, "PROGRAM", program)
    words = plugin.verify("c.yaml", ["a", "b"], 2.5)["words"]
    assert words == ["--config", "c.yaml", "--output", "json", "--wait", "2.5", "--host", "a", "--host", "b"]


# Every host of the shipped inventory at an address of this machine and a port on which nobody listens (tcpmux, RFC 1078).
NOBODY = {
    "hosts": {
        name: {"hostname": "127.0.0.1", "port": 1, "data": {"address": host["hostname"]}}
        for name, host in yaml.safe_load((CHECKOUT / "inventory/hosts.yaml").read_text(encoding="utf-8")).items()
    },
    "config": {"user_defined": {"host_keys": "accept-new"}},
}


def test_routers_that_nobody_reaches_are_errors_of_a_real_run(pytester: pytest.Pytester, project: Any) -> None:
    """The whole way, to addresses of this machine on which nobody listens."""
    folder = project("today", **NOBODY).host_file.parent.parent
    result = pytester.run(
        sys.executable, "-c", START, "-p", "kubepeer_pytest.plugin", "--kubepeer-config",
        str(folder / "config.yaml"),
    )  # fmt: skip
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(
        errors=2, passed=2
    )  # the API's endpoint and the nodes' routes are not asked where there is no API
    result.stdout.fnmatch_lines(
        ["cause       RouterUnreachable", "ERROR *kubepeer::asked/openwrt[[]verify-routes[]]*", "ERROR *tiny-unraid*"]
    )
