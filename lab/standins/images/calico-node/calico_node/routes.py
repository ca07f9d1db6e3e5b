"""Which routes to the other nodes' blocks stand in the kernel, as Felix programs them for VXLANCrossSubnet."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from cluster_api.objects import Json

from calico_node.resources import Block, Node, Pool

PROTOCOL = "80"  # Felix's number in the kernel's routing table (felix, RouteProtocol)


@dataclass(frozen=True)
class Route:
    """A route of ours; without a gateway it is a blackhole."""

    destination: IPv4Network
    gateway: IPv4Address | None = None
    device: str = ""

    def arguments(self) -> list[str]:
        """Write it as `ip route` takes it."""
        if self.gateway is None:
            return ["blackhole", str(self.destination), "proto", PROTOCOL]
        via = ["via", str(self.gateway), "dev", self.device, "proto", PROTOCOL, "onlink"]
        return [str(self.destination), *via]


@dataclass(frozen=True)
class Uplink:
    """The interface that carries the node's address."""

    device: str
    address: IPv4Interface


@dataclass(frozen=True)
class Plan:
    """The routes that should stand, and the blocks that the stand-in cannot reach, each with a reason."""

    routes: frozenset[Route]
    unreachable: tuple[str, ...]


def plan(me: str, uplink: Uplink, nodes: Iterable[Node], blocks: Iterable[Block], pools: Iterable[Pool]) -> Plan:
    """Route each block of a VXLAN pool to its node's address, and drop what has no pod in the own ones."""
    addresses = {node.name: node.address.ip for node in nodes if node.address is not None}
    felix_pools = [pool.cidr for pool in pools if pool.routed_by_felix]
    routes: set[Route] = set()
    unreachable: list[str] = []
    for block in blocks:
        gateway = addresses.get(block.node)
        if block.node == me:
            routes.add(Route(block.cidr))
        elif not any(block.cidr.subnet_of(pool) for pool in felix_pools):
            continue  # BIRD's business
        elif gateway is None:
            unreachable.append(f"{block.cidr} of {block.node}: the node has not announced its address yet")
        elif gateway not in uplink.address.network:
            unreachable.append(f"{block.cidr} of {block.node}: {gateway} is in another subnet, and no VXLAN stands in")
        else:
            routes.add(Route(block.cidr, gateway, uplink.device))
    return Plan(frozenset(routes), tuple(unreachable))


def read(table: Iterable[Json]) -> frozenset[Route]:
    """Read our routes from `ip -json route show proto 80`."""
    return frozenset(
        Route(
            IPv4Network(entry["dst"]),
            IPv4Address(entry["gateway"]) if "gateway" in entry else None,
            str(entry.get("dev", "")) if "gateway" in entry else "",
        )
        for entry in table
    )


def changes(standing: frozenset[Route], wanted: frozenset[Route]) -> list[list[str]]:
    """Write the `ip route` commands: a new route replaces what leads to the same block, the rest is removed."""
    replaced = {route.destination for route in wanted}
    gone = [route for route in standing if route.destination not in replaced]
    return [
        *(["replace", *route.arguments()] for route in _in_order(wanted - standing)),
        *(["del", *route.arguments()] for route in _in_order(gone)),
    ]


def _in_order(routes: Iterable[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: route.destination)


def uplink(interfaces: Iterable[Json], address: IPv4Address) -> Uplink | None:
    """Find the interface that carries the node's address in `ip -json address show`."""
    for interface in interfaces:
        for entry in interface.get("addr_info") or []:
            if entry.get("local") == str(address):
                return Uplink(str(interface["ifname"]), IPv4Interface(f"{address}/{entry['prefixlen']}"))
    return None
