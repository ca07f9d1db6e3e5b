"""A clock that is off by minutes, of a node or of a router, changes no verdict, no age and no cause: each machine has its own times.

FRR tells ages, and no times.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.checks import Finding
from tasks.linux.observe import Answer
from tasks.routes.causes.explain import explained
from tasks.routes.checks import Case, judge
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, reader, tutorial
from tests.unit.routes import test_causes as table

MINUTES = (-12, 12)
CLOCK = re.compile(r"\b(\d\d:\d\d:\d\d)(\.\d+)?\b")
CREATED = re.compile(r'(?<="createdAt": ")(\d+)')  # nanoseconds since 1970, as crictl has them
OF_BIRD = (
    "bird/peer-disabled-a-while-ago",
    "bird/power-cut-a-while-ago",
    "bird/killed",
    "bird/bird3-killed",
    "bird/bird-recovers",
)
CASES = [
    path
    for path in sorted((table.HERE / "causes").glob("*.yaml"))
    if "Since         Info" in path.read_text(encoding="utf-8")
]


def later(text: str, minutes: int) -> str:
    """What a machine prints whose clock is so far ahead."""

    def moved(found: re.Match[str]) -> str:
        moment = datetime.strptime(found[1], "%H:%M:%S") + timedelta(minutes=minutes)  # noqa: DTZ007  a machine's own
        return f"{moment:%H:%M:%S}{found[2] or ''}"

    text = CREATED.sub(lambda found: str(int(found[1]) + minutes * 60 * 10**9), text)
    return CLOCK.sub(moved, text)


def verdict(name: str, said: Mapping[str, Answer]) -> list[Finding]:
    seen = reader(name).read(said, PROBES)
    return list(judge(Case("a-router", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""))))


@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("name", OF_BIRD)
def test_a_routers_clock_that_is_off_changes_no_verdict_and_no_age(name: str, minutes: int) -> None:
    said = answers(name)
    moved = {question: replace(answer, text=later(answer.text, minutes)) for question, answer in said.items()}
    assert moved != said
    expected = verdict(name, said)
    assert any(not one.ok for one in expected)
    assert verdict(name, moved) == expected


@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_nodes_clock_that_is_off_changes_no_cause(path: Path, minutes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    expected = told(case)
    plain: Callable[[Any], dict[str, Answer]] = table.given
    shifted = []

    def given(asked: dict[str, Any]) -> dict[str, Answer]:
        found = plain(asked)
        if "kubelet" not in found:  # a router's
            return found
        moved = {name: replace(answer, text=later(answer.text, minutes)) for name, answer in found.items()}
        shifted.append(moved != found)
        return moved

    monkeypatch.setattr(table, "given", given)
    assert told(case) == expected
    assert all(shifted)


def told(case: dict[str, Any]) -> tuple[Finding, ...]:
    known, findings = table.situation(case)
    return explained(findings, known)
