"""Which routes to the other nodes' blocks stand in the kernel, as Felix programs them for VXLAN pools."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cluster_api.objects import Json

from calico_node import family as families
from calico_node.family import Address, Interface, Network, family_of, in_order, within
from calico_node.resources import Block, Node, Pool

PROTOCOL = "80"  # Felix's number in the kernel's routing table (felix, RouteProtocol)


@dataclass(frozen=True)
class Route:
    """A route of ours; without a gateway it is a blackhole."""

    destination: Network
    gateway: Address | None = None
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
    address: Interface


@dataclass(frozen=True)
class Plan:
    """The routes that should stand, the other ends of the tunnel, and what cannot be reached, each with a reason."""

    routes: frozenset[Route]
    tunnels: Mapping[Address, tuple[str, Address]]
    unreachable: tuple[str, ...]


def plan(me: str, uplink: Uplink, nodes: Iterable[Node], blocks: Iterable[Block], pools: Iterable[Pool]) -> Plan:
    """Route each block of a VXLAN pool to its node, and drop what has no pod in the own ones; all of one family.

    To a node in the own subnet the way is its address (unless the pool is always tunnelled), to any other the tunnel: the
    next hop is then the owner's tunnel address, which lies inside that very block. A node that was deleted has no route,
    whatever BlockAffinity is left of it. `tunnels` tells for each tunnel address the node's name and its address.
    """
    known = {node.name: node for node in nodes}
    felix_pools = [pool for pool in pools if pool.routed_by_felix]
    routes: set[Route] = set()
    tunnels: dict[Address, tuple[str, Address]] = {}
    unreachable: list[str] = []
    for block in blocks:
        pool = next((pool for pool in felix_pools if within(block.cidr, pool.cidr)), None)
        if block.node == me:
            if block.cidr.prefixlen < block.cidr.max_prefixlen:  # a borrowed address is a pod's own route here
                routes.add(Route(block.cidr))
            continue
        if pool is None:
            continue  # BIRD's business
        owner = known.get(block.node)
        if owner is None or owner.address is None:
            unreachable.append(f"{block.cidr} of {block.node}: the node is gone or has not announced its address yet")
        elif owner.address.ip in uplink.address.network and not pool.always_tunnelled:
            routes.add(Route(block.cidr, owner.address.ip, uplink.device))
        elif owner.tunnel_address is None:
            unreachable.append(f"{block.cidr} of {block.node}: the node has not announced its tunnel address yet")
        else:
            routes.add(Route(block.cidr, owner.tunnel_address, family_of(block.cidr).tunnel_device))
            tunnels[owner.tunnel_address] = (owner.name, owner.address.ip)
    return Plan(frozenset(routes), tunnels, tuple(unreachable))


def read(table: Iterable[Json]) -> frozenset[Route]:
    """Read our routes from `ip -json route show proto 80`."""
    return frozenset(
        Route(
            families.network(entry["dst"]),
            families.address(entry["gateway"]) if "gateway" in entry else None,
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
    return sorted(routes, key=lambda route: in_order(route.destination))


def uplink(interfaces: Iterable[Json], address: Interface) -> Uplink | None:
    """Find the interface that carries the node's address in `ip -json address show`."""
    for interface in interfaces:
        for entry in interface.get("addr_info") or []:
            if entry.get("local") == str(address.ip):
                return Uplink(str(interface["ifname"]), address)
    return None
