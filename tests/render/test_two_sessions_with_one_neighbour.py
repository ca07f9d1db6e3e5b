"""Why a BIRD router is refused whose owner has sessions with nodes: a second protocol with the same neighbour is taken, and stays Idle."""

import time
from pathlib import Path

from lab.places import Cache
from tests.conftest import unavailable
from tests.render.bird_network import Machine, bird_program, namespaces_possible, network, until

SECONDS = 60.0
LONG_ENOUGH = 10.0  # for several attempts to connect
HEAD = "log stderr all; router id {};\nprotocol device {{}}\n"
TIMES = "connect delay time 1; connect retry time 2; error wait time 2, 5;"
NODE = f"protocol bgp uplink {{ local 192.0.2.1 as 65010; neighbor 192.0.2.9 as 64512; {TIMES} ipv4 {{ import none; export none; }}; }}\n"
OWN = f"protocol bgp blade {{ local 192.0.2.9 as 64512; neighbor 192.0.2.1 as 65010; {TIMES} ipv4 {{ import none; export none; }}; }}\n"
SECOND = OWN.replace("blade", "kubepeer_blade")


def states(router: Machine) -> dict[str, str]:
    """Protocol of BGP -> the state of its session."""
    words = (line.split() for line in router.ask("show protocols"))
    return {one[0]: one[5] for one in words if len(one) > 5 and one[1] == "BGP"}


def test_the_second_one_stays_idle_and_comes_up_when_the_first_is_gone(cache: Cache, tmp_path: Path) -> None:
    program = bird_program(cache)
    if not program:
        unavailable("there is no BIRD: neither bird2 on this machine nor the lab's client: python -m lab build")
    if not namespaces_possible():
        unavailable("network namespaces need root")
    with network({"node": "192.0.2.1/24", "router": "192.0.2.9/24"}, tmp_path, program) as machines:
        router, head = machines["router"], HEAD.format("192.0.2.9")
        machines["node"].start_bird(HEAD.format("192.0.2.1") + NODE)
        router.start_bird(head + OWN)
        until(lambda: _up(router) == {"blade"}, SECONDS, lambda: "no session")
        _reload(router, head + OWN + SECOND)
        time.sleep(LONG_ENOUGH)
        assert states(router) == {"blade": "Established", "kubepeer_blade": "Idle"}
        _reload(router, head + SECOND)
        until(lambda: _up(router) == {"kubepeer_blade"}, SECONDS, lambda: states(router))


def _up(router: Machine) -> set[str]:
    try:
        return {name for name, state in states(router).items() if state == "Established"}
    except OSError:  # it starts
        return set()


def _reload(router: Machine, text: str) -> None:
    (router.folder / "bird.conf").write_text(text, encoding="utf-8")
    assert any("Reconfigur" in line for line in router.ask("configure"))
