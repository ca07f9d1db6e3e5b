"""A replacing candidate against what runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from napalm.base.exceptions import MergeConfigException

from napalm_frr.candidate import Candidate
from napalm_frr.diff import compare

BASE = (Path(__file__).parent.parent / "merge" / "base.conf").read_text(encoding="utf-8")


def test_the_same_configuration_in_another_order_is_no_difference() -> None:
    blocks = BASE.removesuffix("end\n").split("\n!\n")
    plan = Candidate("\n!\n".join(reversed(blocks)), replaces=True).plan(BASE)
    assert plan.is_empty
    assert compare(plan.running, plan.effective) == ""


def test_forwarding_and_host_name_stay_where_the_candidate_does_not_name_them() -> None:
    text = BASE.replace("no ipv6 forwarding\n", "").replace("hostname openwrt\n", "")
    assert Candidate(text.replace("service integrated-vtysh-config\n", ""), replaces=True).plan(BASE).is_empty


def test_forwarding_that_the_candidate_names_is_a_change() -> None:
    plan = Candidate(BASE.replace("no ipv6 forwarding\n", "ipv6 forwarding\n"), replaces=True).plan(BASE)
    assert plan.running.members - plan.effective.members == {("no ipv6 forwarding",)}


def test_a_replaced_line_is_shown_in_its_place_and_secrets_are_not() -> None:
    plan = Candidate(BASE.replace("password hunter2", "password hunter3"), replaces=True).plan(BASE)
    shown = compare(plan.running, plan.effective).splitlines()
    changed = [line for line in shown if line[0] in "+-" and not line.startswith(("---", "+++"))]
    assert changed == ["- neighbor NODES password ********", "+ neighbor NODES password ********"]
    assert "  neighbor NODES timers 3 9" in shown


def test_another_as_on_the_same_router_is_refused() -> None:
    with pytest.raises(
        MergeConfigException, match='line 2: "router bgp 65000": this router already runs router bgp 64512'
    ):
        Candidate("!\nrouter bgp 65000\n", replaces=False).plan(BASE)
