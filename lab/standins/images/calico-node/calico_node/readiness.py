"""Whether calico-node is ready, by the rules of the real one (node/pkg/health/health.go), and the probe that asks.

`python3 -m calico_node.readiness` stands in for `calico-node -bird-ready -felix-ready`: it asks the agent, prints the one
line of reason, and ends with 0 or 1.
"""

import http.client
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

HEALTH_PORT = "9099"  # FelixConfiguration, healthPort
START_SECONDS = 30.0
"""So long after the start all peers count; afterwards one is enough, lest one node's end makes all others unready."""
PROBE_TIMEOUT = 10.0
_PROTOCOL = re.compile(r"(?P<name>\S+)\s+BGP\s")
_FIELD = re.compile(r"\s+(?P<key>BGP state|Neighbor address):\s+(?P<value>\S+)")


@dataclass(frozen=True)
class PeerState:
    """One BGP session as BIRD shows it."""

    address: str
    state: str


def peer_states(shown: Iterable[str]) -> list[PeerState]:
    """Read `show protocols all`."""
    found: list[dict[str, str]] = []
    for line in shown:
        if _PROTOCOL.match(line):
            found.append({})
        elif found and (match := _FIELD.match(line)):
            found[-1].setdefault(match["key"], match["value"])
    return [PeerState(fields.get("Neighbor address", ""), fields.get("BGP state", "")) for fields in found]


def recovers(shown: Iterable[str]) -> bool:
    """Read from `show status` whether a graceful restart is going on."""
    return any("Graceful restart recovery in progress" in line for line in shown)


def bird_not_ready(peers: list[PeerState], seconds_since_start: float, *, recovering: bool) -> str:
    """Say why BIRD is not ready, or nothing."""
    missing = [peer.address for peer in peers if peer.state != "Established"]
    starting = seconds_since_start < START_SECONDS
    if missing and (starting or len(missing) == len(peers)):
        return f"BGP not established with {','.join(missing)}"
    return "graceful restart in progress" if peers and starting and recovering else ""


def main() -> int:
    """Ask the agent; say what it says."""
    port = int(os.environ.get("FELIX_HEALTHPORT", HEALTH_PORT))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT)
    try:
        connection.request("GET", "/readiness")
        response = connection.getresponse()
        text = response.read().decode().strip()
    except (OSError, http.client.HTTPException) as error:
        print(f"calico/node is not ready: felix is not ready: Get http://localhost:{port}/readiness: {error}")
        return 1
    if response.status != HTTPStatus.OK:
        print(text)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
