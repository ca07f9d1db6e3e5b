"""Which block a node takes, and the CNI configuration that follows from it."""

import itertools
import json
from ipaddress import IPv4Network

import pytest
from calico_node import blocks, cni, resources
from calico_node.resources import Block, Pool
from cluster_api.objects import Json

SEED_NODES = [
    f"k8s-calico-{kind}-10-31-90-{number}.tinychen.io" for number in range(1, 7) for kind in ("master", "worker")
]


def pool(cidr: str = "10.33.0.0/17", size: int = 24, **fields: object) -> Pool:
    spec: Json = {"cidr": cidr, "blockSize": size} | fields
    return resources.pool({"metadata": {"name": "pool"}, "spec": spec})


def test_a_node_begins_at_the_same_block_each_time() -> None:
    first = [next(blocks.candidates(SEED_NODES[0], pool(), [])) for _ in range(3)]
    assert len(set(first)) == 1


def test_nodes_begin_at_scattered_blocks() -> None:
    first = {next(blocks.candidates(node, pool(), [])) for node in SEED_NODES}
    assert len(first) >= len(SEED_NODES) - 1
    neighbours = [a for a, b in itertools.pairwise(sorted(first)) if int(b[0]) - int(a[0]) == a.num_addresses]
    assert len(neighbours) < len(first) / 2


def test_all_blocks_of_the_pool_are_offered_once() -> None:
    offered = list(blocks.candidates("n1", pool(), []))
    assert sorted(offered) == list(IPv4Network("10.33.0.0/17").subnets(new_prefix=24))


@pytest.mark.parametrize("taken", ["10.33.5.0/24", "10.33.5.64/26", "10.33.4.0/23"])
def test_no_block_is_offered_that_overlaps_a_taken_one(taken: str) -> None:
    offered = list(blocks.candidates("n1", pool(), [IPv4Network(taken)]))
    assert IPv4Network("10.33.5.0/24") not in offered
    assert len(offered) == 128 - (2 if taken == "10.33.4.0/23" else 1)


def test_a_full_pool_offers_nothing() -> None:
    small = pool("10.33.0.0/24", 26)
    assert list(blocks.candidates("n1", small, small.cidr.subnets(new_prefix=26))) == []


def test_a_pool_of_one_block_offers_it_to_everyone() -> None:
    assert [next(blocks.candidates(node, pool("10.33.7.0/24"), [])) for node in "ab"] == [
        IPv4Network("10.33.7.0/24")
    ] * 2


def test_two_nodes_that_want_one_block_name_one_object() -> None:
    block = IPv4Network("10.33.5.0/24")
    first, second = blocks.affinity("n1", block), blocks.affinity("n2", block)
    assert first["metadata"] == second["metadata"] == {"name": "10-33-5-0-24"}
    assert first["spec"] == {"cidr": "10.33.5.0/24", "node": "n1", "state": "confirmed", "deleted": "false"}


def test_only_confirmed_blocks_count() -> None:
    def affinity(cidr: str, **fields: str) -> Json:
        return {"spec": {"cidr": cidr, "node": "n1", "state": "confirmed", "deleted": "false"} | fields}

    items = [
        affinity("10.33.9.0/24"),
        affinity("10.33.5.0/24"),
        affinity("10.33.6.0/24", state="pending"),
        affinity("10.33.7.0/24", deleted="true"),
        affinity("10.33.8.0/24", node="n2"),
        affinity("fd00::/122"),
    ]
    read = resources.blocks(items)
    assert Block(IPv4Network("10.33.8.0/24"), "n2") in read
    assert blocks.own_blocks("n1", read) == [IPv4Network("10.33.5.0/24"), IPv4Network("10.33.9.0/24")]


def test_a_node_uses_the_first_pool_that_selects_it() -> None:
    pools = [
        resources.pool({"metadata": {"name": name}, "spec": {"cidr": cidr} | fields})
        for name, cidr, fields in (
            ("d", "10.4.0.0/16", {}),
            ("a", "10.1.0.0/16", {"disabled": True}),
            ("b", "10.2.0.0/16", {"nodeSelector": "rack == 'b'"}),
            ("c", "10.3.0.0/16", {"allowedUses": ["Tunnel"]}),
        )
    ]
    assert [
        pool.name for pool in (blocks.usable_pool(pools, {"rack": "b"}), blocks.usable_pool(pools, {})) if pool
    ] == ["b", "d"]
    assert blocks.usable_pool(pools[1:], {}) is None


def test_pods_get_neither_the_tunnel_address_nor_the_gateway() -> None:
    block = IPv4Network("10.33.26.0/24")
    written = json.loads(cni.conflist(block, 1450))
    ptp, portmap = written["plugins"]
    (addresses,) = ptp["ipam"]["ranges"][0]
    assert str(blocks.tunnel_address(block)) == "10.33.26.0"
    assert addresses == {"subnet": "10.33.26.0/24", "rangeStart": "10.33.26.1", "gateway": "10.33.26.1"}
    assert (ptp["type"], ptp["ipam"]["type"], ptp["mtu"], ptp["ipMasq"]) == ("ptp", "host-local", 1450, False)
    assert portmap["capabilities"] == {"portMappings": True}
    assert written["name"] == "k8s-pod-network"
