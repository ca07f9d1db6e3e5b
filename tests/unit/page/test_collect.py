"""A run as a report: the time line, hosts with errors first, each change once, no secret anywhere."""

from typing import Any

import pytest

from kubepeer.change import Change
from kubepeer.checks import Evidence, Finding
from kubepeer.errors import UnreachableError
from kubepeer.outcome import NOTHING_CHOSEN, HostOutcome, PhaseOutcome
from kubepeer.page.collect import CAUSES, DIFF_LINES, page
from kubepeer.page.document import OPEN_CAUSES, Cause, Page, Routes
from kubepeer.page.hidden import hidden
from tests.unit.page.reported import MADE, deployment

CHANGED = HostOutcome(changes=(Change("/etc/x", "old\n", "new\n"),))
LOST = HostOutcome(error=UnreachableError("no answer", host="a", cure="switch it on"), failed=True)


def reported(*outcomes: PhaseOutcome, **further: Any) -> Page:
    return page("deploy", "c", outcomes, 10.0, ok=False, made=MADE, **further)


def test_bars_stand_where_their_phases_began() -> None:
    bars = {bar.title: bar for bar in deployment().bars}
    assert {title: (bar.left, bar.width) for title, bar in bars.items()} == {
        "Observe": (0, 4.81), "Prepare nodes": (5.05, 94.23), "Configure routers": (5.05, 42.55), "Workers": (99.52, 0.3),
    }  # fmt: skip
    assert [(bar.state, bar.hosts) for bar in bars.values()] == [
        ("right", "8 hosts"), ("wrong", "6 hosts"), ("right", "2 hosts"), ("unknown", "0 hosts"),
    ]  # fmt: skip
    assert bars["Workers"].skipped == "k8s-calico-worker-10-31-90-6 failed before"


TIMES = [(0.0, 0.0, 0.0), (0.0, 10.0, 10.0), (9.999, 0.0, 10.0), (5.0, 10.0, 10.0), (12.0, 1.0, 10.0), (0.0, 0.0, 10.0)]


@pytest.mark.parametrize(("began", "took", "whole"), TIMES)
def test_no_bar_leaves_its_line_and_each_is_seen(began: float, took: float, whole: float) -> None:
    (bar,) = page("r", "c", [PhaseOutcome("One", took, {"a": CHANGED}, began=began)], whole, ok=True, made=MADE).bars
    assert bar.width > 0
    assert 0 <= bar.left <= bar.left + bar.width <= 100


def test_a_phase_that_was_for_nobody_has_no_bar() -> None:
    assert reported(PhaseOutcome("One", 0.0, skipped_because=NOTHING_CHOSEN)).bars == ()


def test_hosts_with_errors_come_first_then_those_that_changed() -> None:
    hosts = {"quiet": HostOutcome(), "changed": CHANGED, "lost": LOST, "left out": HostOutcome(skipped=True)}
    shown = reported(PhaseOutcome("One", 1.0, hosts), PhaseOutcome("Two", 1.0, {"lost": HostOutcome(skipped=True)}))
    assert [(host.name, host.state) for host in shown.hosts] == [
        ("lost", "failed"), ("changed", "changed"), ("quiet", "done"), ("left out", "left out"),
    ]  # fmt: skip
    assert shown.busy_hosts[0].errors == ("One: no answer; cure: switch it on",)
    assert [host.name for host in shown.quiet_hosts] == ["quiet", "left out"]


def test_a_change_of_several_hosts_stands_once() -> None:
    (diff,) = reported(PhaseOutcome("One", 1.0, {"a": CHANGED, "b": CHANGED})).diffs
    assert (diff.phase, diff.what, diff.hosts) == ("One", "/etc/x", "a, b")
    assert [(line.kind, line.text) for line in diff.lines] == [("removed", "- old"), ("added", "+ new")]


