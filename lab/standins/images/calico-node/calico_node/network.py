"""Felix's and the IPAM's part: the node's blocks, the routes to the others, the tunnels, masquerading, the CNI's file."""

import logging
from dataclasses import dataclass
from pathlib import Path

from cluster_api.objects import Json

from calico_node import blocks, cni, kernel, resources, routes
from calico_node.datastore import Datastore, Snapshot
from calico_node.family import Address, Family, Network, family_of
from calico_node.resources import Block
from calico_node.routes import Plan, Uplink

log = logging.getLogger(__name__)


@dataclass
class NodeNetwork:
    """Brings one node's network about, in each of its families."""

    node_name: str
    cni_file: Path
    datastore: Datastore
    families: tuple[Family, ...]
    warned: tuple[str, ...] = ()

    def bring_about(self, snapshot: Snapshot, node: Json) -> None:
        """Do all of it; each part does nothing where it stands."""
        done = [self._in(family, snapshot, node) for family in self.families]
        self._warn(tuple(reason for _, _, plan in done for reason in plan.unreachable))
        held, mtu = [block for block, _, _ in done], min(mtu for _, mtu, _ in done)
        if cni.write_if_different(self.cni_file, cni.conflist(held, mtu)):
            log.info("CNI configured for %s", ", ".join(map(str, held)))

    def _in(self, family: Family, snapshot: Snapshot, node: Json) -> tuple[Network, int, Plan]:
        """Bring a family about; give the node's block, what fits into a packet, and the routes."""
        me = resources.node(node, family)
        if me.address is None:
            raise LookupError(f"the node has no address of {family.name} yet")
        uplink = kernel.find_uplink(me.address)
        if uplink is None:
            raise LookupError(f"no interface carries the node's address {me.address.ip}")
        pools = resources.pools(snapshot.pools, family)
        block = self._block(family, snapshot, node)
        plan = self._plan(family, snapshot, uplink, block)
        tunnelled = any(pool.routed_by_felix for pool in pools)
        if tunnelled:
            kernel.set_tunnel(self.node_name, uplink, self._tunnel_address(node, block), plan.tunnels)
        kernel.set_routes(plan, family)
        kernel.set_masquerading(pools, family)
        return block, kernel.mtu(uplink.device) - (family.tunnel_overhead if tunnelled else 0), plan

    def _plan(self, family: Family, snapshot: Snapshot, uplink: Uplink, block: Network) -> Plan:
        held = {held.cidr: held for held in resources.blocks(snapshot.affinities, family)} | {
            block: Block(block, self.node_name)
        }
        wanted = [*held.values(), *resources.borrowed(snapshot.ipam_blocks, family)]
        nodes = [resources.node(item, family) for item in snapshot.nodes]
        return routes.plan(self.node_name, uplink, nodes, wanted, resources.pools(snapshot.pools, family))

    def _block(self, family: Family, snapshot: Snapshot, node: Json) -> Network:
        """Find the node's block, or claim one."""
        for own in blocks.own_blocks(self.node_name, resources.blocks(snapshot.affinities, family)):
            return own
        pool = blocks.usable_pool(resources.pools(snapshot.pools, family), resources.node(node).labels)
        if pool is None:
            raise LookupError(f"no IPPool of {family.name} gives addresses to this node yet")
        block = self.datastore.ipam.claim_block(self.node_name, pool)
        log.info("holds block %s of pool %s", block, pool.name)
        return block

    def _tunnel_address(self, node: Json, block: Network) -> Address:
        """Take the announced tunnel address, or one of the block, and announce it."""
        family = family_of(block)
        announced = resources.node(node, family).tunnel_address
        if announced is not None and announced in block:
            return announced
        address = self.datastore.ipam.assign_tunnel_address(self.node_name, block, announced)
        self.datastore.annotate(node, {family.tunnel_annotation: str(address)})
        return address

    def _warn(self, reasons: tuple[str, ...]) -> None:
        for reason in sorted(set(reasons) - set(self.warned)):
            log.warning("no route: %s", reason)
        self.warned = reasons
