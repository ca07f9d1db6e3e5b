"""Which block of addresses a node takes."""

import hashlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from calico_node.resources import Block, Pool
from calico_node.selector import parse


def candidates(node: str, pool: Pool, taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """Give the pool's free blocks, beginning at a place that the node's name decides.

    Calico starts at a pseudo-random block too, so that nodes that start together seldom want the same one.
    """
    in_the_way = list(taken)
    count = 1 << (pool.block_size - pool.cidr.prefixlen)
    first = int.from_bytes(hashlib.sha256(node.encode()).digest()[:8]) % count
    size = 1 << (pool.cidr.max_prefixlen - pool.block_size)
    for step in range(count):
        start = int(pool.cidr.network_address) + (first + step) % count * size
        block = IPv4Network((start, pool.block_size))
        if not any(block.overlaps(other) for other in in_the_way):
            yield block


def own_blocks(node: str, blocks: Iterable[Block]) -> list[IPv4Network]:
    """List the node's blocks in order of addresses."""
    return sorted(block.cidr for block in blocks if block.node == node)


def usable_pool(pools: Iterable[Pool], labels: dict[str, str]) -> Pool | None:
    """Choose the first pool by name that gives addresses to workloads on a node with these labels."""
    for pool in sorted(pools, key=lambda pool: pool.name):
        if pool.for_workloads and not pool.disabled and parse(pool.node_selector)(labels):
            return pool
    return None


def affinity_name(cidr: IPv4Network) -> str:
    """Name a BlockAffinity after its block alone: the API server then lets one node only have it.

    Calico names it `node-block` and settles the contest with a second object, the IPAMBlock.
    """
    return f"{str(cidr.network_address).replace('.', '-')}-{cidr.prefixlen}"


def affinity(node: str, cidr: IPv4Network) -> dict[str, object]:
    """Write the BlockAffinity by which a node holds a block."""
    return {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "BlockAffinity",
        "metadata": {"name": affinity_name(cidr)},
        "spec": {"cidr": str(cidr), "node": node, "state": "confirmed", "deleted": "false"},
    }


def tunnel_address(cidr: IPv4Network) -> IPv4Address:
    """Reserve the first address: it keeps the block in use while the node has no pods."""
    return cidr.network_address
