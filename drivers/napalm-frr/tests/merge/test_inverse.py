"""The way back from every case of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from napalm_frr.candidate import Candidate
from napalm_frr.configuration import parse, read
from napalm_frr.inverse import inverse
from napalm_frr.merge import overlay

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = (HERE / "base.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_way_back_leads_to_what_was(case: Path) -> None:
    plan = Candidate(yaml.safe_load(case.read_text(encoding="utf-8"))["fragment"], replaces=False).plan(BASE)
    way = inverse(plan.effective, plan.running)
    assert overlay(plan.effective, parse(way)).effective.same_as(plan.running)
    assert (way == "") == plan.is_empty


def test_a_new_neighbour_and_a_new_list_go_with_one_line_each() -> None:
    fragment = """
ip prefix-list NEW seq 5 permit any
ip prefix-list NEW seq 10 deny any
router bgp 64512
 neighbor 192.0.2.1 remote-as 5
 neighbor 192.0.2.1 description five
 address-family ipv4 unicast
  neighbor 192.0.2.1 route-map NODES-IN in
"""
    plan = Candidate(fragment, replaces=False).plan(BASE)
    assert inverse(plan.effective, plan.running).splitlines() == [
        "router bgp 64512",
        " no neighbor 192.0.2.1",
        "exit",
        "no ip prefix-list NEW",
    ]


def test_a_policy_is_put_back_before_another_goes() -> None:
    fragment = """
route-map OTHER permit 10
router bgp 64512
 address-family ipv4 unicast
  neighbor NODES route-map OTHER in
"""
    plan = Candidate(fragment, replaces=False).plan(BASE)
    lines = inverse(plan.effective, plan.running).splitlines()
    assert lines.index("  neighbor NODES route-map NODES-IN in") < lines.index("no route-map OTHER permit 10")
    assert not [line for line in lines if "no neighbor" in line]


def test_the_default_family_comes_back_and_nobody_is_deactivated() -> None:
    fragment = "router bgp 64512\n no bgp default ipv4-unicast\n"
    plan = Candidate(fragment, replaces=False).plan(BASE)
    assert inverse(plan.effective, plan.running) == "router bgp 64512\n bgp default ipv4-unicast\nexit\n"


def test_a_neighbour_that_returns_is_not_left_shut_down_by_default() -> None:
    running = BASE.replace(" neighbor NODES peer-group\n", " bgp default shutdown\n neighbor NODES peer-group\n")
    plan = Candidate("router bgp 64512\n no neighbor 10.31.90.2\n", replaces=False).plan(running)
    way = inverse(plan.effective, plan.running)
    assert way.splitlines()[-2:] == [" no neighbor 10.31.90.2 shutdown", "exit"]
    assert overlay(plan.effective, parse(way)).effective.same_as(plan.running)


def test_what_the_rules_cannot_vouch_for_is_left_to_frr_reload_but_for_the_secrets() -> None:
    before = read(BASE)
    after = read(BASE.replace("router bgp 64512", "router bgp 64999").replace("key-string old", "key-string new"))
    assert inverse(after, before) == ""