def test_the_heads_of_a_diff_are_neither_added_nor_removed() -> None:
    change = Change("/etc/x", "a\nb\n", "a\nc\n")
    (diff,) = reported(PhaseOutcome("One", 1.0, {"a": HostOutcome(changes=(change,))})).diffs
    assert [line.kind for line in diff.lines] == ["", "", "", "", "removed", "added"]


def test_a_diff_without_end_is_cut_and_says_so() -> None:
    change = Change("/etc/x", None, "x\n" * (DIFF_LINES + 10))
    (diff,) = reported(PhaseOutcome("One", 1.0, {"a": HostOutcome(changes=(change,))})).diffs
    assert len(diff.lines) == DIFF_LINES + 1
    assert diff.lines[-1].text == "... and 13 more lines: --verbose prints them"  # three are the diff's own head


def test_what_could_not_be_seen_comes_before_what_was_seen_to_be_wrong() -> None:
    wrong = HostOutcome(
        findings=(Finding("b", "endpoint", "10.0.0.1", "data", ok=False, reason="nobody has it"),), failed=True
    )
    heavy = Cause("r", "session with x", "down", weight=500)
    shown = reported(PhaseOutcome("One", 1.0, {"b": wrong, "a": LOST, "c": LOST}), routes=Routes(causes=(heavy,)))
    assert [(cause.host, cause.what) for cause in shown.causes] == [
        ("a, a", "One"),
        ("r", "session with x"),
        ("b", "endpoint: 10.0.0.1"),
    ]
    assert shown.causes[0].cure == "switch it on"
    assert shown.filtered == ["a", "b", "r"]
    assert shown.headline == "3 causes of failure"


def test_findings_that_routes_explain_are_not_told_twice() -> None:
    finding = Finding("r", "session", "10.0.0.1", "bgp", ok=False, reason="down")
    outcome = PhaseOutcome("One", 1.0, {"r": HostOutcome(findings=(finding,), failed=True)})
    assert reported(outcome, routes=Routes(explained=frozenset({"session"}))).causes == ()
    assert [cause.reason for cause in reported(outcome).causes] == ["down"]


def test_more_causes_than_anybody_reads_are_counted() -> None:
    many = tuple(Cause("r", str(number), "down", weight=number) for number in range(CAUSES + 5))
    shown = reported(routes=Routes(causes=many))
    assert [cause.weight for cause in shown.causes[:2]] == [CAUSES + 4, CAUSES + 3]
    assert (len(shown.first_causes), len(shown.further_causes)) == (OPEN_CAUSES, CAUSES - OPEN_CAUSES)
    assert shown.headline == f"{CAUSES + 5} causes of failure"
    assert shown.notes == ("5 more causes are not shown: --output json has all",)


def test_secrets_are_hidden_before_anything_is_taken_apart() -> None:
    secret = "pass; word: x"
    one = (secret,)
    finding = Finding(
        "r", "session", secret, "bgp", ok=False, expected=one, observed=one, missing=one, unexpected=one, reason=secret,
        cause="AsDiffers", evidence=(Evidence(secret, secret, secret),), cure=secret,
    )  # fmt: skip
    host = HostOutcome(
        changes=(Change(f"file {secret}", secret, "new"), Change("a key", secret, "new", secret=True)),
        findings=(finding,),
        summary=secret,
        error=UnreachableError(f"got {secret}", cure=f"try {secret}"),
        failed=True,
    )
    fault = HostOutcome(error=ValueError(secret), failed=True)
    (outcome,) = hidden([PhaseOutcome("One", 1.0, {"r": host, "s": fault})], lambda text: text.replace(secret, "****"))
    assert secret not in repr(outcome)
    assert "pass" not in repr(outcome)
    assert [change.diff for change in outcome.hosts["r"].changes] == ["- ****\n+ new", "~ a key (secret: not shown)"]
    assert str(outcome.hosts["s"].error).startswith("ValueError: ****")
