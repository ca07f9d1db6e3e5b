"""Who is judged and what is asked: the peers, the next hops of a filtered run, the addresses to look up. Pure."""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from kubepeer.intent import Intent, Node, Router
from kubepeer.intent.families import Address, Network, alone, by_number, within
from tasks.platforms.hops import Hop
from tasks.routes.expected import Announced

NOT_A_MEMBER = "in the inventory, but the cluster has no such node"


def peers(intent: Intent, announced: Announced) -> dict[Address, str]:
    """Every address that should have a session, with what is known against it: the cluster's nodes and the inventory's."""
    members = dict.fromkeys(announced.speakers, "")
    outside = (node for node in intent.nodes if not addresses_of(node, announced))
    strangers = {address: NOT_A_MEMBER for node in outside for address in node.addresses}
    return strangers | members


def elsewhere(intent: Intent, announced: Announced, router: Router) -> frozenset[Hop]:
    """The addresses of the nodes that a router does not serve."""
    nodes = (node for node in intent.nodes if router.name not in node.routers)
    return frozenset(str(address) for node in nodes for address in addresses_of(node, announced) or node.addresses)


def judged(intent: Intent, announced: Announced, chosen: Collection[str]) -> frozenset[Hop] | None:
    """The next hops that the chosen nodes stand for; None when no node was chosen: then all are judged."""
    nodes = [node for node in intent.nodes if node.name in chosen]
    if not nodes:
        return None
    return frozenset(str(address) for node in nodes for address in addresses_of(node, announced) or node.addresses)


def outermost(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The networks without those inside another; neighbours are not merged, so that nothing wider comes in."""
    outer: list[Network] = []
    for network in sorted(networks, key=by_number):
        if not outer or not within(network, outer[-1]):
            outer.append(network)
    return tuple(outer)


def collapsed(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks that hold the same addresses, family by family."""
    every = list(networks)
    return [
        *collapse_addresses([network for network in every if isinstance(network, IPv4Network)]),
        *collapse_addresses([network for network in every if isinstance(network, IPv6Network)]),
    ]


def probes_for(prefixes: Iterable[Network]) -> dict[Network, Address]:
    """An address of each prefix that is in none of the longer ones, for the kernel to look up."""
    ordered = sorted(set(prefixes), key=by_number)
    starts = [(prefix.version, int(prefix.network_address)) for prefix in ordered]
    probes: dict[Network, Address] = {}
    for index, prefix in enumerate(ordered):
        inside = ordered[index + 1 : bisect_right(starts, (prefix.version, int(prefix.broadcast_address)))]
        address = _free(prefix, inside)
        if address is not None:
            probes[prefix] = address
    return probes


def ways_to(addresses: Iterable[Address]) -> dict[Network, Address]:
    """The nodes' own addresses, for the kernel to look up as well: by which gateways it reaches the next hops of BGP."""
    return {alone(address): address for address in addresses}


def addresses_of(node: Node, announced: Announced) -> list[Address]:
    """The addresses under which the live cluster knows a node of the inventory."""
    return [
        address for address, name in announced.speakers.items() if name == node.full_name or address in node.addresses
    ]


def _free(prefix: Network, inside: Iterable[Network]) -> Address | None:
    """The first address outside the longer prefixes, which are in order: after each of them the next one may be free."""
    address = int(prefix.network_address)
    for other in inside:
        if address < int(other.network_address):
            break
        address = max(address, int(other.broadcast_address) + 1)
    if address > int(prefix.broadcast_address):
        return None
    return prefix[address - int(prefix.network_address)]
