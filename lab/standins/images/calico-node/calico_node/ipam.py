"""The IPAM's part that is written to the API server: which node has a block, and the addresses of the tunnels."""

from http import HTTPStatus
from typing import Protocol

from cluster_api.client import ApiError
from cluster_api.objects import Json

from calico_node import blocks, resources
from calico_node.family import Address, Network, family_of
from calico_node.resources import Pool

CALICO = "/apis/crd.projectcalico.org/v1"
AFFINITIES, IPAM_BLOCKS = f"{CALICO}/blockaffinities", f"{CALICO}/ipamblocks"


class Api(Protocol):
    """What is needed of cluster_api.client.Client."""

    def get(self, path: str) -> Json:
        """Read a list."""

    def find(self, path: str) -> Json | None:
        """Read an object, or nothing."""

    def create(self, path: str, item: Json) -> Json:
        """Write an object that must not exist yet."""

    def patch(self, path: str, change: Json) -> Json:
        """Change fields of an object."""


class Ipam:
    """Claims for one node at a time; every step may be the last one before a restart."""

    def __init__(self, client: Api) -> None:
        self._client = client

    def claim_block(self, node_name: str, pool: Pool) -> Network:
        """Hold a block: the first free one in the node's own order whose IPAMBlock no other node creates before us."""
        family = family_of(pool.cidr)
        standing = resources.blocks(self._client.get(AFFINITIES)["items"], family)
        for own in blocks.own_blocks(node_name, standing):
            return own  # an earlier request had arrived although its answer had not
        contest = self._client.get(IPAM_BLOCKS)["items"]
        for own in blocks.claimed(node_name, contest, family):
            return self._confirm(node_name, own)
        taken = [*(block.cidr for block in standing), *blocks.contested(contest, family)]
        for candidate in blocks.candidates(node_name, pool, taken):
            if self._create(IPAM_BLOCKS, blocks.ipam_block(node_name, candidate)):
                return self._confirm(node_name, candidate)
        raise LookupError(f"pool {pool.name} ({pool.cidr}) has no free block of /{pool.block_size}")

    def assign_tunnel_address(self, node_name: str, block: Network, announced: Address | None) -> Address:
        """Allocate the node's tunnel address in its IPAMBlock, which is written anew where somebody took it away."""
        path = f"{IPAM_BLOCKS}/{blocks.block_name(block)}"
        item = self._client.find(path)
        if item is None:
            item = self._client.create(IPAM_BLOCKS, blocks.ipam_block(node_name, block))
        address, change = blocks.tunnel_address(node_name, announced, item)
        if change is not None:
            version = item["metadata"]["resourceVersion"]  # whoever allocates at the same time makes this a conflict
            self._client.patch(path, {"metadata": {"resourceVersion": version}, "spec": change})
        return address

    def _confirm(self, node_name: str, cidr: Network) -> Network:
        self._create(AFFINITIES, blocks.affinity(node_name, cidr))
        return cidr

    def _create(self, path: str, item: Json) -> bool:
        """Create an object; say whether it was ours to create."""
        try:
            self._client.create(path, item)
        except ApiError as error:
            if error.code == HTTPStatus.CONFLICT:
                return False
            raise
        return True
