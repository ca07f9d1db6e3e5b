"""Small shapes that the recordings do not hold."""

from __future__ import annotations

import pytest

from napalm_frr.interfaces import interfaces
from napalm_frr.routes import age, routes
from napalm_frr.sessions import neighbors_detail
from napalm_frr.system import ping_result


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:13:27", 807), ("1d02h03m", 93780), ("02w3d04h", 1483200), ("00:00:00", 0)]
)
def test_ages_are_seconds(text: str, seconds: int) -> None:
    assert age(text) == seconds


def test_a_flap_is_counted_from_the_routers_own_clock() -> None:
    shown = {
        "eth0": {"lastLinkUp": "2026/11/23 03:00:10.55", "lastLinkDown": "2026/11/23 03:00:05.10", "speed": 4294967295}
    }
    (one,) = interfaces(shown, "2026/11/23 03:01:10\n").values()
    assert (one["last_flapped"], one["speed"]) == (60.0, -1.0)


def test_a_next_hop_that_is_not_used_says_why() -> None:
    hops = [{"ip": "1.1.1.1", "fib": True, "active": True}, {"ip": "2.2.2.2"}, {"ip": "3.3.3.3", "active": True}]
    table = {"10.0.0.0/8": [{"protocol": "static", "selected": True, "installed": True, "nexthops": hops}]}
    found = routes(table, {}, "")["10.0.0.0/8"]
    assert [(one["selected_next_hop"], one["inactive_reason"]) for one in found] == [
        (True, ""),
        (False, "next hop unreachable"),
        (False, "next hop not installed"),
    ]
    assert routes(table, {}, "bgp") == {}


def test_one_path_is_not_multipath() -> None:
    details = {"default": {"vrfId": 0, "192.0.2.1": {"remoteAs": 5, "localAs": 1, "bgpState": "Idle"}}}
    one = neighbors_detail(details, {}, "router bgp 1\n address-family ipv4 unicast\n  maximum-paths 1\n")["global"][5][
        0
    ]
    assert (one["multipath"], one["up"], one["connection_state"]) == (False, False, "Idle")
    assert neighbors_detail(details, {}, "router bgp 1\n")["global"][5][0]["multipath"] is True
    assert neighbors_detail(details, {}, "", "192.0.2.2") == {"global": {}}


def test_pings_of_busybox_and_of_iputils() -> None:
    busybox = (
        "PING 1.1.1.1 (1.1.1.1): 56 data bytes\n64 bytes from 1.1.1.1: seq=0 ttl=64 time=0.050 ms\n\n"
        "2 packets transmitted, 1 packets received, 50% packet loss\nround-trip min/avg/max = 0.050/0.050/0.050 ms\n"
    )
    result = ping_result(busybox)["success"]
    assert (result["probes_sent"], result["packet_loss"], result["rtt_avg"]) == (2, 1, 0.05)
    assert result["results"] == [{"ip_address": "1.1.1.1", "rtt": 0.05}]
    assert ping_result("ping: nowhere: Name or service not known\n") == {
        "error": "ping: nowhere: Name or service not known"
    }
