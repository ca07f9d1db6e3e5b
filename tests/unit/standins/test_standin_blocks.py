"""Which block and which tunnel address a node takes, and the CNI configuration that follows from it."""

import itertools
import json
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest
from calico_node import blocks, cni, resources
from calico_node.family import IPV6
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
    first, second = blocks.ipam_block("n1", block), blocks.ipam_block("n2", block)
    assert first["metadata"] == second["metadata"] == {"name": "10-33-5-0-24"}
    assert (first["spec"]["affinity"], second["spec"]["affinity"]) == ("host:n1", "host:n2")
    assert blocks.claimed("n1", [first]) == [block]
    assert blocks.claimed("n2", [first]) == []


def test_an_affinity_carries_the_name_of_its_node() -> None:
    written = blocks.affinity("k8s-calico-master-10-31-90-1.tinychen.io", IPv4Network("10.33.5.0/24"))
    assert written["metadata"] == {"name": "k8s-calico-master-10-31-90-1.tinychen.io-10-33-5-0-24"}
    assert written["spec"] == {
        "cidr": "10.33.5.0/24",
        "node": "k8s-calico-master-10-31-90-1.tinychen.io",
        "state": "confirmed",
        "deleted": "false",
    }


def allocated(item: Json, change: Json | None) -> Json:
    return item if change is None else {"metadata": item["metadata"], "spec": item["spec"] | change}


def test_the_tunnel_gets_the_first_address_and_a_node_that_joined_again_the_next() -> None:
    item = blocks.ipam_block("n1", IPv4Network("10.33.5.0/24"))
    first, change = blocks.tunnel_address("n1", None, item)
    assert first == IPv4Address("10.33.5.0")
    item = allocated(item, change)
    assert (item["spec"]["allocations"][:2], item["spec"]["unallocated"][:2]) == ([0, None], [1, 2])
    assert item["spec"]["attributes"] == [
        {"handle_id": "vxlan-tunnel-addr-n1", "secondary": {"node": "n1", "type": "vxlanTunnelAddress"}}
    ]
    assert blocks.tunnel_address("n1", first, item) == (first, None)
    second, change = blocks.tunnel_address("n1", None, item)
    assert second == IPv4Address("10.33.5.1")
    assert allocated(item, change)["spec"]["allocations"][:3] == [0, 1, None]


def test_a_tunnel_address_of_another_block_is_given_up() -> None:
    item = blocks.ipam_block("n1", IPv4Network("10.33.5.0/24"))
    assert blocks.tunnel_address("n1", IPv4Address("10.33.9.0"), item)[0] == IPv4Address("10.33.5.0")


def test_an_announced_address_that_nobody_allocated_is_allocated() -> None:
    item = blocks.ipam_block("n1", IPv4Network("10.33.5.0/24"))
    address, change = blocks.tunnel_address("n1", IPv4Address("10.33.5.1"), item)
    assert address == IPv4Address("10.33.5.1")
    assert allocated(item, change)["spec"]["allocations"][:2] == [None, 0]


def test_where_all_tunnel_addresses_are_allocated_the_first_is_taken_again() -> None:
    item = blocks.ipam_block("n1", IPv4Network("10.33.5.0/24"))
    for _ in range(blocks.MOST_TUNNEL_ADDRESSES):
        item = allocated(item, blocks.tunnel_address("n1", None, item)[1])
    assert blocks.tunnel_address("n1", None, item) == (IPv4Address("10.33.5.0"), None)


@pytest.mark.parametrize(("size", "kept"), [(24, 4), (26, 4), (28, 2), (29, 1), (32, 1)])
def test_small_blocks_keep_fewer_addresses_from_pods(size: int, kept: int) -> None:
    assert blocks.reserved_for_tunnels(IPv4Network(f"10.33.5.0/{size}")) == kept


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
        {"spec": {"cidr": "10.33.4.0/24", "node": "n1", "state": "confirmed"}},
    ]
    read = resources.blocks(items)
    assert Block(IPv4Network("10.33.8.0/24"), "n2") in read
    own = [IPv4Network(text) for text in ("10.33.4.0/24", "10.33.5.0/24", "10.33.9.0/24")]
    assert blocks.own_blocks("n1", read) == own


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


def test_pods_get_no_address_that_a_tunnel_may_have_and_not_the_gateways() -> None:
    block = IPv4Network("10.33.26.0/24")
    written = json.loads(cni.conflist([block], 1450))
    ptp, portmap = written["plugins"]
    (addresses,) = ptp["ipam"]["ranges"][0]
    assert addresses == {
        "subnet": "10.33.26.0/24",
        "rangeStart": "10.33.26.4",
        "rangeEnd": "10.33.26.253",
        "gateway": "10.33.26.254",
    }
    assert (ptp["type"], ptp["ipam"]["type"], ptp["mtu"], ptp["ipMasq"]) == ("ptp", "host-local", 1450, False)
    assert portmap["capabilities"] == {"portMappings": True}
    assert written["name"] == "k8s-pod-network"


def test_pods_get_an_address_of_each_of_the_nodes_blocks() -> None:
    held = [IPv4Network("10.33.26.0/24"), IPv6Network("fd00:10:33::40/122")]
    ipam = json.loads(cni.conflist(held, 1430))["plugins"][0]["ipam"]
    assert [one["dst"] for one in ipam["routes"]] == ["0.0.0.0/0", "::/0"]
    (four,), (six,) = ipam["ranges"]
    assert four["subnet"] == "10.33.26.0/24"
    assert six == {
        "subnet": "fd00:10:33::40/122",
        "rangeStart": "fd00:10:33::44",
        "rangeEnd": "fd00:10:33::7d",
        "gateway": "fd00:10:33::7e",
    }


def test_blocks_of_ipv6_are_named_as_calico_names_them() -> None:
    block = IPv6Network("fd00:10:33::/122")
    assert blocks.block_name(block) == "fd00-10-33---122"
    written = blocks.ipam_block("n1", block)
    assert (len(written["spec"]["allocations"]), written["spec"]["cidr"]) == (64, "fd00:10:33::/122")
    assert blocks.claimed("n1", [written], IPV6) == [block]
    assert blocks.claimed("n1", [written]) == []
    assert blocks.tunnel_address("n1", None, written)[0] == IPv6Address("fd00:10:33::")


def test_a_pool_of_ipv6_offers_blocks_that_are_scattered_and_free() -> None:
    wide = pool("fd00:10:33::/56", 122)
    first = {next(blocks.candidates(node, wide, [])) for node in SEED_NODES}
    assert len(first) == len(SEED_NODES)
    assert all(one.version == 6 and one.prefixlen == 122 for one in first)
    taken = next(blocks.candidates("n1", wide, []))
    assert next(blocks.candidates("n1", wide, [taken, IPv4Network("10.33.5.0/24")])) != taken


def test_plugins_of_the_node_are_left_alone_and_missing_ones_brought(tmp_path: Path) -> None:
    image, node = tmp_path / "image", tmp_path / "node"
    for folder in (image, node):
        folder.mkdir()
    for plugin in cni.PLUGINS:
        (image / plugin).write_text("the image's")
    (node / "ptp").write_text("the node's")
    assert cni.install_plugins(image, node) == ["host-local", "portmap", "loopback"]
    assert (node / "ptp").read_text() == "the node's"
    assert (node / "host-local").stat().st_mode & 0o777 == 0o755
    assert cni.install_plugins(tmp_path / "without-plugins", node) == []
