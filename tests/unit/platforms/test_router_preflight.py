"""Reasons not to touch a router, from what it answered."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.linux.observe import Answer, Seen
from tasks.platforms import preflight
from tasks.platforms.bird.preflight import BirdPreflight
from tasks.platforms.frr.preflight import LOST
from tasks.platforms.platform import PLATFORMS
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
        "lost": (0, ""),
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
        return preflight.reasons(PLATFORMS[platform].preflight, intent, intent.router("openwrt"), seen)

    return reasons


@pytest.mark.parametrize("platform", HEALTHY)
def test_the_answers_of_these_tests_are_to_the_questions_that_are_asked(intent_of: Any, platform: str) -> None:
    router = intent_of().router("openwrt")
    assert HEALTHY[platform].keys() == preflight.questions(PLATFORMS[platform].preflight, router).keys()


@pytest.mark.cases("frr/refusals")
def test_an_frr_router_is_refused_with_every_reason_and_its_cure(case: dict[str, Any], refused: Any) -> None:
    assert refused(case, "frr") == case["reasons"]


@pytest.mark.cases("bird/refusals")
def test_a_bird_router_is_refused_with_every_reason_and_its_cure(case: dict[str, Any], refused: Any) -> None:
    assert refused(case, "bird") == case["reasons"]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"address": "10.31.200.1"}, "data.address"),
        ({"peering": {"address": "10.31.200.1"}}, "data.peering.address"),
    ],
)
def test_an_address_that_no_interface_has_is_named_with_its_own_key(
    intent_of: Any, data: dict[str, Any], key: str
) -> None:
    intent = intent_of(hosts={"openwrt": {"hostname": "openwrt.lan", "data": data}})
    seen = Seen({name: Answer(code, text) for name, (code, text) in HEALTHY["frr"].items()}, {})
    assert preflight.reasons(PLATFORMS["frr"].preflight, intent, intent.router("openwrt"), seen) == [
        f"10.31.200.1 is on none of its interfaces, and the nodes would peer with it: correct {key} in the inventory"
    ]


@pytest.mark.parametrize(("code", "refusals"), [(0, []), (1, ["it has no VRF RED"])])
def test_a_vrf_that_the_router_has_not_is_refused(intent_of: Any, code: int, refusals: list[str]) -> None:
    intent = intent_of(hosts={"openwrt": {"data": {"peering": {"vrf": "RED"}}}})
    router = intent.router("openwrt")
    assert preflight.questions(PLATFORMS["frr"].preflight, router).keys() == {*HEALTHY["frr"], "vrf"}
    said = HEALTHY["frr"] | {"vrf": (code, "")}
    seen = Seen({name: Answer(number, text) for name, (number, text) in said.items()}, {})
    assert [
        why.partition(",")[0] for why in preflight.reasons(PLATFORMS["frr"].preflight, intent, router, seen)
    ] == refusals


def test_a_vrf_that_is_a_table_of_bird_is_not_looked_for_among_those_of_linux(intent_of: Any) -> None:
    router = intent_of(hosts={"openwrt": {"groups": ["bird"], "data": {"peering": {"vrf": "blue"}}}}).router("openwrt")
    assert preflight.questions(PLATFORMS["bird"].preflight, router) == {
        **preflight.LINUX_QUESTIONS[4],
        **BirdPreflight(vrf="blue").questions,
    }


def test_what_cannot_be_read_of_forwarding_is_not_called_off(intent_of: Any) -> None:
    intent = intent_of()
    said = HEALTHY["frr"] | {"forwarding": (1, "cat: /proc/sys/net/ipv4/ip_forward: No such file or directory")}
    seen = Seen({name: Answer(code, text) for name, (code, text) in said.items()}, {})
    (why,) = preflight.reasons(PLATFORMS["frr"].preflight, intent, intent.router("openwrt"), seen)
    assert why.startswith("whether it routes cannot be told: cat: /proc")


RUNNING = """Building configuration...

Current configuration:
!
frr version 10.3
hostname frr10
service integrated-vtysh-config
!
vrf site
 ip route 198.51.100.0/24 10.31.0.9
exit-vrf
!
router bgp 64513
 bgp router-id 10.31.254.10
exit
!
end
"""


@pytest.mark.parametrize(
    ("startup", "lost"),
    [
        ("frr version 10.3\nrouter bgp 64513\n bgp router-id 10.31.254.10\nexit\n", []),
        ("router bgp  64513 vrf RED\nexit\n! router ospf\nip router-id 10.31.254.10\n", []),
        ("ip route 203.0.113.0/24 10.32.0.10\nip route 192.0.2.0/24 blackhole\nrouter bgp 64513\n", ["ip route"]),
        (
            "ipv6 route ::/0 fe80::1 eth0\nrouter ospf\nexit\nrouter ospf6\n",
            ["ipv6 route", "router ospf", "router ospf6"],
        ),
        ("", []),
    ],
)
def test_what_a_crashed_daemon_has_lost_is_told_by_kind(tmp_path: Path, startup: str, lost: list[str]) -> None:
    """What `show running-config` says of an FRR 10.3 whose staticd had crashed as it started, shortened."""
    (tmp_path / "vtysh").write_text(f"#!/bin/sh\ncat <<'END'\n{RUNNING}END\n", encoding="utf-8")
    (tmp_path / "vtysh").chmod(0o755)
    (tmp_path / "frr.conf").write_text(startup, encoding="utf-8")
    question = LOST.replace("/etc/frr/frr.conf", str(tmp_path / "frr.conf"))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", question], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == lost


IFCONFIG = """eth0      Link encap:Ethernet  HWaddr 02:00:00:00:00:01
          inet addr:10.31.254.253  Bcast:10.31.255.255  Mask:255.255.0.0
          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1
lo        Link encap:Local Loopback
          inet addr:127.0.0.1  Mask:255.0.0.0
wg0       Link encap:UNSPEC
          inet addr:10.9.0.1  P-t-P:10.9.0.2  Mask:255.255.255.255
"""


def test_addresses_are_read_by_ifconfig_where_there_is_no_ip(tmp_path: Path) -> None:
    """Printed by busybox 1.35 (networking/interface.c)."""
    (tmp_path / "ifconfig").write_text(f"#!/bin/sh\ncat <<'END'\n{IFCONFIG}END\n", encoding="utf-8")
    (tmp_path / "ifconfig").chmod(0o755)
    for name in ("awk", "cat"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    question = preflight.LINUX_QUESTIONS[4]["addresses"]
    done = subprocess.run(
        ["/bin/sh", "-c", question], capture_output=True, text=True, check=True, env={"PATH": str(tmp_path)}
    )
    assert done.stdout.splitlines() == [
        "10.31.254.253/255.255.0.0 ",
        "127.0.0.1/255.0.0.0 ",
        "10.9.0.1/255.255.255.255 10.9.0.2/32",
    ]


def test_addresses_that_cannot_be_read_are_a_reason_and_no_traceback(intent_of: Any) -> None:
    intent = intent_of()
    said = HEALTHY["frr"] | {"addresses": (0, "sh: ifconfig: not found\n")}
    seen = Seen({name: Answer(code, text) for name, (code, text) in said.items()}, {})
    assert preflight.reasons(PLATFORMS["frr"].preflight, intent, intent.router("openwrt"), seen) == [
        "its addresses cannot be read: sh: ifconfig: not found"
    ]
