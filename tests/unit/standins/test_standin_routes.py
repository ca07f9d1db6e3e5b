"""Routes to the other nodes' blocks: from what stands in the kernel to what should."""

from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest
from calico_node import resources, routes
from calico_node.resources import Node
from calico_node.routes import Uplink


@pytest.mark.cases("routes")
def test_the_kernel_gets_the_routes_of_felix(case: dict[str, Any]) -> None:
    nodes = [Node(name, {}, IPv4Interface(text) if text else None, None) for name, text in case["nodes"].items()]
    affinities = [
        {"spec": {"cidr": cidr, "node": node, "state": "confirmed", "deleted": "false"}}
        for cidr, node in case["blocks"].items()
    ]
    pools = [resources.pool({"metadata": {"name": "pool"}, "spec": case["pool"]})]
    uplink = Uplink("eth0", IPv4Interface("10.31.90.1/16"))
    plan = routes.plan("n1", uplink, nodes, resources.blocks(affinities), pools)
    commands = routes.changes(routes.read(case["standing"]), plan.routes)
    assert [" ".join(command) for command in commands] == case["commands"]
    assert list(plan.unreachable) == case.get("unreachable", [])


def test_the_uplink_is_the_interface_with_the_node_address() -> None:
    shown = [
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
        {"ifname": "vxlan.calico"},
        {
            "ifname": "eth0",
            "addr_info": [{"local": "10.31.90.0", "prefixlen": 32}, {"local": "10.31.90.1", "prefixlen": 16}],
        },
    ]
    assert routes.uplink(shown, IPv4Address("10.31.90.1")) == Uplink("eth0", IPv4Interface("10.31.90.1/16"))
    assert routes.uplink(shown, IPv4Address("10.31.90.2")) is None
