"""What the router's shell says, in NAPALM's shape."""

from __future__ import annotations

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
