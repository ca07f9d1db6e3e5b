"""What the router's shell says, in NAPALM's shape."""

from __future__ import annotations

from napalm_unix_router.iproute import arp_table, neighbors_of_text
from napalm_unix_router.system import ping_result


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


def test_neighbours_of_busybox() -> None:
    shown = (
        "10.31.0.1 dev eth0 lladdr 02:00:0a:1f:00:01 REACHABLE\n"
        "10.31.0.9 dev eth0  FAILED\n10.32.0.10 dev eth1 lladdr 02:00:0a:20:00:0a used 0/0/0 probes 1 STALE\n"
    )
    assert [(one["interface"], one["ip"], one["mac"]) for one in arp_table(neighbors_of_text(shown))] == [
        ("eth0", "10.31.0.1", "02:00:0A:1F:00:01"),
        ("eth1", "10.32.0.10", "02:00:0A:20:00:0A"),
    ]
    assert neighbors_of_text("") == []
