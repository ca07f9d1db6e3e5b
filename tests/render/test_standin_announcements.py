"""What the stand-in for calico-node announces, between real BIRDs in namespaces: nodes with Felix's routes, and routers.

Two nodes in one subnet and, known to n1 alone, a third one behind the tunnel. The expectations are what was measured with Calico
3.32.1: every node announces every block with its owner's next hop, its own one twice.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from lab.places import Cache
from tests.conftest import unavailable
from tests.render.bird_network import Machine, bird_program, namespaces_possible, network, until
from tests.unit.standins.test_standin_bird import rendered

from calico_node import readiness, resources, routes, tunnel  # isort: skip
from calico_node.family import IPV4  # isort: skip
from calico_node.resources import Node  # isort: skip

SECONDS = 60.0
ADDRESSES = {"n1": "10.31.90.1/16", "n2": "10.31.90.2/16", "r1": "10.31.254.253/16", "r2": "10.31.100.100/16"}
AS_NUMBERS = {"r1": 64512, "r2": 64516}
BLOCKS = {"n1": "10.33.1.0/24", "n2": "10.33.2.0/24", "n3": "10.33.3.0/24"}
POOL = {"cidr": "10.33.0.0/17", "blockSize": 24, "vxlanMode": "CrossSubnet"}
ROUTER = """\
log stderr all;
router id {address};
protocol device {{}}
template bgp node {{
  local as {number};
  multihop;
  graceful restart on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ipv4 {{ import all; export none; add paths rx; }};
}}
protocol bgp n1 from node {{ neighbor 10.31.90.1 as 64517; }}
protocol bgp n2 from node {{ neighbor 10.31.90.2 as 64517; }}
"""
ROUTER6 = """\
log stderr all;
router id 10.31.254.253;
protocol device {}
template bgp node {
  local fd00:10:31::254:253 as 64512;
  multihop;
  graceful restart on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ipv6 { import all; export none; add paths rx; };
}
protocol bgp n1 from node { neighbor fd00:10:31::90:1 as 64517; }
protocol bgp n2 from node { neighbor fd00:10:31::90:2 as 64517; }
"""
Make = Callable[..., dict[str, Machine]]


@pytest.fixture
def program(cache: Cache) -> list[str]:
    found = bird_program(cache)
    if not found:
        unavailable("there is no BIRD: neither bird2 on this machine nor the lab's client: python -m lab build")
    return found


@pytest.fixture
def make(program: list[str], tmp_path: Path) -> Iterator[Make]:
    """Start the nodes with what a case adds, and the routers that are named."""
    if not namespaces_possible():
        unavailable("network namespaces need root")
    with network(ADDRESSES, tmp_path, program) as machines:

        def start(*routers: str, configured: tuple[str, ...] = ("r1",), **more: Any) -> dict[str, Machine]:
            for name in routers:
                start_router(machines, name)
            for name in ("n1", "n2"):
                machine = machines[name]
                program_routes(name, machine, with_tunnel=name == "n1")
                machine.start_bird(rendered(case(name, configured, more)), "-R")
            return machines

        yield start


def start_router(machines: dict[str, Machine], name: str) -> None:
    address = ADDRESSES[name].partition("/")[0]
    machines[name].start_bird(ROUTER.format(address=address, number=AS_NUMBERS[name]))


def case(name: str, configured: tuple[str, ...], more: dict[str, Any]) -> dict[str, Any]:
    """One node's objects: peers with keepOriginalNextHop, a service network, a filter where the test has one."""
    peers = {
        router: {
            "peerIP": ADDRESSES[router].partition("/")[0],
            "asNumber": AS_NUMBERS[router],
            "keepOriginalNextHop": True,
            "filters": list(more.get("filters", {})),
        }
        for router in configured
    }
    settings = {
        "nodeToNodeMeshEnabled": False,
        "asNumber": 64517,
        "serviceClusterIPs": [{"cidr": "10.33.128.0/18"}],
        "prefixAdvertisements": [],
    }
    return {
        "nodes": {name: {"address": ADDRESSES[name]}},
        "blocks": [BLOCKS[name]],
        "pools": {"default-ipv4-ippool": POOL},
        "configurations": {"default": settings},
        "peers": peers,
    } | more


