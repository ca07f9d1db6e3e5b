"""What the inventory says of one router's sessions and of the paths that come by them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from kubepeer.intent import Intent, Router
from kubepeer.intent.advertisements import advertisements, values
from kubepeer.intent.families import Address, Network, within
from tasks.platforms.attributes import IGP
from tasks.platforms.reader import ReadsCommunities, RouterReader
from tasks.routes.expected import Announced
from tasks.routes.selection import addresses_of


@dataclass(frozen=True)
class Intended:
    """What should be so.

    Attributes:
        router_as: the router's own AS.
        as_numbers: those of the nodes, of this router's and of all others.
        nodes: the AS of each of the inventory's nodes that the router serves, by the address that the live cluster knows it under.
            A node that the API alone knows is none of them: what it should do nobody has said.
        others: whose sessions are no stranger's: the inventory's routers, its nodes that other routers serve, and its nodes' own
            addresses, whatever Calico has found for them.
        links: the networks that nodes are on.
        hold_seconds, keepalive_seconds: of every session with a node; None where nobody has said them.
        communities: by the network, with which its routes are announced.
        added: by the router, to each route of a node.
        origin: of the nodes' routes (RFC 4271, 5.1.1); None where it depends on who announces them.
        theirs: somebody else has built the cluster, and nothing is written into it.

    """

    router_as: int
    as_numbers: frozenset[int]
    nodes: Mapping[Address, int] = field(default_factory=dict)
    others: frozenset[Address] = frozenset()
    links: tuple[Network, ...] = ()
    hold_seconds: int | None = 180
    keepalive_seconds: int | None = 60
    communities: Mapping[Network, frozenset[str]] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    origin: str | None = IGP
    theirs: bool = False

    def communities_of(self, prefix: Network) -> frozenset[str]:
        """Those that a route of a node must have on the router; a prefix has what is said of the network around it."""
        around = (said for network, said in self.communities.items() if within(prefix, network))
        return self.added.union(*around)


def intended(intent: Intent, router: Router, announced: Announced) -> Intended:
    """What an inventory says of a router.

    Calico's nodes give a route of their own the origin IGP (their daemon's proto/bgp/attrs.c); MetalLB's speakers say incomplete, or IGP,
    by what they speak with (internal/bgp/native/messages.go).
    """
    bgp = intent.cluster.bgp
    # a cluster that somebody else has built has timers, whatever Kubepeer's own would be
    timed = not intent.cluster.adopted or {"hold_seconds", "keepalive_seconds"} & bgp.model_fields_set
    served = {node.name for node in intent.peers_of(router)}
    addresses = {node.name: addresses_of(node, announced) or list(node.addresses) for node in intent.nodes}
    speaks = intent.load_balancer.speaks
    named = (
        {str(one): intent.load_balancer.communities for one in intent.cluster.networks.every_load_balancers}
        if speaks
        else advertisements(intent)
    )
    return Intended(
        router_as=router.as_number,
        as_numbers=frozenset({bgp.as_number, *(node.as_number for node in intent.nodes)}),
        nodes={
            address: node.as_number for node in intent.nodes if node.name in served for address in addresses[node.name]
        },
        others=frozenset(
            (
                *(address for one in intent.routers for address in one.addresses),
                *(one.peering.address for one in intent.routers if one.peering.address),
                *(address for name, some in addresses.items() if name not in served for address in some),
                *(address for node in intent.nodes for address in node.addresses),
            )
        ),
        links=intent.cluster.networks.every_nodes,
        hold_seconds=bgp.hold_seconds if timed else None,
        keepalive_seconds=bgp.keepalive_seconds if timed else None,
        communities={ip_network(network): values(names, bgp.communities) for network, names in named.items()},
        added=frozenset(router.peering.communities),
        origin=None if speaks else IGP,
        theirs=intent.cluster.adopted,
    )


def reader_for(reader: RouterReader, wanted: Intended) -> RouterReader:
    """The reader that asks for communities as well, where the inventory has any and they are not shown anyway."""
    if isinstance(reader, ReadsCommunities) and (wanted.added or wanted.communities):
        return reader.with_communities()
    return reader
