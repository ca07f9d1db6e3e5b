"""The operator's loop: look at the two resources, bring about what they ask for, say how it stands."""

import logging
import threading
from datetime import UTC, datetime

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError, Client
from cluster_api.objects import Json, covers, name, spec, status
from cluster_api.watch import Watch

from tigera_operator import conditions, pools, v3, workload
from tigera_operator.conditions import State
from tigera_operator.workload import NAMESPACE, Managed

MANAGER = "tigera-operator"
OPERATOR = "/apis/operator.tigera.io/v1"
CALICO = "/apis/projectcalico.org/v3"
AFFINITIES = "/apis/crd.projectcalico.org/v1/blockaffinities"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RESYNC_SECONDS = 60.0
UNSETTLED_SECONDS = 2.0  # pods that fail to start and definitions that settle tell nobody: they must be asked

log = logging.getLogger(__name__)


class Operator:
    """Keeps nothing of its own but what it has said last."""

    def __init__(self, access: Access, node_image: str) -> None:
        self._client = Client(access)
        self._node_image = node_image
        self._changed = threading.Event()
        self._stopping = threading.Event()
        paths = {
            "installations": f"{OPERATOR}/installations",
            "api_servers": f"{OPERATOR}/apiservers",
            "daemon_sets": f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets",
            "nodes": "/api/v1/nodes",
            "affinities": AFFINITIES,
        }
        self._watches = {kind: Watch(access, path, self._changed).start() for kind, path in paths.items()}
        self._said: dict[str, State] = {}
        self._trouble = ""

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()
        self._changed.set()

    def run(self) -> None:
        """Work until stopped."""
        while not self._stopping.is_set():
            self._changed.clear()
            settled = False
            try:
                settled = self._reconcile()
                self._trouble = ""
            except (*UNREACHABLE, ApiError, ValueError) as error:
                if self._trouble != str(error):
                    log.warning("%s: %s", type(error).__name__, error)
                self._trouble = str(error)
            self._changed.wait(RESYNC_SECONDS if settled else UNSETTLED_SECONDS)

    def _reconcile(self) -> bool:
        if not all(watch.listed for watch in self._watches.values()):
            return False
        states: dict[str, tuple[State, Json]] = {}
        for item in self._default("api_servers"):
            states["apiserver"] = (self._serve_api(), item)
        for item in self._default("installations"):
            states["calico"] = (self._install(item), item)
        for title, (state, item) in states.items():
            self._report(title, state, int(item["metadata"]["generation"]))
        self._release_blocks()
        return all(state.available for state, _ in states.values())

    def _default(self, kind: str) -> list[Json]:
        """Find the object that counts: only one named `default` does."""
        return [item for item in self._watches[kind].objects() if name(item) == "default"]

    def _serve_api(self) -> State:
        for plural in (v3.IP_POOLS, v3.BGP_CONFIGURATIONS, v3.BGP_PEERS):
            self._keep(Managed(f"{DEFINITIONS}/{plural}.{v3.GROUP}", v3.definition(plural)))
        served = self._client.find(CALICO)
        missing = {v3.IP_POOLS, v3.BGP_CONFIGURATIONS, v3.BGP_PEERS}
        missing -= {resource["name"] for resource in (served or {}).get("resources", [])}
        return conditions.waiting(f"{', '.join(sorted(missing))} not served yet") if missing else conditions.AVAILABLE

    def _install(self, installation: Json) -> State:
        configuration = self._client.find("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
        try:
            pool = pools.ip_pool(installation, pools.kubeadm_pod_subnets(configuration))
        except pools.ConfigurationError as error:
            return conditions.invalid(str(error))
        self._keep(Managed(f"{DEFINITIONS}/{v3.IP_POOLS}.{v3.GROUP}", v3.definition(v3.IP_POOLS)))
        if not self._client.find(f"{CALICO}/{v3.IP_POOLS}"):
            return conditions.waiting(f"{v3.IP_POOLS} not served yet")
        if not self._client.find(f"{CALICO}/{v3.IP_POOLS}/{name(pool)}"):
            self._client.create(f"{CALICO}/{v3.IP_POOLS}", pool)  # later changes are the administrator's
            log.info("IPPool %s: %s", name(pool), spec(pool)["cidr"])
        image = workload.image(self._node_image, str(spec(installation).get("registry") or ""))
        self._keep(workload.namespace())
        for managed in (workload.service_account(), workload.cluster_role(), workload.cluster_role_binding()):
            self._keep(managed)
        daemon_set = self._keep(workload.daemon_set(image))
        if status(installation).get("variant") != "Calico":
            self._client.patch(f"{OPERATOR}/installations/default/status", {"status": {"variant": "Calico"}})
        return conditions.of_daemon_set(daemon_set, self._pods())

    def _keep(self, managed: Managed) -> Json:
        """Apply an object where it is not as it should be; what others added to it stays."""
        live = self._client.find(managed.path)
        if live is not None and covers(live, managed.item):
            return live
        log.info("%s %s applied", managed.item["kind"], name(managed.item))
        return self._client.apply(managed.path, managed.item, MANAGER)

    def _pods(self) -> list[Json]:
        pods: list[Json] = self._client.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return pods

    def _report(self, title: str, state: State, generation: int) -> None:
        path = f"{OPERATOR}/tigerastatuses"
        live = self._client.find(f"{path}/{title}")
        if live is None:
            kind = {"apiVersion": "operator.tigera.io/v1", "kind": "TigeraStatus"}
            live = self._client.create(path, {**kind, "metadata": {"name": title}, "spec": {}})
        before = status(live).get("conditions") or []
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        after = conditions.conditions(state, before, now, generation)
        if after != before:
            self._client.patch(f"{path}/{title}/status", {"status": {"conditions": after}})
        if self._said.get(title) != state:
            log.info("%s: %s", title, state.message)
            self._said[title] = state

    def _release_blocks(self) -> None:
        """Free the blocks of nodes that were removed from the cluster, as calico-kube-controllers does."""
        nodes = {name(item) for item in self._watches["nodes"].objects()}
        for affinity in self._watches["affinities"].objects():
            node = spec(affinity)["node"]
            # Asked again, since a new node's block may be seen here before the node is.
            if node not in nodes and self._client.find(f"/api/v1/nodes/{node}") is None:
                self._client.delete(f"{AFFINITIES}/{name(affinity)}", affinity["metadata"]["uid"])
                log.info("block %s of %s released: the node is gone", spec(affinity)["cidr"], node)