def program_routes(name: str, machine: Machine, *, with_tunnel: bool) -> None:
    """Write Felix's routes as the stand-in plans them, and a pod's."""
    nodes = [Node(other, {}, IPv4Interface(ADDRESSES[other]), None) for other in ("n1", "n2")]
    if with_tunnel:
        far = IPv4Interface("10.77.0.3/16")
        nodes.append(Node("n3", {}, far, None, IPv4Address("10.33.3.0")))
        machine.inside(
            "ip", "link", "add", IPV4.tunnel_device, "type", "vxlan", "id", tunnel.IDENTIFIER, "dstport", "4789"
        )
        machine.inside("ip", "address", "add", "10.33.1.0/32", "dev", IPV4.tunnel_device)
        machine.inside("ip", "link", "set", IPV4.tunnel_device, "up")
    affinities = [{"spec": {"cidr": cidr, "node": owner, "state": "confirmed"}} for owner, cidr in BLOCKS.items()]
    pools = resources.pools([{"metadata": {"name": "pool"}, "spec": POOL}])
    uplink = routes.Uplink("eth0", IPv4Interface(ADDRESSES[name]))
    plan = routes.plan(name, uplink, nodes, resources.blocks(affinities), pools)
    for command in routes.changes(frozenset(), plan.routes):
        machine.inside("ip", "route", *command)
    pod = BLOCKS[name].replace("0/24", "7/32")
    machine.inside("ip", "link", "add", "calipod", "type", "veth", "peer", "name", "pod")
    machine.inside("ip", "link", "set", "calipod", "up")
    machine.inside("ip", "route", "add", pod, "dev", "calipod", "metric", "1024")


def told(router: Machine) -> dict[str, list[str]]:
    """All that a router has learned."""
    prefixes = [*BLOCKS.values(), "10.33.128.0/18", "10.33.1.7/32", "10.33.2.7/32"]
    return {prefix: paths for prefix in prefixes if (paths := router.paths(prefix))}


def whole(machines: dict[str, Machine]) -> Callable[[], object]:
    return lambda: {name: (machine.folder / "log").read_text() for name, machine in machines.items() if machine.process}


def test_every_node_announces_every_block_and_its_own_one_twice(make: Make) -> None:
    machines = make("r1")
    expected = {
        "10.33.1.0/24": ["n1: 10.31.90.1", "n1: 10.31.90.1", "n2: 10.31.90.1"],
        "10.33.2.0/24": ["n1: 10.31.90.2", "n2: 10.31.90.2", "n2: 10.31.90.2"],
        "10.33.3.0/24": ["n1: 10.33.3.0"],
        "10.33.128.0/18": ["n1: 10.31.90.1", "n2: 10.31.90.2"],
    }
    until(lambda: told(machines["r1"]) == expected, SECONDS, lambda: told(machines["r1"]))


def test_a_dead_nodes_block_stays_and_a_deleted_nodes_goes(make: Make) -> None:
    machines = make("r1")
    router = machines["r1"]
    both = ["n1: 10.31.90.2", "n2: 10.31.90.2", "n2: 10.31.90.2"]
    until(lambda: router.paths("10.33.2.0/24") == both, SECONDS, whole(machines))
    machines["n2"].end_bird()
    router.ask("disable n2")  # what the hold timer would bring about
    until(lambda: router.paths("10.33.2.0/24") == ["n1: 10.31.90.2"], SECONDS, whole(machines))
    machines["n1"].inside("ip", "route", "del", "10.33.2.0/24")  # Felix, when the Node is deleted
    until(lambda: router.paths("10.33.2.0/24") == [], SECONDS, whole(machines))


def test_a_borrowed_address_is_announced_with_the_node_that_uses_it_and_not_by_its_owner(make: Make) -> None:
    """n2 uses an address of n3's block and one of n1's: Felix's routes to them are longer than the block, and learned."""
    machines = make("r1")
    for address in ("10.33.3.9/32", "10.33.1.9/32"):
        machines["n1"].inside(
            "ip", "route", "add", address, "via", "10.31.90.2", "dev", "eth0", "proto", routes.PROTOCOL
        )
    until(lambda: machines["r1"].paths("10.33.3.9/32") == ["n1: 10.31.90.2"], SECONDS, whole(machines))
    assert machines["r1"].paths("10.33.1.9/32") == [], "calico_aggr: of the own block nothing but the block"


