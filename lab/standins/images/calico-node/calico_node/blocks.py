"""Which block of addresses a node takes, and which of its addresses the tunnel gets (libcalico-go/lib/ipam)."""

import hashlib
import re
from collections.abc import Iterable, Iterator

from cluster_api.objects import Json, spec

from calico_node import family as families
from calico_node.family import IPV4, Address, Family, Network, family_of, in_order, start_of
from calico_node.resources import AFFINITY_PREFIX, Block, Pool
from calico_node.selector import parse

_GROUP_VERSION = "crd.projectcalico.org/v1"
TUNNEL_SHARE, MOST_TUNNEL_ADDRESSES = 8, 4
"""The addresses that are kept from pods: an eighth of the block, four at the most."""


def candidates(node: str, pool: Pool, taken: Iterable[Network]) -> Iterator[Network]:
    """Give the pool's free blocks, beginning at a place that the node's name decides.

    Calico starts at a pseudo-random block too, so that nodes that start together seldom want the same one.
    """
    in_the_way = list(taken)
    count = 1 << (pool.block_size - pool.cidr.prefixlen)
    first = int.from_bytes(hashlib.sha256(node.encode()).digest()[:8]) % count
    size = 1 << (pool.cidr.max_prefixlen - pool.block_size)
    for step in range(count):
        start = start_of(pool.cidr) + (first + step) % count * size
        block = families.block(start, pool.block_size, family_of(pool.cidr))
        if not any(families.within(block, other) or families.within(other, block) for other in in_the_way):
            yield block


def own_blocks(node: str, blocks: Iterable[Block]) -> list[Network]:
    """List the node's blocks in order of addresses."""
    return sorted((block.cidr for block in blocks if block.node == node), key=in_order)


def contested(ipam_blocks: Iterable[Json], family: Family = IPV4) -> list[Network]:
    """List the blocks of a family that some node has, or had: as long as the IPAMBlock stands nobody else gets it."""
    cidrs = (str(spec(item)["cidr"]) for item in ipam_blocks)
    return sorted((families.network(cidr) for cidr in cidrs if family.has(cidr)), key=in_order)


def claimed(node: str, ipam_blocks: Iterable[Json], family: Family = IPV4) -> list[Network]:
    """List the blocks that the contest gave to the node, whether or not its BlockAffinity was written after it."""
    return contested((item for item in ipam_blocks if spec(item).get("affinity") == f"{AFFINITY_PREFIX}{node}"), family)


def usable_pool(pools: Iterable[Pool], labels: dict[str, str]) -> Pool | None:
    """Choose the first pool by name that gives addresses to workloads on a node with these labels."""
    for pool in sorted(pools, key=lambda pool: pool.name):
        if pool.for_workloads and not pool.disabled and parse(pool.node_selector)(labels):
            return pool
    return None


def block_name(cidr: Network) -> str:
    """Name an IPAMBlock after its block alone: the API server then lets one node only have it (names.CIDRToName)."""
    return re.sub("[.:/]", "-", str(cidr))


def affinity(node: str, cidr: Network) -> Json:
    """Write the BlockAffinity by which a node holds a block."""
    return {
        "apiVersion": _GROUP_VERSION,
        "kind": "BlockAffinity",
        "metadata": {"name": f"{node}-{block_name(cidr)}"},
        "spec": {"cidr": str(cidr), "node": node, "state": "confirmed", "deleted": "false"},
    }


def ipam_block(node: str, cidr: Network) -> Json:
    """Write the IPAMBlock that settles who has a block, with all addresses free."""
    return {
        "apiVersion": _GROUP_VERSION,
        "kind": "IPAMBlock",
        "metadata": {"name": block_name(cidr)},
        "spec": {
            "affinity": f"{AFFINITY_PREFIX}{node}",
            "allocations": [None] * cidr.num_addresses,
            "attributes": [],
            "cidr": str(cidr),
            "deleted": False,
            "strictAffinity": False,
            "unallocated": list(range(cidr.num_addresses)),
        },
    }


def reserved_for_tunnels(cidr: Network) -> int:
    """Say how many of the first addresses no pod gets: pods' addresses are given by host-local, which does not ask here."""
    return max(1, min(MOST_TUNNEL_ADDRESSES, cidr.num_addresses // TUNNEL_SHARE))


def tunnel_address(node: str, announced: Address | None, item: Json) -> tuple[Address, Json | None]:
    """Choose the node's tunnel address and write what that changes in spec of its IPAMBlock, if anything.

    An announced address that is the block's stays. Without one (a new node, or one that was deleted and has joined again)
    it is the next that is free: what the node had before is allocated until the garbage collection of
    calico-kube-controllers. Where all are, the first one is taken again.
    """
    fields = spec(item)
    cidr = families.network(fields["cidr"])
    allocations, attributes = list(fields["allocations"]), list(fields["attributes"])
    ordinals = range(reserved_for_tunnels(cidr))
    if announced is not None and announced in cidr:
        ordinal = int(announced) - start_of(cidr)
    else:
        ordinal = next((free for free in ordinals if allocations[free] is None), 0)
    address = cidr.network_address + ordinal
    if allocations[ordinal] is not None:
        return address, None
    allocations[ordinal] = len(attributes)
    secondary = {"node": node, "type": "vxlanTunnelAddress"}
    return address, {
        "allocations": allocations,
        "attributes": [*attributes, {"handle_id": f"vxlan-tunnel-addr-{node}", "secondary": secondary}],
        "unallocated": [other for other in fields["unallocated"] if other != ordinal],
    }
