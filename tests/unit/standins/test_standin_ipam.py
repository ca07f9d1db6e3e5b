"""Who gets a block: claims of several nodes against one store that, as the API server, lets a name be created once."""

import copy
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from calico_node import resources
from calico_node.ipam import AFFINITIES, IPAM_BLOCKS, Ipam
from cluster_api.client import ApiError

POOL = resources.pool({"metadata": {"name": "pool"}, "spec": {"cidr": "10.33.0.0/22", "blockSize": 24}})


def nothing(_: str, __: str) -> None:
    """Let a request pass."""


class Store:
    """Objects by path; counts their versions, and can fail a request."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.before_create: Callable[[str, str], None] = nothing

    def get(self, path: str) -> dict[str, Any]:
        return {"items": [copy.deepcopy(item) for key, item in self.objects.items() if key.startswith(f"{path}/")]}

    def find(self, path: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get(path))

    def create(self, path: str, item: dict[str, Any]) -> dict[str, Any]:
        name = item["metadata"]["name"]
        self.before_create(path, name)
        if f"{path}/{name}" in self.objects:
            raise ApiError(HTTPStatus.CONFLICT, "already exists")
        self.objects[f"{path}/{name}"] = item | {"metadata": item["metadata"] | {"resourceVersion": "1"}}
        return copy.deepcopy(self.objects[f"{path}/{name}"])

    def patch(self, path: str, change: dict[str, Any]) -> dict[str, Any]:
        standing = self.objects[path]
        version = standing["metadata"]["resourceVersion"]
        if change["metadata"]["resourceVersion"] != version:
            raise ApiError(HTTPStatus.CONFLICT, "the object has been modified")
        standing["metadata"]["resourceVersion"] = str(int(version) + 1)
        standing["spec"] |= change["spec"]
        return copy.deepcopy(standing)

    def holders(self) -> dict[str, str]:
        return {item["spec"]["cidr"]: item["spec"]["node"] for item in self.get(AFFINITIES)["items"]}


@pytest.fixture
def store() -> Store:
    return Store()


def test_four_nodes_take_four_blocks_and_the_fifth_none(store: Store) -> None:
    nodes = [f"n{number}" for number in range(1, 6)]
    blocks = {node: Ipam(store).claim_block(node, POOL) for node in nodes[:4]}
    assert store.holders() == {str(block): node for node, block in blocks.items()}
    with pytest.raises(LookupError, match="has no free block"):
        Ipam(store).claim_block(nodes[4], POOL)


def test_a_claim_that_stands_is_found_again(store: Store) -> None:
    first = Ipam(store).claim_block("n1", POOL)
    assert Ipam(store).claim_block("n1", POOL) == first
    assert len(store.objects) == 2


def test_whoever_creates_the_ipam_block_first_has_the_block(store: Store) -> None:
    wanted = Ipam(store).claim_block("n1", POOL)
    store.objects.clear()

    def overtaken(path: str, name: str) -> None:
        store.before_create = nothing
        assert (path, name) == (IPAM_BLOCKS, f"{str(wanted.network_address).replace('.', '-')}-24")
        store.create(path, {"metadata": {"name": name}, "spec": {"cidr": str(wanted), "affinity": "host:n2"}})

    store.before_create = overtaken
    got = Ipam(store).claim_block("n1", POOL)
    assert got != wanted
    assert store.holders() == {str(got): "n1"}
    assert Ipam(store).claim_block("n2", POOL) == wanted


def test_a_claim_that_was_cut_off_after_the_contest_is_completed(store: Store) -> None:
    def cut(path: str, _: str) -> None:
        if path == AFFINITIES:
            raise OSError("the API server went away")

    store.before_create = cut
    with pytest.raises(OSError, match="went away"):
        Ipam(store).claim_block("n1", POOL)
    store.before_create = nothing
    block = Ipam(store).claim_block("n1", POOL)
    assert store.holders() == {str(block): "n1"}
    assert len(store.get(IPAM_BLOCKS)["items"]) == 1


def test_a_node_that_joined_again_keeps_its_block_and_gets_another_tunnel_address(store: Store) -> None:
    ipam = Ipam(store)
    block = ipam.claim_block("n1", POOL)
    first = ipam.assign_tunnel_address("n1", block, None)
    assert ipam.assign_tunnel_address("n1", block, first) == first
    assert ipam.claim_block("n1", POOL) == block  # the Node was deleted and is there again: its annotation is not
    assert ipam.assign_tunnel_address("n1", block, None) == first + 1


def test_blocks_of_the_other_family_are_in_nobodys_way(store: Store) -> None:
    store.create(IPAM_BLOCKS, {"metadata": {"name": "fd00-122"}, "spec": {"cidr": "fd00::/122", "affinity": "host:n1"}})
    assert Ipam(store).claim_block("n1", POOL).version == 4


def test_a_node_holds_a_block_of_each_family_and_finds_both_again(store: Store) -> None:
    wide = resources.pool({"metadata": {"name": "six"}, "spec": {"cidr": "fd00:10:33::/56"}})
    ipam = Ipam(store)
    both = [ipam.claim_block("n1", one) for one in (POOL, wide)]
    assert [block.version for block in both] == [4, 6]
    assert [ipam.claim_block("n1", one) for one in (POOL, wide)] == both
    assert store.holders() == {str(block): "n1" for block in both}
    assert ipam.claim_block("n2", wide) not in both
    assert ipam.assign_tunnel_address("n1", both[1], None) == both[1].network_address


def test_an_ipam_block_that_somebody_deleted_is_written_anew(store: Store) -> None:
    block = IPv4Network("10.33.1.0/24")
    assert Ipam(store).assign_tunnel_address("n1", block, None) == IPv4Address("10.33.1.0")
    (item,) = store.get(IPAM_BLOCKS)["items"]
    assert (item["metadata"]["name"], item["spec"]["affinity"]) == ("10-33-1-0-24", "host:n1")
