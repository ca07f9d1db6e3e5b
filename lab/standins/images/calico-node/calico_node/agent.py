"""The life of one calico-node: see, decide, bring about, again at each change."""

import functools
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError
from cluster_api.objects import Json

from calico_node import autodetection, cni, kernel, readiness, resources
from calico_node.bird import Bird, BirdError, RefusedConfiguration
from calico_node.datastore import Datastore
from calico_node.family import FAMILIES, IPV4, IPV6, Family
from calico_node.network import NodeNetwork
from calico_node.peering import Peering
from calico_node.versions import Version

SUPERVISION_SECONDS = 1.0
RESYNC_SECONDS = 60.0  # what others changed in the kernel is mended after this time; Felix takes 90 s
ADDRESS_SECONDS = 60.0  # calico-node -monitor-addresses looks this often
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
    lib_folder: Path
    bird_configuration: Path
    autodetection_methods: Mapping[Family, str]
    """Of each family that the node has."""
    bgp: bool = True

    @classmethod
    def from_environment(cls) -> "Places":
        """Read what the DaemonSet sets."""
        methods = {family: autodetection.method(os.environ, family) for family in FAMILIES}
        return cls(
            node_name=os.environ["NODENAME"],
            namespace=os.environ.get("NAMESPACE", "calico-system"),
            cni_folder=Path(os.environ.get("CNI_NET_DIR", "/etc/cni/net.d")),
            run_folder=Path(os.environ.get("CALICO_RUN_DIR", "/var/run/calico")),
            lib_folder=Path(os.environ.get("CALICO_LIB_DIR", "/var/lib/calico")),
            bird_configuration=Path(os.environ.get("BIRD_CONFIGURATION", "/etc/calico/confd/config/bird.cfg")),
            autodetection_methods={family: how for family, how in methods.items() if how != autodetection.NONE}
            or {IPV4: autodetection.NONE},
            bgp=os.environ.get("CALICO_NETWORKING_BACKEND", "bird") == "bird",
        )


class Agent:
    """Holds nothing that cannot be read anew: after a restart all of it comes from the API server and the kernel.

    The loop is its own: BIRD is looked after each second, whether an API server answers or not, and a step that fails holds up no other.
    """

    def __init__(self, places: Places, access: Access, version: Version) -> None:
        self._places = places
        self._changed = threading.Event()
        self._stopping = threading.Event()
        datastore = Datastore(access, places.namespace, version, self._changed)
        self._datastore = datastore
        families = tuple(places.autodetection_methods)
        self._network = NodeNetwork(places.node_name, places.cni_folder / cni.FILE_NAME, datastore, families)
        folder = places.bird_configuration.parent
        self._peerings = [
            Peering(
                places.node_name,
                version,
                datastore,
                Bird(
                    places.bird_configuration if family is IPV4 else folder / f"{family.bird}.cfg",
                    places.run_folder,
                    family.bird,
                ),
                family,
            )
            for family in families
        ]
        self._started = self._heartbeat = time.monotonic()
        self._address_due = self._started
        self._troubles: dict[str, str] = {}

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()
        self._changed.set()

    def run(self) -> None:
        """Work until stopped."""
        (self._places.lib_folder / "nodename").write_text(self._places.node_name)  # the real one's sign of its start
        due = time.monotonic()
        while not self._stopping.is_set():
            self._heartbeat = time.monotonic()
            if self._changed.wait(SUPERVISION_SECONDS):
                self._stopping.wait(SETTLE_SECONDS)
                self._changed.clear()
                due = time.monotonic()
            if time.monotonic() >= min(due, self._address_due):
                due = time.monotonic() + (RESYNC_SECONDS if self._reconcile() else RETRY_SECONDS)
            for peering in self._peerings:
                self._try(f"start {peering.bird}", peering.bird.supervise)
        for peering in self._peerings:
            peering.bird.kill()

    def not_ready(self) -> str:
        """Say why calico/node is not ready, in the words of the real one, or nothing."""
        if not (self._places.cni_folder / cni.FILE_NAME).exists():
            reason = "; ".join(self._troubles.values()) or "the CNI configuration is not written yet"
            return f"calico/node is not ready: felix is not ready: {reason}"
        if not self._places.bgp:
            return ""  # the operator's probe leaves -bird-ready out
        bird = next((one.bird for one in self._peerings if one.family is not IPV6), None)
        if bird is None:
            return ""  # the operator's probe asks -bird-ready, never -bird6-ready: without peers of IPv4 it is ready
        try:
            peers = readiness.peer_states(bird.ask("show protocols all"))
            recovering = readiness.recovers(bird.ask("show status"))
        except (OSError, BirdError) as error:
            return (
                "calico/node is not ready: BIRD is not ready: Error querying BIRD: unable to connect to BIRDv4 socket: "
                f"{error}"
            )
        reason = readiness.bird_not_ready(peers, time.monotonic() - self._started, recovering=recovering)
        return f"calico/node is not ready: BIRD is not ready: {reason}" if reason else ""

    def not_alive(self) -> str:
        """Say whether the loop is stuck."""
        return "the loop is stuck" if time.monotonic() - self._heartbeat > STUCK_SECONDS else ""

    def _reconcile(self) -> bool:
        """Bring the node to what the API server says; say whether all of it succeeded."""
        snapshot = self._datastore.snapshot()
        node = snapshot.node(self._places.node_name) if snapshot else None
        if snapshot is None or node is None:
            return False
        address = self._try("address", lambda: self._detect_addresses(node))
        network = self._try("network", lambda: self._network.bring_about(snapshot, node))
        told = [
            self._try(f"BGP of {peering.family.name}", functools.partial(peering.bring_about, snapshot))
            for peering in self._peerings
            if self._places.bgp
        ]
        done = address and network and all(told)
        return done and self._try("status", lambda: self._datastore.declare_network_available(node))

    def _try(self, what: str, step: Callable[[], None]) -> bool:
        try:
            step()
        except (*EXPECTED, RefusedConfiguration) as error:
            trouble = f"{what}: {error}"
            if self._troubles.get(what) != trouble:
                log.warning("%s", trouble)
            self._troubles[what] = trouble
            return isinstance(error, RefusedConfiguration)
        if self._troubles.pop(what, None):
            log.info("%s: mended", what)
        return True

    def _detect_addresses(self, node: Json) -> None:
        """Choose the node's addresses at the start and look again every minute; what was found stays where none is."""
        methods = self._places.autodetection_methods
        known = all(resources.node(node, family).address is not None for family in methods)
        if time.monotonic() < self._address_due and known:
            return
        self._address_due = time.monotonic() + ADDRESS_SECONDS
        found = {family: self._address(node, family, method) for family, method in methods.items()}
        self._datastore.annotate(node, {family.address_annotation: address for family, address in found.items()})

    def _address(self, node: Json, family: Family, method: str) -> str:
        """Find the node's address in one family; without one the real program ends, and is started again."""
        standing, internal = resources.node(node, family).address, resources.internal_address(node, family)
        source_towards = functools.partial(kernel.source_towards, family=family)
        found = autodetection.detect(method, kernel.interfaces(family), internal, source_towards)
        if found is None and standing is None:
            words = f"no {family.name} address configured or detected, which is required for Calico networking"
            raise LookupError(f"{words} ({method})")
        if found is None:
            log.warning("no address is found by %s any more; %s stays", method, standing)
        elif found != standing:
            log.info("address %s, by %s", found, method)
        return str(found or standing)
