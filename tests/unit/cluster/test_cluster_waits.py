"""Conditions that a run waits for, each asked of a real server; and the waiting itself."""

from typing import Any

import pytest

from kubepeer.errors import CommandError, UnreachableError
from tasks.cluster import conditions, waits
from tasks.cluster.api import KubernetesApi
from tasks.cluster.refusal import ApiRefusal
from tests.unit.cluster.api_server import ApiServer


@pytest.mark.cases("waits")
def test_a_condition_says_what_is_still_missing(
    case: dict[str, Any], connected: KubernetesApi, server: ApiServer
) -> None:
    server.state.objects |= case["objects"]
    assert getattr(conditions, case["wait"])(connected, **case["arguments"]) == case["says"]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)


def test_it_is_asked_again_until_nothing_is_missing(answers: None) -> None:
    said = iter(["two are missing", "one is missing", ""])
    waits.until(lambda: next(said), 10)
    assert next(said, "exhausted") == "exhausted"


def test_the_deadline_tells_what_was_missing_at_last(answers: None) -> None:
    with pytest.raises(CommandError, match=r"^after 0 s: one is missing$"):
        waits.until(lambda: "one is missing", 0.02)


def test_the_deadline_tells_what_stands_in_the_way(answers: None) -> None:
    with pytest.raises(CommandError, match=r"^after 0 s: one is missing: a-pod on a-node: Failed: no space left$"):
        waits.until(lambda: "one is missing", 0.02, lambda: "a-pod on a-node: Failed: no space left")


def test_what_stands_in_the_way_may_not_be_known(answers: None) -> None:
    def why() -> str:
        raise UnreachableError("nobody answers")

    with pytest.raises(CommandError, match=r"^after 0 s: one is missing$"):
        waits.until(lambda: "one is missing", 0.02, why)


def test_an_api_that_does_not_answer_for_a_moment_is_waited_for(answers: None) -> None:
    said = iter([UnreachableError("the virtual IP moves"), ""])

    def problem() -> str:
        answer = next(said)
        if isinstance(answer, UnreachableError):
            raise answer
        return answer

    waits.until(problem, 10)


def test_an_api_that_never_answers_is_told_at_the_deadline(answers: None) -> None:
    def problem() -> str:
        raise UnreachableError("nobody answers")

    with pytest.raises(CommandError, match="nobody answers"):
        waits.until(problem, 0.02)


def test_a_refusal_ends_the_waiting_at_once(answers: None) -> None:
    asked = []

    def problem() -> str:
        asked.append(1)
        raise ApiRefusal(403, "GET /", "forbidden")

    with pytest.raises(ApiRefusal):
        waits.until(problem, 10)
    assert asked == [1]
