"""What is Kubepeer's on a router of somebody else, whatever its platform: a name, and the routes that are accepted. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from kubepeer.intent.families import IPV6, Address, Network, Version, within
from kubepeer.intent.networks import FamilyNetworks, Networks
from kubepeer.intent.pools import FurtherPool
from kubepeer.intent.racks import links_of

OWNER = "KUBEPEER"  # the name of our peer group, and the beginning of the names of our filters
NUMBERS = 65536  # how many entries of a route map have a number: FRR, VyOS
DESCRIBED = re.compile(r"nodes of (\S+?)(?:, password \w+)?")
FIRST_ANNOUNCED = 20  # in the filter of what goes out: number 10 is the default route
EXTERNAL, FURTHER_POOLS = 100, 1000  # the first numbers of entries that few inventories have


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
    """Of one family: pod blocks and borrowed addresses of pools that are announced; of services' networks the whole, and single addresses.

    Args:
        networks: of that family; of a cluster with two its own.

    """
    family = networks.families[0]
    external = [network for network in family.external if network != family.own_load_balancers]
    first = [pool for pool in family.pools if pool not in family.further_pools]
    pools = [
        *((10, pool) for pool in first),
        *((FURTHER_POOLS + 10 * place, pool) for place, pool in enumerate(family.further_pools)),
    ]
    services = ((20, family.own_services), (30, family.own_load_balancers))
    return (
        *(entry for number, pool in pools if pool in first and pool.announced for entry in _pods(number, pool)),
        *(entry for number, network in services if network for entry in _whole_and_single(number, network)),
        *(
            entry
            for place, network in enumerate(external)
            for entry in _whole_and_single(EXTERNAL + 10 * place, network)
        ),
        *(entry for number, pool in pools if pool not in first and pool.announced for entry in _pods(number, pool)),
    )


def accepted_of(intent: Intent, networks: FamilyNetworks | None = None) -> tuple[Accepted, ...]:
    """What the nodes may announce in one family: of a load balancer that speaks itself its own addresses alone, in its lengths."""
    if not intent.load_balancer.speaks:
        return accepted(networks or intent.cluster.networks)
    family, length = networks or intent.cluster.networks.families[0], intent.load_balancer.aggregation_length
    further = family.external if intent.cluster.adopted else ()  # of a MetalLB with several pools
    places = [(30, family.load_balancers), *((EXTERNAL + 10 * place, one) for place, one in enumerate(further))]
    return tuple(entry for number, network in places for entry in _in_lengths(number, network, length))


def _in_lengths(number: int, network: Network, length: int) -> Iterator[Accepted]:
    yield Accepted(number, network)
    if length > network.prefixlen:
        yield Accepted(number + 5, network, length)


def _pods(number: int, pool: FurtherPool) -> Iterator[Accepted]:
    if pool.block_size > pool.cidr.prefixlen:
        yield Accepted(number, pool.cidr, pool.block_size)
    else:  # one block is the whole network; a router wants `ge` longer than the prefix
        yield from _whole_and_single(number, pool.cidr)


def _whole_and_single(number: int, network: Network) -> Iterator[Accepted]:
    yield Accepted(number, network)
    if network.prefixlen < network.max_prefixlen:
        yield Accepted(number + 5, network, network.max_prefixlen)


def announced(networks: Networks | FamilyNetworks) -> tuple[Accepted, ...]:
    """What the nodes are told of each other, where routers tell them: pod blocks and borrowed addresses, behind the default route."""
    pools = [pool.cidr for pool in networks.families[0].pools]
    entries = (entry for entry in accepted(networks) if any(within(entry.prefix, pool) for pool in pools))
    return tuple(Accepted(FIRST_ANNOUNCED + 10 * place, one.prefix, one.shortest) for place, one in enumerate(entries))


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
    version = version or intent.cluster.networks.versions[0]
    nodes = intent.peers_of(router)
    peers = [(node.name, node.address_of(version)) for node in nodes]
    places = _places([address for _, address in peers], links_of(intent, nodes, version))
    return tuple(Sender(place, name, address) for place, (name, address) in zip(places, peers, strict=True))


def _places(addresses: Sequence[Address], links: Sequence[Network]) -> Sequence[int]:
    """The entries' numbers: by the address's place on its link, of IPv6 by the end of it; counted where that does not fit."""
    if len(links) == 1:
        (network,) = links
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
