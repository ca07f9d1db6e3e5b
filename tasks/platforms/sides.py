"""A router's sessions family by family: those of IPv4 carry IPv4 alone, and those of IPv6 IPv6. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from kubepeer.intent import Intent, Router
from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version
from kubepeer.intent.networks import FamilyNetworks
from kubepeer.intent.racks import links_of
from tasks.platforms.ownership import OWNER, Accepted, Sender, accepted_of, announced, senders

# The name of our peer group by the family of its sessions, and the beginning of the names of its filters
GROUPS: Mapping[Version, str] = {IPV4: OWNER, IPV6: f"{OWNER}6"}


@dataclass(frozen=True)
class Neighbour:
    """A node as a neighbour in one family."""

    name: str
    address: Address
    as_number: int


@dataclass(frozen=True)
class Side:
    """A router's sessions in one family.

    Attributes:
        group: the name of our peer group, and the beginning of the names of our filters.
        address: the router's end.
        networks: the cluster's in this family.
        links: of the nodes.
        accepted, senders: what comes in, and from whom.
        announced: what the nodes are told of each other.
        neighbours: the nodes.

    """

    version: Version
    group: str
    address: Address
    networks: FamilyNetworks
    links: tuple[Network, ...]
    accepted: tuple[Accepted, ...]
    announced: tuple[Accepted, ...]
    senders: tuple[Sender, ...]
    neighbours: tuple[Neighbour, ...]


def sides(intent: Intent, router: Router, *, told: bool = False) -> tuple[Side, ...]:
    """A router's sessions, family by family; `told`: it tells the nodes each other's pod blocks."""
    return tuple(
        Side(
            version=networks.version,
            group=GROUPS[networks.version],
            address=router.address_of(networks.version),
            networks=networks,
            links=links_of(intent, intent.peers_of(router), networks.version),
            accepted=accepted_of(intent, networks),
            announced=announced(networks) if told else (),
            senders=senders(intent, router, networks.version),
            neighbours=tuple(
                Neighbour(node.name, node.address_of(networks.version), node.as_number)
                for node in intent.peers_of(router)
            ),
        )
        for networks in intent.cluster.networks.families
    )
