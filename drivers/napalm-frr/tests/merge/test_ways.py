"""The ways by vtysh alone: there and back, for every case of the tables, and where processes are exchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from napalm_frr.candidate import Candidate
from napalm_frr.configuration import Configuration, parse, read
from napalm_frr.merge import overlay
from napalm_frr.ways import leads, way

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = (HERE / "base.conf").read_text(encoding="utf-8")
RUNNING = read(BASE)


def walked(standing: Configuration, wanted: Configuration) -> list[str]:
    """The lines of the way, which leads there."""
    text = way(standing, wanted)
    assert text is not None
    assert overlay(standing, parse(text)).effective.same_as(wanted)
    return text.splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_way_leads_there_and_back_in_every_case(case: Path) -> None:
    plan = Candidate(yaml.safe_load(case.read_text(encoding="utf-8"))["fragment"], replaces=False).plan(BASE)
    assert bool(walked(plan.running, plan.effective)) == bool(walked(plan.effective, plan.running)) != plan.is_empty


def test_a_replacement_changes_no_more_than_the_lines_that_differ() -> None:
    text = BASE.replace("neighbor NODES timers 3 9", "neighbor NODES timers 10 30").replace(
        " neighbor 10.31.90.2 description the second\n", ""
    )
    plan = Candidate(text, replaces=True).plan(BASE)
    assert walked(plan.running, plan.effective) == [
        "router bgp 64512",
        " neighbor NODES timers 10 30",
        "exit",
        "router bgp 64512",
        " no neighbor 10.31.90.2 description the second",
        "exit",
    ]


def test_everything_goes_and_everything_comes_back() -> None:
    empty = Candidate("hostname openwrt\n", replaces=True).plan(BASE).effective
    assert "no router bgp 64512" in walked(RUNNING, empty)
    assert "router bgp 64512" in walked(empty, RUNNING)


def test_a_process_of_another_as_is_stopped_before_the_new_one_starts() -> None:
    other = read(BASE.replace("router bgp 64512", "router bgp 65000"))
    lines = walked(RUNNING, other)
    assert lines[:2] == ["no router bgp 64512", "router bgp 65000"]
    assert not [line for line in lines if "ospf" in line], "the other process is let alone"
    assert walked(other, RUNNING)[0] == "no router bgp 65000"


def test_a_text_that_leads_elsewhere_is_not_given_out() -> None:
    assert not leads(RUNNING, "no router bgp 64512\n", RUNNING)
    assert not leads(RUNNING, "router bgp 65000\n", RUNNING), "a second AS is refused, and nothing is vouched for"


def test_where_no_way_is_known_none_is_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napalm_frr.ways.inverse", lambda _standing, _wanted: "hostname somebody-else\n")
    assert way(RUNNING, read(BASE.replace("router bgp 64512", "router bgp 65000"))) is None
