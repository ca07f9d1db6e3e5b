"""What may not become of a router's sessions, by cases on disk."""

from typing import Any

import pytest

from tasks.routers.sessions import objections, sessions


def table(peers: dict[str, Any]) -> dict[str, Any]:
    """NAPALM's get_bgp_neighbors, from {address: prefixes accepted, or "down"} a VRF."""
    return {
        vrf: {
            "router_id": "192.0.2.1",
            "peers": {
                peer: {
                    "is_up": accepted != "down",
                    "address_family": {"ipv4": {"accepted_prefixes": -1 if accepted == "down" else accepted}},
                }
                for peer, accepted in of.items()
            },
        }
        for vrf, of in peers.items()
    }


@pytest.mark.cases("sessions")
def test_a_change_is_taken_back_when_a_session_suffers(case: dict[str, Any]) -> None:
    before, now = sessions(table(case["before"])), sessions(table(case["now"]))
    assert list(objections(before, now, case.get("ours", []), case.get("may_go_down", []))) == case["objections"]
