"""Reasons not to touch a router, from what it answered."""

import subprocess
from pathlib import Path
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
        "bird.conf": (0, 'include "/etc/bird/conf.d/*.conf";\n'),
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


def test_birds_configuration_is_read_with_what_it_includes_but_for_our_file_and_the_passwords(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "bird.conf").write_text('include "conf.d/*.conf";\n  include "kernel.conf";\ninclude "absent.conf";\n')
    (tmp_path / "kernel.conf").write_text("protocol kernel { ipv4; merge paths on; }")
    (folder / "transit.conf").write_text('protocol bgp transit { password "one two"; neighbor 192.0.2.1; }\n')
    (folder / "kubepeer.conf").write_text("# ours\n")
    question = preflight.BirdPreflight.questions["configuration"].replace(preflight.BIRD_FOLDER, str(tmp_path))
    done = subprocess.run(["sh", "-c", question], capture_output=True, text=True, check=True)
    assert "protocol kernel { ipv4; merge paths on; }" in done.stdout
    assert 'protocol bgp transit { password ""; neighbor 192.0.2.1; }' in done.stdout
    assert "ours" not in done.stdout
    assert done.stderr == ""
