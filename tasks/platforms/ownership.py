"""What is Kubepeer's on a router of somebody else, whatever its platform: a name, and the routes that are accepted. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from kubepeer.intent.families import IPV6, Address, Network, Version, version_of
from kubepeer.intent.networks import FamilyNetworks, Networks

OWNER = "KUBEPEER"  # the name of our peer group, and the beginning of the names of our filters
NUMBERS = 65536  # how many entries of a route map have a number: FRR, VyOS
DESCRIBED = re.compile(r"nodes of (\S+?)(?:, password \w+)?")


@dataclass(frozen=True)
class Accepted:
    """An entry of the filter of what comes in.

    Attributes:
        number: its place.
        prefix: the network.
        shortest: the shortest prefix length accepted inside it, up to a single address; None: the network itself and nothing inside it.

    """

    number: int
    prefix: Network
    shortest: int | None = None


def accepted(networks: Networks | FamilyNetworks) -> tuple[Accepted, ...]:
    """Of one family: pod blocks and borrowed addresses; of the two service networks the whole, and single addresses.

    Args:
        networks: of that family; of a cluster with two its own.

    """
    return (
        *_pods(networks),
        *_whole_and_single(20, networks.services),
        *_whole_and_single(30, networks.load_balancers),
    )


def _pods(networks: Networks | FamilyNetworks) -> Iterator[Accepted]:
    if networks.pod_block_size > networks.pods.prefixlen:
        yield Accepted(10, networks.pods, networks.pod_block_size)
    else:  # one block is the whole network; a router wants `ge` longer than the prefix
        yield from _whole_and_single(10, networks.pods)


def _whole_and_single(number: int, network: Network) -> Iterator[Accepted]:
    yield Accepted(number, network)
    if network.prefixlen < network.max_prefixlen:
        yield Accepted(number + 5, network, network.max_prefixlen)


@dataclass(frozen=True)
class Sender:
    """An entry of the filter of next hops: a node, and the one address that it may announce routes to, its own.

    Attributes:
        number: its place; the same for as long as the node has its address, whoever comes and goes beside it.
        name: the node's.
        address: of the node, and so of its session.

    """

    number: int
    name: str
    address: Address


def senders(intent: Intent, router: Router, version: Version | None = None) -> tuple[Sender, ...]:
    """The nodes as neighbours that are known one by one; none where whoever connects from the nodes' network is a neighbour.

    A node of Calico announces the other nodes' pod blocks as well, with their owners' next hops (calico: the kernel protocol of
    confd/etc/calico/confd/templates/bird.cfg.template learns Felix's routes). A dead node's block would stay for as long as another
    announces it.

    Args:
        intent: the nodes.
        router: which.
        version: of the sessions' family; None is the cluster's own.

    """
    if router.peering.neighbours == "dynamic":
        return ()
    networks = intent.cluster.networks
    network = networks.of(version or networks.versions[0]).nodes
    peers = [(node.name, node.address_of(version_of(network))) for node in intent.peers_of(router)]
    places = _places([address for _, address in peers], network)
    return tuple(Sender(place, name, address) for place, (name, address) in zip(places, peers, strict=True))


def _places(addresses: Sequence[Address], network: Network) -> Sequence[int]:
    """The entries' numbers: by the address's place in its network, of IPv6 by the end of it; counted where that does not fit."""
    offsets = [int(address) - int(network.network_address) for address in addresses]
    if network.num_addresses <= NUMBERS:
        return offsets
    ends = [offset % NUMBERS for offset in offsets]
    if network.version == IPV6 and all(ends) and len(set(ends)) == len(ends):
        return ends
    return range(1, len(addresses) + 1)


def description(intent: Intent, router: Router, password: str | None) -> str:
    """What our group is called.

    Where a router hides its passwords, the description has sixteen bits of a hash: whether it is still the same password
    can be seen by them, and little more can be learned from them than from the router's own, reversible encryption.
    """
    name = f"nodes of {intent.cluster.name}"
    if password is None:
        return name
    return f"{name}, password {sha256(f'{router.name} {password}'.encode()).hexdigest()[:4]}"


def raised(standing: int | None, needed: int) -> int | None:
    """A number that holds for the whole process: what to ask for, None while what stands is enough. It is never lowered."""
    return needed if standing is not None and standing < needed else None


def several_as(intent: Intent, router: Router) -> bool:
    """Whether equal paths have unequal AS: then the process must be told that they are equal."""
    return len(intent.as_numbers_of_peers(router)) > 1


@dataclass(frozen=True)
class Claim:
    """What stands under the name of our group on a router.

    Attributes:
        vrf: where its sessions are; None: outside all VRFs.
        description: the group's; "" where it has none.
        members: the neighbours that are in it.
        ranges: the networks whose hosts are taken into it.
        shared: it is the process's, and its members may be in any VRF.

    """

    vrf: str | None
    description: str = ""
    members: frozenset[str] = frozenset()
    ranges: frozenset[str] = frozenset()
    shared: bool = False


def refuse_other_claims(intent: Intent, router: Router, claims: Iterable[Claim]) -> None:
    """Names are one for the whole router: two inventories that configure the same one would take each other's sessions away in turn.

    Raises:
        RefusedError: what stands under our name is another inventory's, or in a VRF that this one does not name.

    """
    nodes = intent.addresses_of_peers(router)
    for claim in claims:
        found = DESCRIBED.fullmatch(claim.description)
        if found and found[1] != intent.cluster.name:
            raise RefusedError(
                f"the peer group {OWNER} is that of another cluster, {found[1]}: one router takes one inventory. Nothing was changed",
                host=router.name,
                cure=f"another router; or, if {found[1]} is gone or was this cluster's name, take {OWNER} away there by hand",
            )
        neighbours = sorted(claim.members | claim.ranges)
        if claim.shared and neighbours and claim.vrf != router.peering.vrf:
            raise RefusedError(
                f"{OWNER} has neighbours {_where(claim.vrf)}, and the inventory says {_where(router.peering.vrf)}: the group is one for"
                f" all VRFs, and none is touched that the inventory does not name ({', '.join(neighbours)}). Nothing was changed",
                host=router.name,
                cure="correct data.peering.vrf, or take these neighbours away by hand",
            )
        static = router.peering.neighbours == "static"
        here = claim.vrf == router.peering.vrf
        if found and static and here and claim.members and nodes and not claim.members & nodes:
            raise RefusedError(
                f"{OWNER} has neighbours, and none of them is a node of this inventory ({', '.join(sorted(claim.members))}):"
                " another inventory of the same name configures this router. Nothing was changed",
                host=router.name,
                cure=f"give one of the clusters another name and another router; or, if these nodes are gone, take {OWNER} away by hand",
            )


def _where(vrf: str | None) -> str:
    return f"in VRF {vrf}" if vrf else "outside all VRFs"


def refuse_missing_vrf(router: Router, found: Iterable[str]) -> None:
    """A VRF is the owner's: its interfaces and its routes are not ours to make.

    Raises:
        RefusedError: the router has no VRF of that name.

    """
    names = sorted(found)
    if router.peering.vrf and router.peering.vrf not in names:
        raise RefusedError(
            f"the router has no VRF {router.peering.vrf}; it has {', '.join(names) or 'none'}. Nothing was changed",
            host=router.name,
            cure="make it there with its interfaces, or correct data.peering.vrf",
        )


def as_plain(written: str) -> int:
    """An AS number as a router prints it: asplain, or asdot (RFC 5396)."""
    high, _, low = written.rpartition(".")
    return (int(high or 0) << 16) + int(low)


def refuse_foreign_as(router: Router, found: int) -> None:
    """A router has one BGP process, and its AS is not ours to set.

    Raises:
        RefusedError: the router speaks BGP in another AS than the inventory says.

    """
    if found != router.as_number:
        raise RefusedError(
            f"the router speaks BGP as AS {found}, the inventory says {router.as_number}",
            host=router.name,
            cure="correct as_number in inventory/hosts.yaml",
        )
