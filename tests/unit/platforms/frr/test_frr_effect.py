"""What a fragment makes of a router, reckoned by the driver's own model of FRR; the driver's tests hold that model against FRR."""

import re
from typing import Any

import pytest
from napalm_frr.candidate import Candidate, Plan
from napalm_frr.configuration import read

from tasks.platforms.lines import lines_of
from tests.unit.platforms.frr.test_frr_plan import FRR, RUNNING, edited, rendered

ACTIVATE = ("router bgp 64512", "address-family ipv4 unicast", "neighbor KUBEPEER activate")
NO_DEFAULT = {"router bgp 64512\n": "router bgp 64512\n no bgp default ipv4-unicast\n"}


def merge(intent: Any, running: str) -> Plan:
    fragment = FRR.candidate(intent, intent.router("openwrt"), rendered(intent, running), running)
    return Candidate(fragment, replaces=False).plan(running)


def paths(intent: Any, running: str) -> set[tuple[str, ...]]:
    return set(merge(intent, running).effective.paths)


@pytest.mark.cases("plans")
def test_a_second_run_finds_nothing_to_do(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of(**case.get("inventory", {}))
    once = merge(intent, edited(case))
    text = "".join(f"{' ' * (len(path) - 1)}{path[-1]}\n" for path in once.effective.paths)
    assert merge(intent, text).is_empty


@pytest.mark.cases("plans")
def test_every_foreign_line_stands_afterwards(case: dict[str, Any], intent_of: Any) -> None:
    running = edited(case)
    ours = re.compile(r"KUBEPEER|neighbor 10\.31\.90\.")
    foreign = {path for path in read(running).paths if not any(ours.search(part) for part in path)}
    assert foreign
    assert foreign <= paths(intent_of(**case.get("inventory", {})), running)


@pytest.mark.cases("plans")
def test_everything_that_is_wanted_stands_afterwards(case: dict[str, Any], intent_of: Any) -> None:
    intent, running = intent_of(**case.get("inventory", {})), edited(case)
    wanted = {(*line.context, line.text) for line in lines_of(rendered(intent, running))} - {ACTIVATE}
    assert wanted <= paths(intent, running)


def test_a_router_that_is_as_it_should_be_gets_nothing(intent_of: Any) -> None:
    assert merge(intent_of(), RUNNING).is_empty


def test_where_neighbours_are_not_active_by_default_ours_are_made_so(intent_of: Any) -> None:
    """FRR 8.4.4 shows the line there, and hides it everywhere else: a bgpd was asked."""
    running = edited({"replace": NO_DEFAULT})
    assert ACTIVATE in paths(intent_of(), running)
    assert ACTIVATE not in paths(intent_of(), RUNNING)
    assert ("router bgp 64512", "no bgp default ipv4-unicast") in paths(intent_of(), running)


def test_our_group_switched_off_by_hand_is_switched_on_again(intent_of: Any) -> None:
    off = {"  neighbor KUBEPEER route-map KUBEPEER-IN in\n": "  no neighbor KUBEPEER activate\n"}
    running = edited({"replace": off})
    assert (*ACTIVATE[:2], "no neighbor KUBEPEER activate") not in paths(intent_of(), running)
    assert (*ACTIVATE[:2], "neighbor KUBEPEER route-map KUBEPEER-IN in") in paths(intent_of(), running)


def test_a_filter_of_an_older_release_is_told_of_next_hops_and_no_session_ends(intent_of: Any) -> None:
    intent = intent_of()
    older = re.sub(r"route-map KUBEPEER-HOP permit \d+\n(?: .*\n)+exit\n!\n| call KUBEPEER-HOP\n", "", RUNNING)
    assert "HOP" not in older
    fragment = FRR.candidate(intent, intent.router("openwrt"), rendered(intent, older), older)
    assert "no " not in fragment
    new = paths(intent, older) - set(read(older).paths)
    assert {path for path in new if not path[0].startswith("route-map KUBEPEER-HOP permit ")} == {
        ("route-map KUBEPEER-IN permit 10", "call KUBEPEER-HOP")
    }
    diff = "".join(f"+{' ' * (len(path) - 1)}{path[-1]}\n" for path in new)
    assert FRR.may_go_down(intent, intent.router("openwrt"), older, diff) == set()
