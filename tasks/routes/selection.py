"""Who is judged and what is asked: the peers, the next hops of a filtered run, the addresses to look up. Pure."""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network

from kubepeer.intent import Intent, Node, Router
from tasks.platforms.hops import Hop
from tasks.routes.expected import Announced

NOT_A_MEMBER = "in the inventory, but the cluster has no such node"


def peers(intent: Intent, announced: Announced) -> dict[IPv4Address, str]:
    """Every address that should have a session, with what is known against it: the cluster's nodes and the inventory's."""
    members = dict.fromkeys(announced.speakers, "")
    strangers = {node.address: NOT_A_MEMBER for node in intent.nodes if not addresses_of(node, announced)}
    return strangers | members


def elsewhere(intent: Intent, announced: Announced, router: Router) -> frozenset[Hop]:
    """The addresses of the nodes that a router does not serve."""
    nodes = (node for node in intent.nodes if router.name not in node.routers)
    return frozenset(str(address) for node in nodes for address in addresses_of(node, announced) or [node.address])


def judged(intent: Intent, announced: Announced, chosen: Collection[str]) -> frozenset[Hop] | None:
    """The next hops that the chosen nodes stand for; None when no node was chosen: then all are judged."""
    nodes = [node for node in intent.nodes if node.name in chosen]
    if not nodes:
        return None
    return frozenset(str(address) for node in nodes for address in addresses_of(node, announced) or [node.address])


def outermost(networks: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    """The networks without those inside another; neighbours are not merged, so that nothing wider comes in."""
    outer: list[IPv4Network] = []
    for network in sorted(networks):
        if not outer or not network.subnet_of(outer[-1]):
            outer.append(network)
    return tuple(outer)


def probes_for(prefixes: Iterable[IPv4Network]) -> dict[IPv4Network, IPv4Address]:
    """An address of each prefix that is in none of the longer ones, for the kernel to look up."""
    ordered = sorted(set(prefixes))
    starts = [int(prefix.network_address) for prefix in ordered]
    probes: dict[IPv4Network, IPv4Address] = {}
    for index, prefix in enumerate(ordered):
        inside = ordered[index + 1 : bisect_right(starts, int(prefix.broadcast_address))]
        address = _free(prefix, inside)
        if address is not None:
            probes[prefix] = address
    return probes


def ways_to(addresses: Iterable[IPv4Address]) -> dict[IPv4Network, IPv4Address]:
    """The nodes' own addresses, for the kernel to look up as well: by which gateways it reaches the next hops of BGP."""
    return {IPv4Network(address): address for address in addresses}


def addresses_of(node: Node, announced: Announced) -> list[IPv4Address]:
    """The addresses under which the live cluster knows a node of the inventory."""
    return [
        address for address, name in announced.speakers.items() if name == node.full_name or address == node.address
    ]


def _free(prefix: IPv4Network, inside: Iterable[IPv4Network]) -> IPv4Address | None:
    """The first address outside the longer prefixes, which are in order: after each of them the next one may be free."""
    address = int(prefix.network_address)
    for other in inside:
        if address < int(other.network_address):
            break
        address = max(address, int(other.broadcast_address) + 1)
    return IPv4Address(address) if address <= int(prefix.broadcast_address) else None