def test_a_filter_by_interface_leaves_each_node_its_own_block(make: Make) -> None:
    rules = [
        {"action": "Reject", "matchOperator": "In", "cidr": "10.33.0.0/17", "interface": "eth0"},
        {"action": "Reject", "matchOperator": "In", "cidr": "10.33.0.0/17", "interface": "vxlan.*"},
    ]
    machines = make("r1", filters={"own-blocks": {"exportV4": rules}})
    expected = {
        "10.33.1.0/24": ["n1: 10.31.90.1", "n1: 10.31.90.1"],
        "10.33.2.0/24": ["n2: 10.31.90.2", "n2: 10.31.90.2"],
        "10.33.128.0/18": ["n1: 10.31.90.1", "n2: 10.31.90.2"],
    }
    until(lambda: told(machines["r1"]) == expected, SECONDS, lambda: told(machines["r1"]))


def test_a_filter_by_source_does_not_know_the_routes_of_felix(make: Make) -> None:
    rules = [{"action": "Reject", "source": "RemotePeers"}]
    machines = make("r1", filters={"not-from-peers": {"exportV4": rules}})
    both = ["n1: 10.31.90.2", "n2: 10.31.90.2", "n2: 10.31.90.2"]
    until(lambda: machines["r1"].paths("10.33.2.0/24") == both, SECONDS, lambda: told(machines["r1"]))


def test_while_one_router_is_away_the_other_is_told_nothing(make: Make) -> None:
    machines = make("r1", configured=("r1", "r2"))

    def states() -> dict[str, str]:
        peers = readiness.peer_states(machines["n1"].ask("show protocols all"))
        return {peer.address: peer.state for peer in peers}

    until(lambda: states().get("10.31.254.253") == "Established", SECONDS, whole(machines))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert told(machines["r1"]) == {}
        time.sleep(0.5)
    assert states()["10.31.100.100"] != "Established"
    assert readiness.recovers(machines["n1"].ask("show status"))
    start_router(machines, "r2")
    until(lambda: all(len(told(machines[name])) == 4 for name in ("r1", "r2")), SECONDS, whole(machines))
    assert not readiness.recovers(machines["n1"].ask("show status"))


