"""The ways by vtysh alone: there and back, for every case of the tables, and where processes are exchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from napalm_frr.candidate import Candidate
from napalm_frr.configuration import Configuration, read
from napalm_frr.ways import leads, way

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = (HERE / "base.conf").read_text(encoding="utf-8")
RUNNING = read(BASE)


def walked(standing: Configuration, wanted: Configuration) -> list[str]:
    """The lines of the way, which leads there."""
    text = way(standing, wanted)
    assert text is not None
    assert leads(standing, text, wanted)
    assert "no address-family" not in text, "FRR has no such command"
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


def test_a_neighbour_that_leaves_its_group_goes_before_it_comes_back_with_an_as_of_its_own() -> None:
    """FRR refuses the AS of a member, and takes the rest of a neighbour along when it leaves the group."""
    fragment = "router bgp 64512\n neighbor 10.32.0.10 peer-group NODES\n"
    joined = Candidate(fragment, replaces=False).plan(BASE).effective
    lines = walked(joined, RUNNING)
    assert lines[:3] == ["router bgp 64512", " no neighbor 10.32.0.10", "exit"]
    assert " neighbor 10.32.0.10 remote-as 64999" in lines
    assert " neighbor 10.32.0.10 description transit" in lines


def test_an_address_family_goes_by_its_lines() -> None:
    family = " address-family ipv6 unicast\n  neighbor NODES activate\n  neighbor NODES route-map NODES-IN in\n"
    fragment = f"router bgp 64512\n{family}"
    plan = Candidate(fragment, replaces=False).plan(BASE)
    assert walked(plan.effective, plan.running) == [
        "router bgp 64512",
        " address-family ipv6 unicast",
        "  no neighbor NODES route-map NODES-IN in",
        "  no neighbor NODES activate",
        " exit-address-family",
        "exit",
    ]


def test_a_neighbour_changes_its_group_through_none() -> None:
    other = read(
        BASE.replace(" neighbor NODES peer-group\n", " neighbor NODES peer-group\n neighbor MORE peer-group\n").replace(
            "neighbor 10.31.90.2 peer-group NODES", "neighbor 10.31.90.2 peer-group MORE"
        )
    )
    lines = walked(RUNNING, other)
    assert lines.index(" no neighbor 10.31.90.2") < lines.index(" neighbor 10.31.90.2 peer-group MORE")
    assert " neighbor 10.31.90.2 description the second" in lines


def test_who_has_an_as_of_its_own_no_more_is_made_anew() -> None:
    """So it is also with what a daemon is going to refuse: the way back from it is known beforehand."""
    fragment = "router bgp 64512\n neighbor 10.31.90.8 peer-group NODES\n neighbor 10.31.90.1 remote-as 65001\n"
    plan = Candidate(fragment, replaces=False).plan(BASE)
    lines = walked(plan.effective, plan.running)
    assert lines.index(" no neighbor 10.31.90.1") < lines.index(" neighbor 10.31.90.1 peer-group NODES")
    assert " no neighbor 10.31.90.8" in lines


def test_a_group_that_has_an_as_no_more_is_made_anew_with_its_members() -> None:
    without = read(BASE.replace(" neighbor NODES remote-as 64517\n", ""))
    lines = walked(RUNNING, without)
    assert lines.index(" no neighbor NODES peer-group") < lines.index(" neighbor NODES peer-group")
    assert " neighbor 10.31.90.2 description the second" in lines
