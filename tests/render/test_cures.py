"""The cures of the one AS between real BIRDs: a router as it is told by our template, and two nodes as the stand-in makes them.

Both nodes are in AS 64517 and have no session with each other: what a node learns of the other's block, the router has told it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from lab.places import Cache
from tasks.cluster import bgp_objects
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tests.both_families import ipv6_only
from tests.conftest import merged, unavailable
from tests.render.bird_network import bird_program, namespaces_possible, network, until
from tests.unit.standins.test_standin_bird import rendered

SECONDS = 60.0
ROUTER = "tiny-unraid"
ADDRESSES = {"n1": "10.31.90.1/16", "n2": "10.31.90.2/16", "router": "10.31.100.100/16"}
BLOCKS = {"n1": "10.33.1.0/24", "n2": "10.33.2.0/24"}
OWNERS = "log stderr all;\nrouter id 10.31.100.100;\nprotocol device {}\n"
FIELDS = ("peerIP", "asNumber", "keepOriginalNextHop", "nextHopMode", "numAllowedLocalASNumbers")


def node(intent: Intent, name: str) -> str:
    """A node's BIRD, by the peer that the intent makes of the router."""
    objects = bgp_objects.bgp(intent, None)
    (peer,) = (one["spec"] for one in objects if one["metadata"]["name"] == f"{ROUTER}-peer")
    return rendered(
        {
            "nodes": {name: {"address": ADDRESSES[name]}},
            "blocks": [BLOCKS[name]],
            "pools": {"default-ipv4-ippool": {"cidr": "10.33.0.0/17", "blockSize": 24}},
            "configurations": {"default": {"nodeToNodeMeshEnabled": False, "asNumber": 64517}},
            "peers": {"router": {key: peer[key] for key in FIELDS if key in peer}},
        }
    )


@pytest.mark.parametrize("cure", ["as_override", "allowas_in"])
def test_each_node_learns_of_the_others_block_with_its_owners_next_hop(
    intent_of: Callable[..., Intent], cache: Cache, tmp_path: Path, cure: str
) -> None:
    program = bird_program(cache)
    if not program:
        unavailable("there is no BIRD: neither bird2 on this machine nor the lab's client: python -m lab build")
    if not namespaces_possible():
        unavailable("network namespaces need root")
    cluster: dict[str, Any] = {"networks": {"pod_routing": {"encapsulation": "None"}}, "bgp": {"between_nodes": cure}}
    intent = intent_of("today", groups={"fabric": {"data": {"cluster": cluster}}})
    router = intent.router(ROUTER)
    text = OWNERS + render(PLATFORMS[router.platform].template, **context(intent, router, "", None))
    with network(ADDRESSES, tmp_path, program) as machines:
        machines["router"].start_bird(text)
        for name in BLOCKS:
            machines[name].start_bird(node(intent, name), "-R")

        def learned() -> dict[str, str]:
            shown = {name: machines[name].inside("ip", "route", "show", "proto", "bird").split() for name in BLOCKS}
            return {name: f"{words[0]} via {words[2]}" for name, words in shown.items() if words[1:2] == ["via"]}

        wanted = {"n1": "10.33.2.0/24 via 10.31.90.2", "n2": "10.33.1.0/24 via 10.31.90.1"}
        until(lambda: learned() == wanted, SECONDS, lambda: (learned(), (tmp_path / "router/log").read_text()))


ADDRESSES6 = {"n1": "fd00:10:31::90:1/64", "n2": "fd00:10:31::90:2/64", "router": "fd00:10:31::100:100/64"}
BLOCKS6 = {"n1": "fd00:10:33::40/122", "n2": "fd00:10:33::80/122"}
NODE6 = """log stderr all;
router id {identity};
protocol device {{}}
protocol static {{ ipv6; route {block} blackhole; }}
protocol kernel {{ ipv6 {{ export where source = RTS_BGP; }}; }}
protocol bgp upstream {{
  local {address} as 64517;
  neighbor {router} as {as_number};
  connect retry time 2;
  {allowed}
  ipv6 {{ import all; export where source = RTS_STATIC; next hop keep; }};
}}
"""


@pytest.mark.parametrize("cure", ["as_override", "allowas_in"])
def test_the_cure_holds_for_blocks_of_ipv6(
    intent_of: Callable[..., Intent], cache: Cache, tmp_path: Path, cure: str
) -> None:
    program = bird_program(cache)
    if not program:
        unavailable("there is no BIRD: neither bird2 on this machine nor the lab's client: python -m lab build")
    if not namespaces_possible():
        unavailable("network namespaces need root")
    cluster: dict[str, Any] = {"networks": {"pod_routing": {"encapsulation": "None"}}, "bgp": {"between_nodes": cure}}
    edits = merged(ipv6_only(), {"groups": {"fabric": {"data": {"cluster": cluster}}}})
    intent = intent_of("today", **edits)
    router = intent.router(ROUTER)
    text = OWNERS + render(PLATFORMS[router.platform].template, **context(intent, router, "", None))
    (peer,) = (one["spec"] for one in bgp_objects.bgp(intent, None) if one["metadata"]["name"] == f"{ROUTER}-peer-v6")
    allowed = peer.get("numAllowedLocalASNumbers")
    with network(ADDRESSES6, tmp_path, program) as machines:
        machines["router"].start_bird(text)
        for place, (name, block) in enumerate(BLOCKS6.items(), 1):
            values = {"address": ADDRESSES6[name].partition("/")[0], "identity": f"10.31.90.{place}", "block": block}
            values |= {"router": peer["peerIP"], "as_number": peer["asNumber"]}
            machines[name].start_bird(NODE6.format(**values, allowed=f"allow local as {allowed};" if allowed else ""))

        def learned() -> dict[str, str]:
            shown = {name: machines[name].inside("ip", "-6", "route", "show", "proto", "bird") for name in BLOCKS6}
            return {
                name: f"{words[0]} via {words[2]}"
                for name, text in shown.items()
                if (words := text.split())[1:2] == ["via"]
            }

        wanted = {"n1": f"{BLOCKS6['n2']} via fd00:10:31::90:2", "n2": f"{BLOCKS6['n1']} via fd00:10:31::90:1"}
        until(lambda: learned() == wanted, SECONDS, lambda: (learned(), (tmp_path / "router/log").read_text()))
