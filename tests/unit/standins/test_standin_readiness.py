"""When calico-node says that it is ready, and the probe that asks."""

import os
import socket
import subprocess
import sys
from typing import Any

import pytest
from calico_node import health, readiness
from calico_node.readiness import PeerState

from tests.unit.standins.conftest import IMAGES

# BIRD 2.0.12, shortened by the statistics.
SHOWN = """\
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     21:27:07.877

kernel1    Kernel     master4    up     21:27:07.877
  Channel ipv4
    State:          UP
    GR recovery:    waiting

Global_10_31_100_100 BGP        ---        start  21:27:07.877  Active        Socket: No route to host
  Description:    Connection to BGP peer
  BGP state:          Active
    Neighbor address: 10.31.100.100
    Neighbor AS:      64516
    Last error:       Socket: No route to host

Global_10_31_254_253 BGP        ---        up     21:27:09.737  Established
  Description:    Connection to BGP peer
  BGP state:          Established
    Neighbor address: 10.31.254.253
    Neighbor AS:      64512
"""


@pytest.mark.cases("readiness")
def test_readiness_follows_the_real_rules(case: dict[str, Any]) -> None:
    peers = [PeerState(address, state) for address, state in case["peers"].items()]
    assert readiness.bird_not_ready(peers, case["seconds"], recovering=case.get("recovering", False)) == case["reason"]


def test_sessions_are_read_from_what_bird_shows() -> None:
    assert readiness.peer_states(SHOWN.splitlines()) == [
        PeerState("10.31.100.100", "Active"),
        PeerState("10.31.254.253", "Established"),
    ]


def test_a_recovery_is_read_from_the_status() -> None:
    status = ["BIRD 2.0.12", "Daemon is up and running"]
    assert not readiness.recovers(status)
    assert readiness.recovers([*status, "Graceful restart recovery in progress", "  Waiting for 1 channels to recover"])


def probe(port: int) -> tuple[int, str]:
    """Run the probe as the kubelet does."""
    done = subprocess.run(
        [sys.executable, "-m", "calico_node.readiness"],
        env=os.environ | {"PYTHONPATH": f"{IMAGES / 'shared'}:{IMAGES / 'calico-node'}", "FELIX_HEALTHPORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_probe_tells_the_agents_reason_in_one_line() -> None:
    port, reasons = free_port(), ["calico/node is not ready: BIRD is not ready: BGP not established with 10.31.254.253"]
    health.serve(port, {"readiness": lambda: reasons[0] if reasons else ""})
    assert probe(port) == (1, f"{reasons[0]}\n")
    reasons.clear()
    assert probe(port) == (0, "")


def test_the_probe_of_an_agent_that_is_not_there_fails() -> None:
    code, text = probe(free_port())
    assert code == 1
    assert text.startswith("calico/node is not ready: felix is not ready: ")
