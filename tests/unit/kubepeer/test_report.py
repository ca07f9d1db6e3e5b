"""What a run says to machines: the exit code, JSON, JUnit."""

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.errors import CommandError, InventoryError, RefusedError, UnreachableError, UsageError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.report import as_json, as_junit, exit_code, unreachable

GOOD = HostOutcome()
CHANGED = HostOutcome(changes=(Change("swap", "on", "off"),))
SKIPPED = HostOutcome(skipped=True)
JUDGED = HostOutcome(failed=True, summary="2 routes missing")


def failed(error: BaseException) -> HostOutcome:
    return HostOutcome(error=error, failed=True)


COMMAND, FAULT = failed(CommandError("exit 1", host="a")), failed(ZeroDivisionError("division by zero"))
REFUSED, SILENT = failed(RefusedError("no memory", host="a")), failed(UnreachableError("no answer", host="a"))
USAGE, SECRET = failed(UsageError("no such file")), failed(InventoryError("variable is not set"))


@pytest.mark.parametrize(
    ("hosts", "changes_count", "code"),
    [
        pytest.param([GOOD], False, 0, id="all_is_well"),
        pytest.param([], False, 0, id="nothing_to_do"),
        pytest.param([SKIPPED], False, 0, id="a_skipped_host_alone_is_no_failure"),
        pytest.param([CHANGED], False, 0, id="changes_do_not_count_unless_asked_for"),
        pytest.param([CHANGED, GOOD], True, 4, id="changes_count_when_asked_for"),
        pytest.param([GOOD], True, 0, id="no_changes_to_count"),
        pytest.param([GOOD, COMMAND], False, 1, id="a_command_failed"),
        pytest.param([GOOD, REFUSED], False, 1, id="preflight_refused"),
        pytest.param([GOOD, JUDGED], False, 1, id="a_check_failed"),
        pytest.param([GOOD, FAULT], False, 1, id="a_fault_of_the_program"),
        pytest.param([GOOD, SILENT], False, 3, id="a_host_is_unreachable"),
        pytest.param([COMMAND, SILENT], False, 3, id="unreachable_before_failed"),
        pytest.param([SILENT, USAGE, COMMAND], False, 2, id="usage_before_unreachable"),
        pytest.param([SECRET], False, 2, id="a_secret_that_is_not_there_is_usage"),
        pytest.param([CHANGED, COMMAND], True, 1, id="failed_before_changes"),
        pytest.param([CHANGED, SILENT], True, 3, id="unreachable_before_changes"),
        pytest.param([CHANGED, JUDGED], True, 1, id="a_failed_check_before_changes"),
    ],
)
def test_the_exit_code_is_the_contracts(hosts: list[HostOutcome], changes_count: bool, code: int) -> None:  # noqa: FBT001
    outcomes = [PhaseOutcome("One", 1.0, {f"host{number}": host}) for number, host in enumerate(hosts)]
    assert exit_code(outcomes, changes_count=changes_count) == code


def test_unreachable_hosts_are_listed_once_and_in_order() -> None:
    outcomes = [PhaseOutcome("One", 1, {"b": SILENT, "a": COMMAND}), PhaseOutcome("Two", 1, {"b": SILENT, "c": SILENT})]
    assert unreachable(outcomes) == ["b", "c"]


FINDING = Finding(
    "openwrt",
    "route",
    "10.33.5.0/24",
    "rib",
    ok=False,
    expected=("10.31.90.1",),
    missing=("10.31.90.1",),
    reason="session Idle",
)
RIGHT = Finding("openwrt", "session", "10.31.90.1", "bgp", ok=True)
RUN = [
    PhaseOutcome("Prepare nodes", 1.234, {"a": CHANGED, "b": COMMAND, "c": SKIPPED}),
    PhaseOutcome("Workers", 0.0, {"a": SKIPPED}, skipped_because="b failed before"),
    PhaseOutcome("Verify both ends", 0.5, {"openwrt": HostOutcome(findings=(FINDING, RIGHT), failed=True)}),
]


