"""What the parts of an inventory may not say to each other. Pure."""

from collections.abc import Iterator
from itertools import combinations

from kubepeer.intent import additions, adopted, as_numbers, balancing, bgp_features, pool_rules
from kubepeer.intent.abilities import Platforms, inabilities
from kubepeer.intent.between_nodes import of_the_cure
from kubepeer.intent.combinations import refusals
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.endpoint import of_endpoint
from kubepeer.intent.families import within
from kubepeer.intent.ipv6 import limits_of_ipv6, of_ipv6
from kubepeer.intent.model import Intent, Node, Router
from kubepeer.intent.networks import FamilyNetworks
from kubepeer.intent.prefixes import beyond_the_limit
from kubepeer.intent.racks import of_racks
from kubepeer.intent.reflectors import of_reflectors

LABEL = 63  # characters of a label's value: the kubelet writes its node's name into kubernetes.io/hostname
WORKLOAD_ADDRESS = 80  # section 7 of the tutorial: templates/cluster/workload.yaml.j2


def contradictions(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """Every contradiction, the most basic first; `platforms` are those of the routers by name."""
    if intent.cluster.adopted:
        yield from of_adopted(intent, platforms)
        return
    yield from _members(intent)
    yield from _names(intent)
    yield from _addresses(intent)
    yield from _networks(intent)
    yield from of_racks(intent)
    yield from of_endpoint(intent)
    yield from _bgp(intent)
    yield from _peerings(intent)
    yield from _abilities(intent, platforms)
    yield from as_numbers.contradictions(intent)
    yield from of_reflectors(intent)
    yield from of_the_cure(intent, platforms)
    yield from of_ipv6(intent, platforms)
    yield from refusals(intent)
    yield from pool_rules.contradictions(intent)
    yield from bgp_features.contradictions(intent)
    yield from additions.contradictions(intent)
    yield from balancing.contradictions(intent)
    yield from beyond_the_limit(intent, platforms)


def of_adopted(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """The same of an inventory of routers alone; it holds as well when the nodes that the API tells of are in it."""
    yield from _routers(intent)
    yield from _addresses(intent)
    yield from adopted.contradictions(intent)
    for family in intent.cluster.networks.families:
        if family.own_pods is not None:
            yield from _blocks(intent, family)
    yield from _bgp(intent)
    yield from _served(intent)
    yield from _abilities(intent, platforms)
    yield from as_numbers.contradictions(intent)
    yield from of_the_cure(intent, platforms)
    yield from beyond_the_limit(intent, platforms)


def _members(intent: Intent) -> Iterator[Contradiction]:
    count = len(intent.control_planes)
    if count == 0:
        yield Contradiction("no host is in the group control_plane")
    elif count % 2 == 0:
        yield Contradiction(
            f"{count} control planes: etcd needs an odd number of members ({count} survive no more failures than {count - 1})"
        )
    yield from _routers(intent)


def _routers(intent: Intent) -> Iterator[Contradiction]:
    if not intent.routers:
        yield Contradiction("no host is in the group routers: there is nobody to peer with")


def _names(intent: Intent) -> Iterator[Contradiction]:
    for node in intent.nodes:
        if len(node.full_name) > LABEL:
            yield Contradiction(
                f"{node.full_name} has {len(node.full_name)} characters: a node's name must fit into the label "
                f"kubernetes.io/hostname, {LABEL}",
                host=node.name,
                cure="a shorter name, or a shorter cluster.domain",
            )


def _hosts(intent: Intent) -> tuple[Node | Router, ...]:
    return (*intent.nodes, *intent.routers)


def _addresses(intent: Intent) -> Iterator[Contradiction]:
    taken: dict[str, str] = {}
    for host in _hosts(intent):
        for text in map(str, host.addresses):
            if text in taken:
                yield Contradiction(f"{text} is also the address of {taken[text]}", host=host.name)
            taken[text] = host.name
    for family in intent.cluster.networks.families:
        for node in intent.nodes:
            address = node.address_of(family.version)
            if address not in family.nodes:
                yield Contradiction(f"{address} is outside the nodes' network {family.nodes}", host=node.name)


def _networks(intent: Intent) -> Iterator[Contradiction]:
    for family in intent.cluster.networks.families:
        for (one, first), (other, second) in combinations(family.by_key.items(), 2):
            # the tutorial announces its load balancers' network as one of external addresses
            if (within(first, second) or within(second, first)) and not (first == second and one == "load_balancers"):
                yield Contradiction(f"{second} overlaps {one} {first}", key=f"cluster.networks.{other}")
        yield from _blocks(intent, family)
        yield from limits_of_ipv6(intent, family)
    load_balancers = intent.cluster.networks.load_balancers
    if load_balancers.num_addresses <= WORKLOAD_ADDRESS:
        yield Contradiction(
            f"{load_balancers} has no address number {WORKLOAD_ADDRESS}: the workload's service asks for it",
            key="cluster.networks.load_balancers",
        )


def _blocks(intent: Intent, family: FamilyNetworks) -> Iterator[Contradiction]:
    if family.pod_block_size < family.pods.prefixlen:
        yield Contradiction(
            f"a block of /{family.pod_block_size} does not fit into {family.pods}",
            key="cluster.networks.pod_block_size",
        )
    elif 1 << (family.pod_block_size - family.pods.prefixlen) < len(intent.nodes):
        yield Contradiction(
            f"{family.pods} has fewer blocks of /{family.pod_block_size} than there are nodes",
            key="cluster.networks.pods",
        )


def _bgp(intent: Intent) -> Iterator[Contradiction]:
    bgp = intent.cluster.bgp
    if bgp.hold_seconds < 3 * bgp.keepalive_seconds:
        yield Contradiction(
            f"hold_seconds {bgp.hold_seconds} is less than three keepalives of {bgp.keepalive_seconds} s",
            key="cluster.bgp.hold_seconds",
        )
    for key, names in bgp.communities_by_key.items():
        for name in names:
            if ":" not in name and name not in bgp.communities:
                yield Contradiction(
                    f"there is no community {name!r} under cluster.bgp.communities", key=f"cluster.bgp.{key}"
                )


def _peerings(intent: Intent) -> Iterator[Contradiction]:
    names = [router.name for router in intent.routers]
    for node in intent.nodes:
        for name in node.routers:
            if name not in names:
                yield Contradiction(
                    f"there is no router {name!r}; routers: {', '.join(names)}", host=node.name, key="routers"
                )
        if not node.routers:
            yield Contradiction("no router serves it: nobody would reach its pods", host=node.name, key="routers")
    yield from _served(intent)


def _served(intent: Intent) -> Iterator[Contradiction]:
    for router in intent.routers:
        peers = intent.peers_of(router)
        if intent.nodes and not peers:
            cure = "name it under routers: of a node, or take it away"
            if intent.cluster.adopted:
                cure = f"no BGPPeer of the cluster has {router.address} for a node: correct {router.address_key}, or take it away"
            yield Contradiction("serves no node", host=router.name, cure=cure)
        yield from _as_clashes(intent, router)
        peering = router.peering
        if peering.neighbours == "dynamic" and peering.listen_limit < len(peers):
            yield Contradiction(
                f"{peering.listen_limit} is less than its {len(peers)} nodes",
                host=router.name,
                key="peering.listen_limit",
            )


def _as_clashes(intent: Intent, router: Router) -> Iterator[Contradiction]:
    for node in intent.peers_of(router):
        if node.as_number != router.as_number:
            continue
        if node.as_number == intent.cluster.bgp.as_number:
            yield Contradiction(
                f"AS {router.as_number} is also the cluster's: the sessions are external BGP", host=router.name
            )
            return
        yield Contradiction(
            f"AS {node.as_number} is also that of its router {router.name}: the sessions are external BGP",
            host=node.name,
            key="rack.as_number" if node.rack and node.rack.as_number == node.as_number else "as_number",
        )


def _abilities(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    for router in intent.routers:
        for inability in inabilities(platforms, router, intent.as_numbers_of_peers(router)):
            yield Contradiction(
                f"{router.platform} cannot: {inability.why}",
                host=router.name,
                key=f"peering.{inability.key}",
                cure=inability.cure,
            )
        most, peers = platforms[router.platform].abilities.most_paths, len(intent.peers_of(router))
        if most is not None and peers > most:
            yield Contradiction(
                f"{router.platform} has at most {most} equal paths, and it serves {peers} nodes: the service networks come from all",
                host=router.name,
                cure="name fewer routers under routers: of a node or a rack",
            )
