"""A router's sessions family by family: those of IPv4 carry IPv4 alone, and those of IPv6 IPv6. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from kubepeer.intent import Intent, Router
from kubepeer.intent.families import IPV4, IPV6, Address, Version
from kubepeer.intent.networks import FamilyNetworks
from tasks.platforms.ownership import OWNER, Accepted, Sender, accepted, senders

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
        accepted, senders: what comes in, and from whom.
        neighbours: the nodes.

    """

    version: Version
    group: str
    address: Address
    networks: FamilyNetworks
    accepted: tuple[Accepted, ...]
    senders: tuple[Sender, ...]
    neighbours: tuple[Neighbour, ...]


def sides(intent: Intent, router: Router) -> tuple[Side, ...]:
    """A router's sessions, family by family."""
    return tuple(
        Side(
            version=networks.version,
            group=GROUPS[networks.version],
            address=router.address_of(networks.version),
            networks=networks,
            accepted=accepted(networks),
            senders=senders(intent, router, networks.version),
            neighbours=tuple(
                Neighbour(node.name, node.address_of(networks.version), node.as_number)
                for node in intent.peers_of(router)
            ),
        )
        for networks in intent.cluster.networks.families
    )
