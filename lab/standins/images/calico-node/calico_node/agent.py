"""The life of one calico-node: see, decide, bring about, again at each change."""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError
from cluster_api.objects import Json

from calico_node import bgp, bird_configuration, blocks, cni, kernel, resources, routes, services, sessions
from calico_node.bird import Bird, BirdError
from calico_node.datastore import Datastore, Snapshot
from calico_node.resources import Block

SUPERVISION_SECONDS = 1.0
RESYNC_SECONDS = 60.0  # what others changed in the kernel is mended after this time; Felix takes 90 s
SETTLE_SECONDS = 0.1  # several objects often change together: one reconfiguration then serves them all
RETRY_SECONDS = 2.0
STUCK_SECONDS = 90.0

EXPECTED = (*UNREACHABLE, ApiError, BirdError, kernel.CommandError, LookupError, ValueError, subprocess.SubprocessError)
"""What may go wrong in a step from outside; the other steps go on, and the failed one is tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """The node's name and where things lie on it; the environment of the DaemonSet may move them."""

    node_name: str
    namespace: str
    cni_folder: Path
    run_folder: Path
    bird_configuration: Path

    @classmethod
    def from_environment(cls) -> "Places":
        """Read what the DaemonSet sets."""
        return cls(
            node_name=os.environ["NODENAME"],
            namespace=os.environ.get("NAMESPACE", "calico-system"),
            cni_folder=Path(os.environ.get("CNI_NET_DIR", "/etc/cni/net.d")),
            run_folder=Path(os.environ.get("CALICO_RUN_DIR", "/var/run/calico")),
            bird_configuration=Path(os.environ.get("BIRD_CONFIGURATION", "/etc/calico/confd/config/bird.cfg")),
        )


class Agent:
    """Holds nothing that cannot be read anew: after a restart all of it comes from the API server and the kernel."""

    def __init__(self, places: Places, access: Access) -> None:
        self._places = places
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._datastore = Datastore(access, places.namespace, self._changed)
        self._bird = Bird(places.bird_configuration, places.run_folder)
        self._heartbeat = time.monotonic()
        self._troubles: dict[str, str] = {}
        self._warned: tuple[str, ...] = ()

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()
        self._changed.set()

    def run(self) -> None:
        """Work until stopped."""
        due = time.monotonic()
        while not self._stopping.is_set():
            self._heartbeat = time.monotonic()
            if self._changed.wait(SUPERVISION_SECONDS):
                self._stopping.wait(SETTLE_SECONDS)
                self._changed.clear()
                due = time.monotonic()
            if time.monotonic() >= due:
                due = time.monotonic() + (RESYNC_SECONDS if self._reconcile() else RETRY_SECONDS)
            self._try("start BIRD", self._bird.supervise)
        self._bird.kill()

    def not_ready(self) -> str:
        """Say what the node lacks to carry pods and to announce them."""
        if not (self._places.cni_folder / cni.FILE_NAME).exists():
            return "; ".join(self._troubles.values()) or "the CNI configuration is not written yet"
        return "" if self._bird.answers() else "BIRD does not answer on its control socket"

    def not_alive(self) -> str:
        """Say whether the loop is stuck."""
        return "the loop is stuck" if time.monotonic() - self._heartbeat > STUCK_SECONDS else ""

    def _reconcile(self) -> bool:
        """Bring the node to what the API server says; say whether all of it succeeded."""
        snapshot = self._datastore.snapshot()
        node = snapshot.node(self._places.node_name) if snapshot else None
        if snapshot is None or node is None:
            return False
        network = self._try("network", lambda: self._network(snapshot, node))
        peering = self._try("BGP", lambda: self._bgp(snapshot))
        return network and peering and self._try("status", lambda: self._datastore.declare_network_available(node))

    def _try(self, what: str, step: Callable[[], None]) -> bool:
        try:
            step()
        except EXPECTED as error:
            trouble = f"{what}: {error}"
            if self._troubles.get(what) != trouble:
                log.warning("%s", trouble)
            self._troubles[what] = trouble
            return False
        if self._troubles.pop(what, None):
            log.info("%s: mended", what)
        return True

    def _network(self, snapshot: Snapshot, node: Json) -> None:
        address = resources.internal_address(node)
        uplink = kernel.find_uplink(address) if address else None
        if uplink is None:
            raise LookupError(f"no interface carries the node's address {address}")
        block = self._block(snapshot, node)
        self._datastore.announce_node(node, uplink.address, block)
        pools = resources.pools(snapshot.pools)
        held = {
            held.cidr: held for held in [*resources.blocks(snapshot.affinities), Block(block, self._places.node_name)]
        }
        plan = routes.plan(self._places.node_name, uplink, map(resources.node, snapshot.nodes), held.values(), pools)
        self._warn(plan.unreachable)
        tunnelled = any(pool.routed_by_felix for pool in pools)
        if tunnelled:
            kernel.set_tunnel_address(uplink, blocks.tunnel_address(block))
        kernel.set_routes(plan)
        kernel.set_masquerading(pools)
        mtu = kernel.mtu(uplink.device) - (cni.VXLAN_OVERHEAD if tunnelled else 0)
        if cni.write_if_different(self._places.cni_folder / cni.FILE_NAME, cni.conflist(block, mtu)):
            log.info("CNI configured for %s", block)

    def _block(self, snapshot: Snapshot, node: Json) -> IPv4Network:
        """Find the node's block, or claim one."""
        for own in blocks.own_blocks(self._places.node_name, resources.blocks(snapshot.affinities)):
            return own
        pool = blocks.usable_pool(resources.pools(snapshot.pools), resources.node(node).labels)
        if pool is None:
            raise LookupError("no IPPool gives addresses to this node yet")
        block = self._datastore.claim_block(self._places.node_name, pool)
        log.info("holds block %s of pool %s", block, pool.name)
        return block

    def _bgp(self, snapshot: Snapshot) -> None:
        me = self._places.node_name
        nodes = {node.name: node for node in map(resources.node, snapshot.nodes)}
        if nodes[me].address is None:
            return  # announced a moment ago, or to be announced once there is a block: the watch will bring it
        settings, peers = bgp.settings(snapshot.configurations, me), bgp.peers(snapshot.peers)
        references = [settings.mesh_password, *(peer.password for peer in peers)]
        speaker = sessions.Speaker(
            node=nodes[me],
            nodes=tuple(nodes.values()),
            settings=settings,
            passwords=self._datastore.passwords(reference for reference in references if reference is not None),
        )
        announcements = bird_configuration.Announcements(
            blocks=tuple(blocks.own_blocks(me, resources.blocks(snapshot.affinities))),
            services=tuple(services.announced(nodes[me], settings, snapshot.services, snapshot.endpoints)),
            pools=tuple(resources.pools(snapshot.pools)),
        )
        text = bird_configuration.render(speaker, announcements, sessions.sessions(speaker, peers))
        listens_on = f"{speaker.address if settings.bind_to_node_address else 'any address'}:{settings.listen_port}"
        if self._bird.configure(text, listens_on):
            log.info("BIRD configured")

    def _warn(self, reasons: tuple[str, ...]) -> None:
        for reason in sorted(set(reasons) - set(self._warned)):
            log.warning("no route: %s", reason)
        self._warned = reasons
