"""The operator: look at the two resources, bring about what they ask for, say how it stands."""

import logging

from cluster_api.access import Access
from cluster_api.client import Client
from cluster_api.loop import Loop
from cluster_api.objects import Json, name, spec, status
from cluster_api.versions import at_least

from tigera_operator import api, conditions, configuration, controllers, defaults, pools, workload
from tigera_operator.conditions import State
from tigera_operator.defaults import POOL_CONTROLLER_SINCE, ConfigurationError
from tigera_operator.keeper import MANAGER, OPERATOR, Keeper
from tigera_operator.managed import namespace
from tigera_operator.registration import serve
from tigera_operator.release import Release, image

STORE = "/apis/crd.projectcalico.org/v1"
TIERS_SINCE = "3.30.0"
RESYNC_SECONDS = 60.0
UNSETTLED_SECONDS = 2.0  # pods that fail to start and definitions that settle tell nobody: they must be asked

log = logging.getLogger(__name__)


class Operator:
    """Every change of what it watches is a reason to look at everything again: to annotate the Installation is one."""

    def __init__(self, access: Access, release: Release) -> None:
        self._client = Client(access)
        self._keeper = Keeper(self._client)
        self._release = release
        home = f"/apis/apps/v1/namespaces/{workload.NAMESPACE}"
        paths = {
            "installations": f"{OPERATOR}/installations",
            "api_servers": f"{OPERATOR}/apiservers",
            "statuses": f"{OPERATOR}/tigerastatuses",
            "daemon_sets": f"{home}/daemonsets",
            "deployments": f"{home}/deployments",
            "servers": f"/apis/apps/v1/namespaces/{api.space(release.calico)}/deployments",
            "configurations": f"{STORE}/bgpconfigurations",
            "pools": f"{STORE}/ippools",
        }
        self._loop = Loop(access, paths)

    def stop(self) -> None:
        """End."""
        self._loop.stop()

    def run(self) -> None:
        """Work until stopped."""
        self._loop.run(self._reconcile)

    def _reconcile(self) -> float:
        installation = configuration.default(self._loop.objects("installations"))
        server = configuration.default(self._loop.objects("api_servers"))
        found: dict[str, tuple[State, Json]] = {}
        if installation is not None:
            found |= {title: (state, installation) for title, state in self._install(installation, server).items()}
        if server is not None:
            state = self._serve(server, installation)
            found["apiserver"] = (state, server)
            if at_least(self._release.calico, TIERS_SINCE):
                waits = conditions.waiting("Waiting for the Tier API to be ready")
                found["tiers"] = (state if state.available else waits, server)
        for title in ("calico", "ippools", "apiserver", "tiers"):
            if title in found:
                state, item = found[title]
                self._keeper.report(title, state, int(item["metadata"]["generation"]))
            else:
                self._keeper.forget(title)
        settled = bool(found) and all(state.available for state, _ in found.values())
        return RESYNC_SECONDS if settled else UNSETTLED_SECONDS

    def _install(self, installation: Json, server: Json | None) -> dict[str, State]:
        """Fill in, check, write back; then the pools and what runs. The pools have a state of their own from 3.28 on."""
        version = self._release.calico
        cluster = self._client.find("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
        pod_networks = pools.kubeadm_pod_subnets(cluster)
        after = defaults.filled(spec(installation), version, pod_networks)
        try:
            detection = defaults.detections(after)
        except ConfigurationError as error:
            return {"calico": conditions.invalid(f"Invalid Installation provided: {error}")}
        self._keeper.write_back(installation, after)
        pool_state = self._keep_pools(after, pod_networks, server)
        if not at_least(version, POOL_CONTROLLER_SINCE):
            return {"calico": self._run(installation, after, detection) if pool_state.available else pool_state}
        ran = self._run(installation, after, detection) if self._loop.objects("pools") else pool_state
        return {"ippools": pool_state, "calico": ran}

    def _keep_pools(self, after: Json, pod_networks: list[str], server: Json | None) -> State:
        try:
            wanted = pools.ip_pools(after, self._release.calico, pod_networks)
        except ConfigurationError as error:
            return conditions.invalid(f"error validating IP pool configuration: {error}")
        standing = {name(item): item for item in self._client.get(f"{STORE}/ippools")["items"]}
        ready = server is not None and status(server).get("state") == "Ready"
        decided = pools.decide(wanted, standing, self._release.calico, ready=ready)
        for pool in decided.create:
            self._client.create(f"{STORE}/ippools", pool)
            log.info("IPPool %s: %s", name(pool), spec(pool)["cidr"])
        for pool in decided.update:
            self._client.patch(f"{STORE}/ippools/{name(pool)}", {"spec": spec(pool)}, manager=MANAGER)
        return conditions.refused(*decided.refused) if decided.refused else conditions.AVAILABLE

    def _run(self, installation: Json, after: Json, detection: tuple[str, str]) -> State:
        """Keep calico-node and calico-kube-controllers; tell their state."""
        release, registry = self._release, str(after.get("registry") or "")
        configurations = self._loop.objects("configurations")
        if patch := configuration.cluster_routes(installation, configurations, release.calico):
            # Applied, so that the object is made where it is not there yet.
            kind = {
                "apiVersion": "crd.projectcalico.org/v1",
                "kind": "BGPConfiguration",
                "metadata": {"name": "default"},
            }
            self._client.apply(f"{STORE}/bgpconfigurations/default", kind | patch, MANAGER)
        keep = self._keeper.keep
        keep(namespace(workload.NAMESPACE), installation)
        for managed in (*workload.rights(), *controllers.rights()):
            keep(managed, installation)
        node = workload.daemon_set(
            image(release.node_image, registry), release.calico, detection, configuration.bind_mode(configurations),
            release.node_period, after["nodeUpdateStrategy"],
            bgp=(after.get("calicoNetwork") or {}).get("bgp") != "Disabled",
        )  # fmt: skip
        daemon_set = keep(node, installation)
        deployment = keep(
            controllers.deployment(image(release.controllers_image, registry), release.calico), installation
        )
        information = configuration.cluster_information(release.calico)
        if not self._client.find(f"{STORE}/clusterinformations/default"):
            self._client.create(f"{STORE}/clusterinformations", information)
        elif release.calico not in str(self._client.get(f"{STORE}/clusterinformations/default").get("spec")):
            self._client.patch(f"{STORE}/clusterinformations/default", {"spec": information["spec"]}, manager=MANAGER)
        shown = {"variant": "Calico"} | (
            {"calicoVersion": f"v{release.calico}"} if at_least(release.calico, "3.29.0") else {}
        )
        self._keeper.state("installations", installation, **shown)
        pods = self._pods(workload.NAMESPACE)
        return conditions.together(
            conditions.of_daemon_set(f"{workload.NAMESPACE}/{workload.NAME}", daemon_set, _of(pods, workload.NAME)),
            conditions.of_deployment(
                f"{workload.NAMESPACE}/{controllers.NAME}", deployment, _of(pods, controllers.NAME)
            ),
        )

    def _serve(self, server: Json, installation: Json | None) -> State:
        """Keep the API server of projectcalico.org/v3; tell its state."""
        if installation is None or status(installation).get("variant") != "Calico":
            return conditions.refused("ResourceNotReady", "Waiting for Installation to be ready")
        deployment = serve(self._client, self._keeper, self._release, server, installation)
        home = api.space(self._release.calico)
        state = conditions.of_deployment(f"{home}/{api.NAME}", deployment, _of(self._pods(home), api.NAME))
        self._keeper.state("apiservers", server, state="Ready" if state.available else "")
        return state

    def _pods(self, home: str) -> list[Json]:
        pods: list[Json] = self._client.get(f"/api/v1/namespaces/{home}/pods")["items"]
        return pods


def _of(pods: list[Json], label: str) -> list[Json]:
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get("k8s-app") == label]
