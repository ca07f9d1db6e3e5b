"""Felix's and the IPAM's part: the node's block, the routes to the others, the tunnel, masquerading, the CNI's file."""

import logging
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from cluster_api.objects import Json

from calico_node import blocks, cni, kernel, resources, routes
from calico_node.datastore import Datastore, Snapshot
from calico_node.resources import Block

log = logging.getLogger(__name__)


@dataclass
class Network:
    """Brings one node's network about."""

    node_name: str
    cni_file: Path
    datastore: Datastore
    warned: tuple[str, ...] = ()

    def bring_about(self, snapshot: Snapshot, node: Json) -> None:
        """Do all of it; each part does nothing where it stands."""
        me = resources.node(node)
        if me.address is None:
            raise LookupError("the node has no address yet")
        uplink = kernel.find_uplink(me.address)
        if uplink is None:
            raise LookupError(f"no interface carries the node's address {me.address.ip}")
        pools = resources.pools(snapshot.pools)
        block = self._block(snapshot, node)
        held = {held.cidr: held for held in resources.blocks(snapshot.affinities)} | {
            block: Block(block, self.node_name)
        }
        wanted = [*held.values(), *resources.borrowed(snapshot.ipam_blocks)]
        plan = routes.plan(self.node_name, uplink, map(resources.node, snapshot.nodes), wanted, pools)
        self._warn(plan.unreachable)
        tunnelled = any(pool.routed_by_felix for pool in pools)
        if tunnelled:
            kernel.set_tunnel(self.node_name, uplink, self._tunnel_address(node, block), plan.tunnels)
        kernel.set_routes(plan)
        kernel.set_masquerading(pools)
        mtu = kernel.mtu(uplink.device) - (cni.VXLAN_OVERHEAD if tunnelled else 0)
        if cni.write_if_different(self.cni_file, cni.conflist(block, mtu)):
            log.info("CNI configured for %s", block)

    def _block(self, snapshot: Snapshot, node: Json) -> IPv4Network:
        """Find the node's block, or claim one."""
        for own in blocks.own_blocks(self.node_name, resources.blocks(snapshot.affinities)):
            return own
        pool = blocks.usable_pool(resources.pools(snapshot.pools), resources.node(node).labels)
        if pool is None:
            raise LookupError("no IPPool gives addresses to this node yet")
        block = self.datastore.ipam.claim_block(self.node_name, pool)
        log.info("holds block %s of pool %s", block, pool.name)
        return block

    def _tunnel_address(self, node: Json, block: IPv4Network) -> IPv4Address:
        """Take the announced tunnel address, or one of the block, and announce it."""
        announced = resources.node(node).tunnel_address
        if announced is not None and announced in block:
            return announced
        address = self.datastore.ipam.assign_tunnel_address(self.node_name, block, announced)
        self.datastore.annotate(node, {resources.TUNNEL_ADDRESS_ANNOTATION: str(address)})
        return address

    def _warn(self, reasons: tuple[str, ...]) -> None:
        for reason in sorted(set(reasons) - set(self.warned)):
            log.warning("no route: %s", reason)
        self.warned = reasons
