"""How many prefixes a node may announce to a router, against the limit at which the router ends its session. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from kubepeer.intent.abilities import Platforms
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import BITS, IPV6
from kubepeer.intent.model import Intent, Router
from kubepeer.intent.networks import FamilyNetworks
from kubepeer.intent.pools import FurtherPool

# The kubelet's maxPods (pkg/kubelet/apis/config/v1beta1/defaults.go) and the tunnel's; a block that holds none of them is given back.
ADDRESSES_OF_A_NODE = 110 + 1


@dataclass(frozen=True)
class Announced:
    """The most that one node may announce when the pool is full and nothing keeps it from announcing what others own.

    Attributes:
        blocks: of all nodes: BIRD learns Felix's routes to the others' and tells them to external peers.
        own_again: its own blocks, a second time: Calico's BIRD offers ADD-PATH to all, and tells those that take several paths a node's
            own blocks twice, static and learned from the kernel.
        borrowed: /32s out of the blocks of others, of all nodes.
        services: the networks of services.

    """

    blocks: int
    own_again: int
    borrowed: int
    services: int = 2

    @property
    def prefixes(self) -> int:
        """All of them, with the service networks."""
        return self.blocks + self.own_again + self.borrowed + self.services

    def __str__(self) -> str:
        parts = [f"{self.blocks} blocks of all nodes"]
        parts += [f"{self.own_again} of its own a second time (ADD-PATH)"] if self.own_again else []
        parts += [f"{self.borrowed} borrowed addresses"] if self.borrowed else []
        return f"{', '.join(parts)} and {self.services} service networks"


def announced(intent: Intent, router: Router, platforms: Platforms, family: FamilyNetworks | None = None) -> Announced:
    """What a router must be ready to take from one node by its session of a family; the cluster's own where none is named.

    A service with externalTrafficPolicy Local is a /32 more; how many there will be is not in the inventory.
    """
    networks, nodes = family or intent.cluster.networks.families[0], len(intent.nodes)
    counted = [_of_pool(pool, nodes) for pool in networks.pools if pool.announced]
    again = min(sum(own for _, own, _ in counted), ADDRESSES_OF_A_NODE)
    return Announced(
        blocks=sum(blocks for blocks, _, _ in counted),
        own_again=again if platforms[router.platform].abilities.several_paths else 0,
        borrowed=max((borrowed for _, _, borrowed in counted), default=0),  # a pod has one address
        services=len({*intent.cluster.bgp.announced_services(networks)}),
    )


def _of_pool(pool: FurtherPool, nodes: int) -> tuple[int, int, int]:
    """Blocks, those that one node may have, and what all nodes borrow when there are too few."""
    addresses_of_a_block = 1 << (pool.cidr.max_prefixlen - pool.block_size)
    blocks = 1 << max(pool.block_size - pool.cidr.prefixlen, 0)
    own = min(max(blocks - (nodes - 1), 1), ADDRESSES_OF_A_NODE)
    blocks_of_a_node = -(-ADDRESSES_OF_A_NODE // addresses_of_a_block)
    if pool.cidr.version == IPV6:  # has room for more blocks than anybody will use
        blocks, own = min(blocks, nodes * blocks_of_a_node), min(own, blocks_of_a_node)
    lacking = max(ADDRESSES_OF_A_NODE - addresses_of_a_block, 0)  # each node has a block of its own
    return blocks, own, nodes * lacking if blocks < nodes * blocks_of_a_node else 0


def beyond_the_limit(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """The limit ends **all** sessions of the router when it is reached: every node announces the same blocks."""
    if intent.load_balancer.speaks:
        return  # no pod block is announced
    limit = intent.cluster.bgp.maximum_prefixes
    counted = (
        (announced(intent, router, platforms, family), family)
        for router in intent.routers
        for family in intent.cluster.networks.families
    )
    most, networks = max(counted, key=lambda one: one[0].prefixes, default=(None, None))
    if most is not None and networks is not None and most.prefixes > limit:
        pools = [pool for pool in networks.pools if pool.announced]
        full = " and ".join(str(pool.cidr) for pool in pools)
        smallest = max(pool.block_size for pool in pools) if pools else BITS[networks.version]
        yield Contradiction(
            f"{limit} is less than the {most.prefixes} prefixes that a node may announce when {full or 'nothing'} is full: {most}",
            key="cluster.bgp.maximum_prefixes",
            cure=f"{most.prefixes} and some for services with a route of their own, or larger blocks than /{smallest}",
        )
