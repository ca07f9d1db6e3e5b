"""Reasons not to touch a router, from what it answered."""

from typing import Any

import pytest

from tasks.linux.observe import Answer, Seen
from tasks.routers import preflight
from tests.conftest import CHECKOUT, merged

BIRD_CONF = (CHECKOUT / "lab/files/tiny-unraid/etc/bird/bird.conf").read_text(encoding="utf-8")
LINUX = {
    "addresses": (0, "127.0.0.1/8\n10.31.254.253/16\n10.32.0.1/24\n"),
    "forwarding": (0, "1\n"),
}
HEALTHY = {
    "frr": {
        "vtysh": (0, "/usr/bin/vtysh\n"),
        "reload": (0, "/usr/lib/frr/frr-reload.py\n"),
        "daemons": (0, " zebra bgpd watchfrr staticd\n"),
        "integrated": (1, "0\n"),  # grep found none
        **LINUX,
    },
    "bird": {
        "birdc": (0, "/usr/sbin/birdc\n"),
        "status": (
            0,
            "BIRD 2.0.12 ready.\nAccess restricted\nBIRD 2.0.12\nRouter ID is 10.31.254.253\nDaemon is up and running\n",
        ),
        "configuration": (0, BIRD_CONF),
        **LINUX,
    },
}


@pytest.fixture
def refused(intent_of: Any) -> Any:
    """The reasons for a case, on a router of a platform."""

    def reasons(case: dict[str, Any], platform: str) -> list[str]:
        of_platform = {"hosts": {"openwrt": {"groups": [platform]}}}
        intent = intent_of(**merged(case.get("inventory", {}), of_platform))
        said = HEALTHY[platform] | case["seen"]
        assert said.keys() == HEALTHY[platform].keys()
        seen = Seen({name: Answer(code, text) for name, (code, text) in said.items()}, {})
        return preflight.reasons(intent, intent.router("openwrt"), seen)

    return reasons


@pytest.mark.parametrize("platform", HEALTHY)
def test_the_answers_of_these_tests_are_to_the_questions_that_are_asked(intent_of: Any, platform: str) -> None:
    intent = intent_of(hosts={"openwrt": {"groups": [platform]}})
    assert HEALTHY[platform].keys() == preflight.questions(intent.router("openwrt")).keys()


@pytest.mark.cases("refusals")
def test_an_frr_router_is_refused_with_every_reason_and_its_cure(case: dict[str, Any], refused: Any) -> None:
    assert refused(case, "frr") == case["reasons"]


@pytest.mark.cases("bird_refusals")
def test_a_bird_router_is_refused_with_every_reason_and_its_cure(case: dict[str, Any], refused: Any) -> None:
    assert refused(case, "bird") == case["reasons"]
