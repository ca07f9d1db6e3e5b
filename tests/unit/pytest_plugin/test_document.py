"""A verification's document as tests: names, failures, errors."""

import json
from typing import Any

from kubepeer.errors import UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.report import as_json
from kubepeer_pytest.document import failure, findings, questions
from tests.unit.platforms.test_table import findings_of


def document(recording: str = "peer-disabled", **hosts: HostOutcome) -> Any:
    """What `--output json` writes of a router that has given recorded answers, and of further hosts."""
    found = findings_of(recording)
    outcome = HostOutcome(findings=found, failed=not all(one.ok for one in found))
    return json.loads(
        json.dumps(as_json("verify_routes", [PhaseOutcome("Verify routes", 1.0, {"openwrt": outcome, **hosts})], 1.0))
    )


def test_each_answer_is_a_test_by_a_name_that_can_be_read() -> None:
    names = [one.name for one in questions(document())]
    assert names[0] == "asked/openwrt[verify-routes]"
    assert {
        "sessions/openwrt/10.31.90.6",
        "routes/openwrt/10.33.192.0/18[bgp]",
        "routes/openwrt/10.33.192.0/18[kernel]",
    } < {*names}
    assert len(names) == len({*names}) == 1 + len(findings_of("peer-disabled"))
    assert not [name for name in names if " " in name]


def test_what_fails_tells_reason_expected_and_observed() -> None:
    failed = {one.name: one.failure for one in questions(document()) if one.failure}
    assert len(failed) == sum(not one.ok for one in findings_of("peer-disabled"))
    lines = failed["routes/openwrt/10.33.192.0/18[kernel]"].splitlines()
    assert lines[0].startswith("openwrt: 10.33.192.0/18 (fib, kernel): 10.31.90.6: ")
    assert lines[1] == "expected    10.31.90.1, 10.31.90.2, 10.31.90.3, 10.31.90.4, 10.31.90.5, 10.31.90.6"
    assert lines[3] == "missing     10.31.90.6"


def test_a_cause_stands_with_its_evidence_and_cure() -> None:
    proof = {"host": "n6", "asked": "birdcl show protocols", "answered": "Unable to connect"}
    said = {
        "host": "r", "check": "session", "subject": "10.31.90.6", "layer": "bgp", "ok": False, "expected": ["Established"],
        "observed": [], "missing": [], "unexpected": [], "reason": "Idle", "cause": "BIRD is not running", "evidence": [proof],
        "cure": "start it",
    }  # fmt: skip
    assert failure(said).splitlines() == [
        "r: 10.31.90.6 (session, bgp): Idle",
        "cause       BIRD is not running",
        "evidence    n6: birdcl show protocols: Unable to connect",
        "cure        start it",
        "expected    Established",
        "observed    nothing",
    ]


def test_a_router_that_could_not_be_asked_is_an_error_and_one_that_was_left_out_is_skipped() -> None:
    lost = HostOutcome(error=UnreachableError("no answer", host="bird-1"), failed=True)
    said = document(**{"bird-1": lost, "bird-2": HostOutcome(skipped=True)})
    by_name = {one.name: one for one in questions(said)}
    assert by_name["asked/bird-1[verify-routes]"].error == "bird-1: no answer"
    assert by_name["asked/bird-2[verify-routes]"].skipped == "bird-2 failed before"


def test_two_answers_of_one_name_are_two_tests() -> None:
    said = document("healthy")
    said["checks"].append(said["checks"][0])
    assert {"sessions/openwrt/10.31.90.1", "sessions/openwrt/10.31.90.1-2"} < {one.name for one in questions(said)}


def test_the_order_is_that_of_the_names_whatever_the_run_has_done() -> None:
    said = document()
    turned = said | {"checks": said["checks"][::-1]}
    assert questions(said) == questions(turned)


def test_the_answers_come_back_as_they_were_found() -> None:
    assert findings(document()) == findings_of("peer-disabled")