def test_json_says_what_each_phase_did_on_each_host() -> None:
    document = json.loads(json.dumps(as_json("deploy", RUN, 12.3456)))
    assert {key: document[key] for key in ("runbook", "ok", "changed", "seconds")} == {
        "runbook": "deploy",
        "ok": False,
        "changed": True,
        "seconds": 12.35,
    }
    first, second, _ = document["phases"]
    assert (first["title"], first["seconds"], list(first["hosts"])) == ("Prepare nodes", 1.23, ["a", "b", "c"])
    assert first["hosts"]["a"] == {
        "changed": True,
        "failed": False,
        "skipped": False,
        "changes": [{"what": "swap", "diff": "- on\n+ off"}],
        "error": None,
    }
    assert first["hosts"]["b"] == {
        "changed": False,
        "failed": True,
        "skipped": False,
        "changes": [],
        "error": "a: exit 1",
    }
    assert (second["skipped"], second["hosts"]["a"]["skipped"]) == ("b failed before", True)


def test_json_of_checks_has_the_keys_of_the_contract() -> None:
    check = json.loads(json.dumps(as_json("verify_routes", RUN, 1.0)))["checks"][0]
    assert check == {
        "host": "openwrt",
        "check": "route",
        "subject": "10.33.5.0/24",
        "layer": "rib",
        "ok": False,
        "expected": ["10.31.90.1"],
        "observed": [],
        "missing": ["10.31.90.1"],
        "unexpected": [],
        "reason": "session Idle",
        "cause": "",
        "evidence": [],
        "cure": "",
    }


def test_json_is_ok_when_nothing_failed() -> None:
    assert as_json("deploy", [PhaseOutcome("One", 1, {"a": CHANGED, "b": SKIPPED})], 1.0)["ok"] is True


def suite_of(outcomes: list[PhaseOutcome]) -> ET.Element:
    text = as_junit("deploy", outcomes, 12.3456)
    assert text.startswith("<?xml")
    return ET.fromstring(text.encode())


def counted(suite: ET.Element) -> dict[str, int]:
    """What stands in the suite, by counting it."""
    return {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }


def test_junit_has_a_case_for_each_host_and_each_finding_and_counts_them_right() -> None:
    suite = suite_of(RUN)
    said = {key: int(suite.get(key, "-1")) for key in ("tests", "failures", "errors", "skipped")}
    assert said == counted(suite) == {"tests": 7, "failures": 1, "errors": 1, "skipped": 2}
    assert (suite.get("name"), suite.get("time")) == ("deploy", "12.346")


def test_junit_says_why() -> None:
    suite = suite_of(RUN)
    assert [(error.get("type"), error.get("message")) for error in suite.iter("error")] == [
        ("CommandError", "a: exit 1")
    ]
    assert [failure.get("message") for failure in suite.iter("failure")] == [
        "missing 10.31.90.1; unexpected nothing; session Idle"
    ]
    assert [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")][-2:] == [
        ("openwrt.route", "10.33.5.0/24 rib"),
        ("openwrt.session", "10.31.90.1 bgp"),
    ]


def test_junit_counts_a_failed_check_that_left_no_finding() -> None:
    suite = suite_of([PhaseOutcome("Verify", 1.0, {"a": JUDGED})])
    assert counted(suite) == {"tests": 1, "failures": 1, "errors": 0, "skipped": 0}
    assert suite.get("failures") == "1"
    assert [failure.get("message") for failure in suite.iter("failure")] == ["2 routes missing"]


@pytest.mark.parametrize("said", ["\x1b[31mred\x1b[0m", "bell\x07", "null\x00", "<&>\"'", "caf\udce9", "\uffff", "😀"])
def test_junit_is_well_formed_whatever_a_device_says(said: str) -> None:
    (error,) = suite_of([PhaseOutcome("One", 1.0, {"a": failed(CommandError(f"it said {said}"))})]).iter("error")
    assert str(error.get("message")).startswith("it said ")


def test_junit_of_an_empty_run_is_an_empty_suite() -> None:
    assert counted(suite_of([])) == {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}


def test_every_value_of_a_report_is_one_that_json_knows(capsys: Any) -> None:
    print(json.dumps(as_json("deploy", [PhaseOutcome("One", 1.0, {"a": FAULT})], 0.1)))
    assert json.loads(capsys.readouterr().out)["phases"][0]["hosts"]["a"]["error"] == "division by zero"
