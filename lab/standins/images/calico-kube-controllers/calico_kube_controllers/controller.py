"""The controller: look at nodes and blocks every half of the grace period, and take away what was ownerless for the whole of it."""

import logging
import time

from cluster_api.access import Access
from cluster_api.client import Client
from cluster_api.loop import Loop
from cluster_api.objects import Json, name

from calico_kube_controllers import leaks

STORE = "/apis/crd.projectcalico.org/v1"
CONFIGURATION = f"{STORE}/kubecontrollersconfigurations"

log = logging.getLogger(__name__)


class Controller:
    """Keeps in memory since when a node is gone, as the real one does."""

    def __init__(self, access: Access) -> None:
        self._client = Client(access)
        # A changed grace period counts at once; nodes change all the time, and are looked at when it is time.
        self._loop = Loop(access, {"nodes": "/api/v1/nodes", "configurations": CONFIGURATION}, silent={"nodes"})
        self._seen: dict[str, float] = {}

    def stop(self) -> None:
        """End."""
        self._loop.stop()

    def run(self) -> None:
        """Work until stopped."""
        self._loop.run(self._look)

    def _look(self) -> float:
        period = leaks.grace(self._configuration())
        affinities = self._client.get(f"{STORE}/blockaffinities")["items"]
        blocks = self._items("ipamblocks")
        now = time.monotonic()
        nodes = {name(item) for item in self._loop.objects("nodes")}
        before = set(self._seen)
        self._seen = leaks.gone_since(self._seen, leaks.owners(affinities, blocks), nodes, now)
        for node in self._seen.keys() - before:
            log.info("node %s is gone: what it holds is kept for %.0f s", node, period)
        leaked = {node for node, since in self._seen.items() if now - since >= period}
        if leaked:
            self._clean(leaks.cleaning(affinities, blocks, leaked))
        return period / 2

    def _configuration(self) -> Json | None:
        """Find the configuration, or make it as the real one makes it: that is where the grace period is changed."""
        found = next((item for item in self._loop.objects("configurations") if name(item) == "default"), None)
        if found is None and self._client.find(f"{CONFIGURATION}/default") is None:
            made = {"apiVersion": "crd.projectcalico.org/v1", "kind": "KubeControllersConfiguration"}
            node = {"leakGracePeriod": "15m0s", "reconcilerPeriod": "5m0s", "syncLabels": "Enabled"}
            self._client.create(
                CONFIGURATION, made | {"metadata": {"name": "default"}, "spec": {"controllers": {"node": node}}}
            )
        return found

    def _items(self, plural: str) -> list[Json]:
        found = self._client.find(f"{STORE}/{plural}")
        items: list[Json] = found["items"] if found else []
        return items

    def _clean(self, cleaning: leaks.Cleaning) -> None:
        for plural, items in (("ipamblocks", cleaning.blocks), ("blockaffinities", cleaning.affinities)):
            for item in items:
                self._client.delete(f"{STORE}/{plural}/{name(item)}", item["metadata"]["uid"])
        for item in cleaning.changed:
            # The version in it makes the server refuse where a node has taken an address meanwhile: the next look sees it.
            self._client.replace(f"{STORE}/ipamblocks/{name(item)}", item)
        log.info(
            "released: blocks %s; affinities %s; addresses in %s",
            *map(leaks.titles, (cleaning.blocks, cleaning.affinities, cleaning.changed)),
        )
