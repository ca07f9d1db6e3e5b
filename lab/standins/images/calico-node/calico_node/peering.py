"""confd's part: BIRD's configuration from the custom resources, given to BIRD whenever it is another one."""

import dataclasses
import logging
from dataclasses import dataclass

from calico_node import bgp, bird_configuration, blocks, filters, resources, services, sessions, versions
from calico_node.bgp import Settings
from calico_node.bird import Bird
from calico_node.datastore import Datastore, Snapshot
from calico_node.versions import Version

log = logging.getLogger(__name__)


@dataclass
class Peering:
    """Keeps one node's BIRD as the objects say."""

    node_name: str
    version: Version
    datastore: Datastore
    bird: Bird
    listening: tuple[int | None, bool] | None = None
    """The port and the bindMode that BIRD started with. A change of them is only for the next start of calico-node."""
    put_off: tuple[int | None, bool] | None = None

    def bring_about(self, snapshot: Snapshot) -> None:
        """Write the configuration and let BIRD read it."""
        nodes = {node.name: node for node in map(resources.node, snapshot.nodes)}
        me = nodes[self.node_name]
        if me.address is None:
            return  # announced a moment ago: the watch will bring it
        settings = self._as_started(bgp.settings(snapshot.configurations, me.name, self.version))
        peers = bgp.peers(snapshot.peers, self.version)
        references = [settings.mesh_password, *(peer.password for peer in peers)]
        speaker = sessions.Speaker(
            node=me,
            nodes=tuple(nodes.values()),
            settings=settings,
            passwords=self.datastore.passwords(reference for reference in references if reference is not None),
            filters=filters.filters(snapshot.filters, self.version),
        )
        read = services.from_endpoints
        if self.version.has(versions.SLICES_WITHOUT_READINESS):
            read = services.from_slices
        announcements = bird_configuration.Announcements(
            blocks=tuple(blocks.own_blocks(me.name, resources.blocks(snapshot.affinities))),
            services=tuple(services.announced(me, settings, snapshot.services, read(snapshot.endpoints))),
            pools=tuple(resources.pools(snapshot.pools)),
        )
        text = bird_configuration.render(speaker, announcements, sessions.sessions(speaker, peers))
        if self.bird.configure(text):
            log.info("BIRD configured")
        self.listening = (settings.listen_port, settings.bind_to_node_address)

    def _as_started(self, settings: Settings) -> Settings:
        """Leave BIRD where it listens: BIRD 1.6 does not move either, and the operator restarts calico-node for it."""
        if self.listening is None or not self.bird.runs:
            return settings
        port, bound = self.listening
        asked = (settings.listen_port, settings.bind_to_node_address)
        if asked not in (self.listening, self.put_off):
            log.info("listenPort or bindMode changed: it counts from the next start of calico-node on")
        self.put_off = asked
        return dataclasses.replace(settings, listen_port=port, bind_to_node_address=bound)
