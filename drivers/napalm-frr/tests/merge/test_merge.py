"""Fragments laid over a running configuration: one file a case, what is laid and what changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_frr.candidate import Candidate
from napalm_frr.configuration import text_of

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = (HERE / "base.conf").read_text(encoding="utf-8")


def load(case: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(case.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("release", ["8.4.4", "10.3", "10.7.1"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_fragment_changes_just_this(case: Path, release: str) -> None:
    content = load(case)
    if release != "8.4.4":
        content["changes"] = content.get("since_9_1", content["changes"])
    plan = Candidate(content["fragment"], replaces=False).plan(f"frr version {release}\n{BASE}")
    gone = {f"- {' / '.join(path)}" for path in plan.running.members - plan.effective.members}
    new = {f"+ {' / '.join(path)}" for path in plan.effective.members - plan.running.members}
    assert gone | new == set(content["changes"])
    assert plan.is_empty == (not content["changes"])
    assert bool(plan.changing) == bool(content["changes"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_same_fragment_again_changes_nothing(case: Path) -> None:
    content = load(case)
    candidate = Candidate(content["fragment"], replaces=False)
    again = candidate.plan(text_of(candidate.plan(BASE).effective))
    assert again.is_empty
    assert again.changing == ()


def test_a_vrf_goes_after_its_routes_for_frr_10_keeps_one_that_holds_any() -> None:
    running = f"{BASE}\nvrf red\n ip route 10.50.0.0/16 blackhole\nexit-vrf\n"
    plan = Candidate("no vrf red\n", replaces=False).plan(running)
    assert plan.fragment.splitlines() == ["vrf red", " no ip route 10.50.0.0/16 blackhole", "exit-vrf", "no vrf red"]
    assert plan.effective.same_as(Candidate("", replaces=False).plan(BASE).running)


@pytest.mark.parametrize(("version", "shown"), [("8.4.4", "neighbor"), ("10.3", "no neighbor")])
def test_what_is_on_by_default_hangs_on_the_version(version: str, shown: str) -> None:
    running = f"frr version {version}\n{BASE}"
    line = "neighbor 10.32.0.10 enforce-first-as"
    on = Candidate(f"router bgp 64512\n {line}\n", replaces=False).plan(running)
    off = Candidate(f"router bgp 64512\n no {line}\n", replaces=False).plan(running)
    changes = [path[-1] for plan in (on, off) for path in plan.effective.members - plan.running.members]
    assert changes == [f"{shown} 10.32.0.10 enforce-first-as"]
    back = Candidate(f"router bgp 64512\n {'no ' if shown == 'neighbor' else ''}{line}\n", replaces=False)
    changed = text_of((on if shown == "neighbor" else off).effective)
    assert back.plan(f"frr version {version}\n{changed}").effective.same_as(on.running)
