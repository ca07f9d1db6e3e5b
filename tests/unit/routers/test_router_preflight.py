"""Reasons not to touch a router, from what it answered."""

from typing import Any

import pytest

from tasks.linux.observe import Answer, Seen
from tasks.routers import preflight

HEALTHY = {
    "vtysh": (0, "/usr/bin/vtysh\n"),
    "reload": (0, "/usr/lib/frr/frr-reload.py\n"),
    "daemons": (0, " zebra bgpd watchfrr staticd\n"),
    "integrated": (1, "0\n"),  # grep found none
    "addresses": (0, "127.0.0.1/8\n10.31.254.253/16\n10.32.0.1/24\n"),
    "forwarding": (0, "1\n"),
}


def test_the_answers_of_these_tests_are_to_the_questions_that_are_asked() -> None:
    assert HEALTHY.keys() == preflight.QUESTIONS.keys()


@pytest.mark.cases("refusals")
def test_a_router_is_refused_with_every_reason_and_its_cure(case: dict[str, Any], intent_of: Any) -> None:
    said = HEALTHY | case["seen"]
    assert said.keys() == HEALTHY.keys()
    seen = Seen({name: Answer(code, text) for name, (code, text) in said.items()}, {})
    assert preflight.reasons(intent_of().router("openwrt"), seen) == case["reasons"]
