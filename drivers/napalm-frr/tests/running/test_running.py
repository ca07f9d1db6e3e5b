"""Configurations that run somewhere: laid over themselves nothing changes, and one more line is one more line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_frr.candidate import Candidate
from napalm_frr.configuration import Configuration, Statement, parse, read, text_of
from napalm_frr.contexts import Path as Path_
from napalm_frr.diff import compare
from napalm_frr.inverse import inverse
from napalm_frr.merge import overlay
from napalm_frr.whole import whole

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.conf"))
FULL = sorted((HERE.parent / "full").glob("*.conf"))
ROWS: list[dict[str, Any]] = yaml.safe_load((HERE / "rows.yaml").read_text(encoding="utf-8"))
MORE = "ip prefix-list ONE-MORE seq 5 permit 198.51.100.0/24"
NEIGHBOR = "neighbor 198.51.100.250 remote-as 64999"


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CASES + FULL, ids=named)
@pytest.mark.parametrize("replaces", [False, True], ids=["merge", "replace"])
class TestWhatRuns:
    def test_laid_over_itself_changes_nothing(self, path: Path, replaces: bool) -> None:  # noqa: FBT001
        text = path.read_text(encoding="utf-8")
        plan = Candidate(text, replaces=replaces).plan(text)
        assert compare(plan.running, plan.effective) == ""
        assert replaces or plan.changing == ()

    def test_with_one_line_more_differs_by_that_line(self, path: Path, replaces: bool) -> None:  # noqa: FBT001
        text = path.read_text(encoding="utf-8").removesuffix("end\n")
        plan = Candidate(f"{text}\n{MORE}\n", replaces=replaces).plan(text)
        assert plan.effective.members - plan.running.members == {(MORE,)}
        assert plan.running.members <= plan.effective.members
        assert replaces or [one.line for one in plan.changing] == [MORE]


@pytest.mark.parametrize("path", CASES + FULL, ids=named)
def test_what_is_written_reads_the_same(path: Path) -> None:
    running = read(path.read_text(encoding="utf-8"))
    assert read(text_of(running)).same_as(running)


@pytest.mark.parametrize("path", FULL, ids=named)
def test_a_whole_configuration_without_some_lines_lacks_those_alone(path: Path) -> None:
    """One line of every context at a time, the first of each, then the second: every line is left out once."""
    running = read(path.read_text(encoding="utf-8"))
    statements = [Statement(one, 0, one in running.contexts) for one in running.paths]
    turns: dict[Path_, int] = {}
    rounds: dict[int, set[Path_]] = {}
    for one in running.paths:
        if one not in running.contexts:
            turn = turns[one[:-1]] = turns.get(one[:-1], -1) + 1
            rounds.setdefault(turn, set()).add(one)
    assert sum(map(len, rounds.values())) > 80
    nothing = Configuration((), frozenset(), running.generation)
    for gone in rounds.values():
        left = whole([one for one in statements if one.path not in gone], nothing, running).members
        assert left <= running.members
        assert {one for one in running.members - left if one not in running.contexts} == gone


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_fragment_on_what_runs(row: dict[str, Any]) -> None:
    text = (HERE / "cases" / row["running"]).read_text(encoding="utf-8") if "running" in row else row["text"]
    plan = Candidate(row["fragment"], replaces=row.get("replaces", False)).plan(text)
    gone = [f"- {' / '.join(path)}" for path in plan.running.paths if path not in plan.effective.members]
    new = [f"+ {' / '.join(path)}" for path in plan.effective.paths if path not in plan.running.members]
    assert gone + new == row["changes"]
    if "applied" in row:
        assert plan.fragment.splitlines() == row["applied"].splitlines()
    way = inverse(plan.effective, plan.running)
    assert overlay(plan.effective, parse(way)).effective.same_as(plan.running)
    if "back" in row:
        assert way.splitlines() == row["back"].splitlines()
