"""What racks may not say of each other, of their nodes and of the API's address. Pure."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import IPV4, Network, Version, by_number, named, within
from kubepeer.intent.model import Intent, Node
from kubepeer.intent.rack import Rack


def racks(intent: Intent) -> dict[str, Rack]:
    """The racks by name, in the order of their first nodes."""
    found: dict[str, Rack] = {}
    for node in intent.nodes:
        if node.rack:
            found.setdefault(node.rack.name, node.rack)
    return found


def link_of(intent: Intent, node: Node, version: Version | None = None) -> Network:
    """The network of a node's own link in a family, or the cluster's own one: its rack's; without racks all nodes share one."""
    networks = intent.cluster.networks
    return node.rack.network if node.rack else networks.of(version or networks.versions[0]).nodes


def links_of(intent: Intent, nodes: Iterable[Node], version: Version | None = None) -> tuple[Network, ...]:
    """The links that these nodes are on, each once, in order."""
    return tuple(sorted({link_of(intent, node, version) for node in nodes}, key=by_number))


def of_racks(intent: Intent) -> Iterator[Contradiction]:
    """Every contradiction of the racks, the most basic first."""
    known = racks(intent)
    yield from _one_family(intent)
    yield from _told_twice(intent, known)
    yield from _networks(intent, known)
    for node in intent.nodes:
        yield from _of_node(intent, node, known)
    yield from _virtual_address(intent)


def _one_family(intent: Intent) -> Iterator[Contradiction]:
    """A rack's link is one network, and what follows from it (filters, ranges, the virtual IP) is of IPv4."""
    versions = intent.cluster.networks.versions
    for node in intent.nodes:
        if node.rack and versions != (IPV4,):
            yield Contradiction(
                f"rack {node.rack.name} has a link of IPv4 alone, and cluster.networks is of {named(versions)}",
                host=node.name,
                key="rack",
                cure="no racks, or cluster.networks of IPv4 alone",
            )


def _told_twice(intent: Intent, known: dict[str, Rack]) -> Iterator[Contradiction]:
    for node in intent.nodes:
        if node.rack and node.rack != known[node.rack.name]:
            first = next(one.name for one in intent.nodes if one.rack and one.rack.name == node.rack.name)
            yield Contradiction(
                f"rack {node.rack.name} is {_told(node.rack)} here and {_told(known[node.rack.name])} at {first}",
                host=node.name,
                key="rack",
                cure="say it once, in the group of the rack",
            )


def _told(rack: Rack) -> str:
    return str(rack.network) + (f" in AS {rack.as_number}" if rack.as_number else "")


def _networks(intent: Intent, known: dict[str, Rack]) -> Iterator[Contradiction]:
    nodes = intent.cluster.networks.nodes
    for one, other in combinations(known.values(), 2):
        if one.network.overlaps(other.network):
            what = "is also" if one.network == other.network else f"overlaps {one.network},"
            yield Contradiction(
                f"{other.network} {what} the network of rack {one.name}: a node's link would be either",
                host=_first(intent, other),
                key="rack.network",
                cure="a subnet of its own for each rack",
            )
    for rack in known.values():
        if not within(rack.network, nodes):
            yield Contradiction(
                f"{rack.network} of rack {rack.name} is outside the nodes' network {nodes}, which holds those of all racks",
                host=_first(intent, rack),
                key="rack.network",
                cure=f"a subnet of {nodes}, or a wider cluster.networks.nodes",
            )


def _first(intent: Intent, rack: Rack) -> str:
    return next(node.name for node in intent.nodes if node.rack and node.rack.name == rack.name)


def _of_node(intent: Intent, node: Node, known: dict[str, Rack]) -> Iterator[Contradiction]:
    if node.rack and node.address not in node.rack.network:
        yield Contradiction(
            f"{node.address} is outside {node.rack.network}, the network of its rack {node.rack.name}",
            host=node.name,
            key=node.address_key.removeprefix("data."),
            cure="an address of that network, or the group of another rack",
        )
    for rack in known.values():
        if node.rack is None and node.address in rack.network:
            yield Contradiction(
                f"{node.address} is in {rack.network}, the network of rack {rack.name}, and the node is in no rack",
                host=node.name,
                cure=f"add the group of rack {rack.name} to its groups",
            )
    if node.rack and not node.routers_said:
        routers = ", ".join(router.name for router in intent.routers)
        yield Contradiction(
            f"rack {node.rack.name} names no routers: all of them would serve it, those of other racks, too",
            host=node.name,
            key="rack",
            cure=f"routers: beside rack:, of {routers}",
        )
    elif known and not node.routers_said:
        yield Contradiction(
            f"names no routers, and there are racks ({', '.join(known)}): the routers of all of them would serve it",
            host=node.name,
            key="routers",
            cure="the group of its rack, or routers: of its own",
        )


def _virtual_address(intent: Intent) -> Iterator[Contradiction]:
    """A virtual IP is answered for by ARP, or by VRRP, on one link: control planes on another could not hold it."""
    endpoint, nodes = intent.cluster.endpoint, intent.control_planes
    if endpoint.provider == "external" or not any(node.rack for node in nodes):
        return
    links = links_of(intent, nodes)
    if len(links) > 1:
        places = " and ".join(map(str, links))
        yield Contradiction(
            f"{endpoint.address} is a virtual IP, of one link, and the control planes are on {places}",
            key="cluster.endpoint.address",
            cure="all control planes in one rack, or endpoint.provider: external",
        )
        return
    (link,) = links
    if endpoint.address not in link:
        yield Contradiction(
            f"the virtual IP {endpoint.address} is outside {link}, the link of the control planes",
            key="cluster.endpoint.address",
            cure=f"an address of {link}, or endpoint.provider: external",
        )
    elif endpoint.address in (link.network_address, link.broadcast_address):
        yield Contradiction(
            f"the virtual IP {endpoint.address} is no host address of {link}", key="cluster.endpoint.address"
        )
    if endpoint.prefix_length < link.prefixlen:
        yield Contradiction(
            f"/{endpoint.prefix_length} would put more on the link than {link}, other racks among it",
            key="cluster.endpoint.prefix_length",
            cure=f"{link.prefixlen} to 32",
        )