def test_bird_refuses_a_password_with_a_quotation_mark(program: list[str], tmp_path: Path) -> None:
    peers = {
        "r1": {"peerIP": "10.31.254.253", "asNumber": 1, "password": {"secretKeyRef": {"name": "bgp", "key": "tor"}}}
    }
    for password, accepted in (("right", True), ('with"mark', False)):
        text = rendered(case("n1", ("r1",), {"peers": peers, "passwords": {"bgp/tor": password}}))
        (tmp_path / "bird.conf").write_text(text)
        words = [*program, "-p", "-c", str(tmp_path / "bird.conf")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == accepted, done.stderr


def test_a_reflector_tells_its_clients_of_each_other(program: list[str], tmp_path: Path) -> None:
    """n1 reflects; n2 and n3 have no session with each other, and each learns of the other's block with its owner's next hop."""
    if not namespaces_possible():
        unavailable("network namespaces need root")
    addresses = {name: f"10.31.90.{number}/16" for number, name in enumerate(("n1", "n2", "n3"), 1)}
    label = "router.kubepeer.io/route_reflectors"
    reflector = {"labels": {label: "true"}, "annotations": {"projectcalico.org/RouteReflectorClusterID": "244.0.0.1"}}
    nodes = {name: {"address": address} | (reflector if name == "n1" else {}) for name, address in addresses.items()}
    with network(addresses, tmp_path, program) as machines:
        for name, machine in machines.items():
            objects = {
                "nodes": {name: nodes[name]} | nodes,
                "blocks": [BLOCKS[name]],
                "pools": {"default-ipv4-ippool": {"cidr": "10.33.0.0/17", "blockSize": 24}},
                "configurations": {"default": {"nodeToNodeMeshEnabled": False, "asNumber": 64517}},
                "peers": {"reflectors": {"nodeSelector": "all()", "peerSelector": f"has({label})"}},
            }
            machine.start_bird(rendered(objects), "-R")

        def in_kernel(name: str) -> dict[str, str]:
            listed = [
                line.split() for line in machines[name].inside("ip", "route", "show", "proto", "bird").splitlines()
            ]
            return {words[0]: words[2] for words in listed if words[1] == "via"}

        others = {
            "n2": {BLOCKS["n1"]: "10.31.90.1", BLOCKS["n3"]: "10.31.90.3"},
            "n3": {BLOCKS["n1"]: "10.31.90.1", BLOCKS["n2"]: "10.31.90.2"},
        }
        until(lambda: {name: in_kernel(name) for name in others} == others, SECONDS, whole(machines))
        machines["n2"].end_bird()
        machines["n1"].ask("disable Node_10_31_90_2")  # what the hold timer would bring about
        until(lambda: BLOCKS["n2"] not in in_kernel("n3"), SECONDS, whole(machines))


def test_blocks_of_ipv6_go_out_with_their_owners_next_hop_and_a_filter_leaves_each_node_its_own(
    program: list[str], tmp_path: Path
) -> None:
    """n1 announces all; n2 has a filter by interface. The router takes the global next hop, beside which BIRD sends its link's."""
    if not namespaces_possible():
        unavailable("network namespaces need root")
    addresses = {name: f"fd00:10:31::{end}/64" for name, end in (("n1", "90:1"), ("n2", "90:2"), ("r1", "254:253"))}
    blocks = {"n1": "fd00:10:33::40/122", "n2": "fd00:10:33::80/122"}
    pool = {"cidr": "fd00:10:33::/56", "blockSize": 122, "vxlanMode": "CrossSubnet"}
    rule = {"action": "Reject", "matchOperator": "In", "cidr": "fd00:10:33::/56", "interface": "eth0"}
    peer = {"peerIP": "fd00:10:31::254:253", "asNumber": 64512, "nextHopMode": "Keep"}
    nodes = [Node(name, {}, ip_interface(addresses[name]), None) for name in blocks]
    held = [resources.Block(ip_network(cidr), name) for name, cidr in blocks.items()]
    with network(addresses, tmp_path, program) as machines:
        machines["r1"].start_bird(ROUTER6)
        for name, block in blocks.items():
            uplink = routes.Uplink("eth0", ip_interface(addresses[name]))
            pools = [resources.pool({"metadata": {"name": "pool"}, "spec": pool})]
            for command in routes.changes(frozenset(), routes.plan(name, uplink, nodes, held, pools).routes):
                machines[name].inside("ip", "-6", "route", *command)
            assert routes.read(
                json.loads(machines[name].inside("ip", "-6", "-json", "route", "show", "proto", "80"))
            ) == frozenset(routes.plan(name, uplink, nodes, held, pools).routes)
            objects = {
                "ipv6": True,
                "nodes": {name: {"address": addresses[name]}},
                "blocks": [block],
                "pools": {"default-ipv6-ippool": pool},
                "configurations": {
                    "default": {
                        "nodeToNodeMeshEnabled": False,
                        "asNumber": 64517,
                        "bindMode": "NodeIP",
                        "serviceClusterIPs": [{"cidr": "fd00:10:33:8000::/108"}],
                    }
                },
                "peers": {"r1": peer | ({"filters": ["own-blocks"]} if name == "n2" else {})},
                "filters": {"own-blocks": {"exportV6": [rule]}},
            }
            machines[name].start_bird(rendered(objects), "-R")
        expected = {
            "fd00:10:33::40/122": ["n1: fd00:10:31::90:1", "n1: fd00:10:31::90:1"],
            "fd00:10:33::80/122": ["n1: fd00:10:31::90:2", "n2: fd00:10:31::90:2", "n2: fd00:10:31::90:2"],
            "fd00:10:33:8000::/108": ["n1: fd00:10:31::90:1", "n2: fd00:10:31::90:2"],
        }

        def seen() -> dict[str, list[str]]:
            return {prefix: machines["r1"].paths(prefix) for prefix in expected}

        until(lambda: seen() == expected, SECONDS, lambda: (seen(), whole(machines)()))
