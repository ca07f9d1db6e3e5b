"""Routes to the other nodes' blocks: from what stands in the kernel to what should; the tunnel's two tables beside them."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address, ip_interface
from typing import Any

import pytest
from calico_node import resources, routes, tunnel
from calico_node.family import IPV6, family_of
from calico_node.resources import Node
from calico_node.routes import Uplink
from cluster_api.objects import Json


@pytest.mark.cases("routes")
def test_the_kernel_gets_the_routes_of_felix(case: dict[str, Any]) -> None:
    tunnels = {name: ip_address(text) for name, text in case.get("tunnels", {}).items()}
    nodes = [
        Node(name, {}, ip_interface(text) if text else None, None, tunnels.get(name))
        for name, text in case["nodes"].items()
    ]
    affinities = [
        {"spec": {"cidr": cidr, "node": node, "state": "confirmed", "deleted": "false"}}
        for cidr, node in case["blocks"].items()
    ]
    pools = [resources.pool({"metadata": {"name": "pool"}, "spec": case["pool"]})]
    uplink = Uplink("eth0", ip_interface(case.get("uplink", "10.31.90.1/16")))
    family = family_of(uplink.address)
    wanted = [
        *resources.blocks(affinities, family),
        *resources.borrowed([{"spec": fields} for fields in case.get("ipam", [])], family),
    ]
    plan = routes.plan("n1", uplink, nodes, wanted, pools)
    commands = routes.changes(routes.read(case["standing"]), plan.routes)
    assert [" ".join(command) for command in commands] == case["commands"]
    assert list(plan.unreachable) == case.get("unreachable", [])
    through = {route.gateway for route in plan.routes if route.device == family.tunnel_device}
    assert plan.tunnels.keys() == through


def test_the_uplink_is_the_interface_with_the_node_address() -> None:
    shown: list[Json] = [
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
        {"ifname": "vxlan.calico"},
        {
            "ifname": "eth0",
            "addr_info": [{"local": "10.31.90.0", "prefixlen": 32}, {"local": "10.31.90.1", "prefixlen": 16}],
        },
    ]
    address = IPv4Interface("10.31.90.1/16")
    assert routes.uplink(shown, address) == Uplink("eth0", address)
    assert routes.uplink(shown, IPv4Interface("10.31.90.2/16")) is None


def test_the_tunnel_knows_where_the_other_ends_are() -> None:
    ends = {IPv4Address("10.33.23.0"): ("n2", IPv4Address("10.77.0.2"))}
    hardware = tunnel.hardware_address("n2")
    first = tunnel.changes([], [], ends)
    assert [" ".join(command) for command in first] == [
        f"ip neighbour replace 10.33.23.0 lladdr {hardware} dev vxlan.calico nud permanent",
        f"bridge fdb replace {hardware} dev vxlan.calico dst 10.77.0.2",
    ]
    neighbours: list[Json] = [{"dst": "10.33.23.0", "lladdr": hardware, "state": ["PERMANENT"]}]
    forwarding: list[Json] = [{"mac": hardware, "dst": "10.77.0.2", "flags": ["self"], "state": "permanent"}]
    assert tunnel.changes(neighbours, forwarding, ends) == []
    assert [" ".join(command) for command in tunnel.changes(neighbours, forwarding, {})] == [
        "ip neighbour del 10.33.23.0 dev vxlan.calico",
        f"bridge fdb del {hardware} dev vxlan.calico",
    ]


def test_the_tunnel_of_ipv6_has_tables_of_its_own() -> None:
    ends = {IPv6Address("fd00:10:33::40"): ("n2", IPv6Address("fd00:77::2"))}
    hardware = tunnel.hardware_address("n2", IPV6)
    assert hardware != tunnel.hardware_address("n2")
    assert [" ".join(command) for command in tunnel.changes([], [], ends, IPV6)] == [
        f"ip neighbour replace fd00:10:33::40 lladdr {hardware} dev vxlan-v6.calico nud permanent",
        f"bridge fdb replace {hardware} dev vxlan-v6.calico dst fd00:77::2",
    ]


def test_every_node_has_another_hardware_address_and_always_the_same() -> None:
    addresses = {tunnel.hardware_address(f"n{number}") for number in range(100)}
    assert len(addresses) == 100
    first = int(tunnel.hardware_address("n1").partition(":")[0], 16)
    assert (first & 1, first & 2) == (0, 2)  # no group address; locally administered


def test_the_address_that_the_tunnel_sends_from_is_read() -> None:
    data = {"id": 4096, "local": "10.31.90.1", "link": "eth0", "port": 4789}
    other: Json = {"ifname": "vxlan7", "linkinfo": {"info_kind": "vxlan", "info_data": {"id": 7}}}
    ours: Json = {"ifname": "vxlan.calico", "linkinfo": {"info_kind": "vxlan", "info_data": data}}
    assert tunnel.outer_address([{}, other, ours]) == IPv4Address("10.31.90.1")
    assert tunnel.outer_address([{}, other]) is None
    six: Json = {"ifname": "vxlan-v6.calico", "linkinfo": {"info_data": {"id": 4096, "local6": "fd00:10:31::90:1"}}}
    assert tunnel.outer_address([ours, six], IPV6) == IPv6Address("fd00:10:31::90:1")
    assert tunnel.outer_address([ours], IPV6) is None
