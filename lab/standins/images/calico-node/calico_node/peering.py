"""confd's part: BIRD's configuration from the custom resources, given to BIRD whenever it is another one."""

import dataclasses
import logging
from dataclasses import dataclass

from cluster_api.objects import name

from calico_node import bgp, bird_configuration, blocks, filters, resources, services, sessions, versions
from calico_node.bgp import Settings
from calico_node.bird import Bird
from calico_node.datastore import Datastore, Snapshot
from calico_node.family import IPV4, Family
from calico_node.versions import Version

log = logging.getLogger(__name__)


@dataclass
class Peering:
    """Keeps one node's BIRD of one family as the objects say."""

    node_name: str
    version: Version
    datastore: Datastore
    bird: Bird
    family: Family = IPV4
    listening: tuple[int | None, bool] | None = None
    """The port and the bindMode that BIRD started with. A change of them is only for the next start of calico-node."""
    put_off: tuple[int | None, bool] | None = None

    def bring_about(self, snapshot: Snapshot) -> None:
        """Write the configuration and let BIRD read it."""
        family = self.family
        nodes = {name(item): resources.node(item, family) for item in snapshot.nodes}
        me = nodes[self.node_name]
        if me.address is None:
            return  # announced a moment ago: the watch will bring it
        settings = self._as_started(bgp.settings(snapshot.configurations, me.name, self.version, family))
        peers = bgp.peers(snapshot.peers, self.version, family)
        speaker = sessions.Speaker(
            node=me,
            nodes=tuple(nodes.values()),
            settings=settings,
            # of both families: what is not asked for is watched no longer
            passwords=self.datastore.passwords(bgp.passwords(snapshot.configurations, snapshot.peers, self.version)),
            filters=filters.filters(snapshot.filters, self.version, family),
            router_id=resources.router_id(next(item for item in snapshot.nodes if name(item) == self.node_name)),
        )
        read = services.from_endpoints
        if self.version.has(versions.SLICES_WITHOUT_READINESS):
            read = services.from_slices
        announcements = bird_configuration.Announcements(
            blocks=tuple(blocks.own_blocks(me.name, resources.blocks(snapshot.affinities, family))),
            services=tuple(services.announced(me, settings, snapshot.services, read(snapshot.endpoints, family))),
            pools=tuple(resources.pools(snapshot.pools, family)),
        )
        text = bird_configuration.render(speaker, announcements, sessions.sessions(speaker, peers))
        if self.bird.configure(text):
            log.info("%s configured", self.bird)
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
