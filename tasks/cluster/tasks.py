"""Calico, PureLB and the workload: plan by server-side apply, apply, wait until they do their work."""

from collections.abc import Callable, Sequence
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change, made
from kubepeer.errors import CommandError
from kubepeer.fetch import fetch
from kubepeer.run import Run, done
from tasks.cluster import objects, waits
from tasks.cluster.access import api_that_answered, save_kubeconfig
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.differences import name_of, plan_objects, store

ROLLOUT_SECONDS = 300  # images may come from far away
READY_SECONDS = 120
ENDPOINTS_SECONDS = 60
PEERS_PATH = "/apis/projectcalico.org/v3/bgppeers"
PROBE = "/api/v1/namespaces/nginx-quic/services/kubepeer-probe"
OURS = "app.kubernetes.io/managed-by=kubepeer"


def build_network(task: Task, run: Run) -> Result:
    """Calico by its operator, then its BGP: configuration and one peer a router."""
    api = api_that_answered(run)
    if api is not None and not run.options.dry_run:
        save_kubeconfig(run, api)
    changes = _apply(run, api, _fetch(run, run.intent.manifests.calico))
    operator = partial(waits.deployment, namespace="tigera-operator", name="tigera-operator")
    _wait(run, api, operator, ROLLOUT_SECONDS, pods_of="tigera-operator")
    changes += _apply(run, api, objects.calico(run.intent))
    for status in ("apiserver", "calico"):
        _wait(run, api, partial(waits.tigera_status, name=status), ROLLOUT_SECONDS, pods_of="calico-system")
    password = run.bgp_password()
    wanted = objects.bgp(run.intent, password)
    changes += _apply(run, api, wanted)
    changes += _remove_peers(run, api, {manifest["metadata"]["name"] for manifest in wanted})
    changes += _apply(run, api, objects.as_numbers(run.intent, _standing(run, api)))
    expected = [node.full_name for node in run.intent.nodes if node.name not in run.nornir.data.failed_hosts]
    _wait(run, api, partial(waits.nodes_ready, expected=[] if run.filtered else expected), READY_SECONDS)
    return done(task, changes)


def build_load_balancer(task: Task, run: Run) -> Result:
    """PureLB's allocator and its pool; Calico announces, so the node agent stays out."""
    api = api_that_answered(run)
    changes = _apply(run, api, objects.without_unwanted(_fetch(run, run.intent.manifests.purelb)))
    agent = "/apis/apps/v1/namespaces/purelb/daemonsets/lbnodeagent"
    if api is not None and api.get(agent) is not None:
        changes.append(_delete(run, api, agent, Change("DaemonSet purelb/lbnodeagent", "running", None)))
    _wait(run, api, partial(waits.deployment, namespace="purelb", name="allocator"), ROLLOUT_SECONDS, pods_of="purelb")
    changes += _apply(run, api, objects.load_balancer(run.intent))
    return done(task, changes)


def run_workload(task: Task, run: Run) -> Result:
    """The nginx of the tutorial; its new services also prove that the controllers act after the joins."""
    api = api_that_answered(run)
    changes = _apply(run, api, objects.workload(run.intent))
    _wait(run, api, waits.workload_answers, ROLLOUT_SECONDS, pods_of="nginx-quic")
    if api is not None and not run.options.dry_run and (run.recall("joined") or api.get(PROBE) is not None):
        _prove_controllers(api)
    return done(task, changes)


def _prove_controllers(api: KubernetesApi) -> None:
    """A service made after the last join must get endpoints.

    Apiservers of 1.20.0 to 1.20.9 may lose their watches of services while an etcd member joins, silently and for ever
    (kubernetes/kubernetes#102539); everything else goes on.
    """
    path, _, name = PROBE.rpartition("/")
    api.delete(PROBE)
    spec = {"selector": {"app": "nginx-quic"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    api.call("POST", path, body={"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    try:
        waits.until(lambda: waits.endpoints(api, "nginx-quic", name), ENDPOINTS_SECONDS)
    except CommandError as error:
        raise CommandError(
            f"the controllers do not act: a new service has no endpoints after {ENDPOINTS_SECONDS} s",
            cure="restart the kube-apiserver of every control plane, one after the other (Kubernetes 1.20.0-1.20.9: upgrade)",
        ) from error
    finally:
        api.delete(PROBE)


def _apply(run: Run, api: KubernetesApi | None, manifests: Sequence[Manifest]) -> list[Change]:
    if api is None and not run.options.dry_run:
        raise CommandError("there is no cluster to change", cure="see the errors above")
    planned = plan_objects(api, manifests)
    if not run.options.dry_run and api is not None:
        for manifest, change in planned:
            waits.until(partial(_served, api, manifest), READY_SECONDS)
            store(api, manifest, api.get(str(api.path_of(manifest))), dry_run=False)
            made(change)
    return [change for _, change in planned]


def _served(api: KubernetesApi, manifest: Manifest) -> str:
    """A kind whose definition has just been made is served a moment later."""
    return "" if api.path_of(manifest) else f"{name_of(manifest)}: its kind is not served"


def _standing(run: Run, api: KubernetesApi | None) -> dict[str, bool]:
    """The nodes of the cluster, and whether they bear an AS of their own; where there is no cluster yet, those that it will have."""
    if api is None:
        return {node.full_name: False for node in run.intent.nodes}
    return {name: objects.AS_NUMBER in metadata.get("annotations", {}) for name, metadata in api.nodes().items()}


def _remove_peers(run: Run, api: KubernetesApi | None, wanted: set[str]) -> list[Change]:
    """Peers of ours whose router is no longer in the inventory."""
    if api is None:
        return []
    peers = (api.get(PEERS_PATH, {"labelSelector": OURS}) or {}).get("items", [])
    addresses = {peer["metadata"]["name"]: str(peer["spec"].get("peerIP")) for peer in peers}
    return [
        _delete(run, api, f"{PEERS_PATH}/{name}", Change(f"BGPPeer {name}", address, None))
        for name, address in addresses.items()
        if name not in wanted
    ]


def _delete(run: Run, api: KubernetesApi, path: str, change: Change) -> Change:
    """Delete an object, unless nothing is to be changed; the change that it is."""
    if not run.options.dry_run:
        api.delete(path)
        made(change)
    return change


def _wait(
    run: Run, api: KubernetesApi | None, problem: Callable[[KubernetesApi], str], seconds: float, pods_of: str = ""
) -> None:
    """Wait for a condition; when it does not come, the error says what keeps the pods of this namespace from running."""
    if api is not None and not run.options.dry_run:
        waits.until(lambda: problem(api), seconds, partial(waits.trouble, api, pods_of) if pods_of else None)


def _fetch(run: Run, address: str) -> list[Manifest]:
    """A project's manifest, as it stands at its address; fetched once a run."""
    return run.once(("manifest", address), lambda: objects.documents(fetch(address, run.settings.folder)))
