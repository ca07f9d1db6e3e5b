"""PureLB's allocator and its pool; Calico announces, so the node agent stays out."""

from functools import partial

from kubepeer.change import Change
from kubepeer.run import Run
from tasks.cluster import conditions, objects
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.apply import ROLLOUT_SECONDS, apply, delete, fetched, wait


def manifest_of(run: Run) -> list[Manifest]:
    """PureLB's manifest, whole."""
    return fetched(run, "manifests.purelb", run.intent.manifests.purelb)


def build(run: Run, api: KubernetesApi | None) -> list[Change]:
    """The manifest without its node agent, and the pool once the allocator runs."""
    changes = apply(run, api, objects.without_unwanted(manifest_of(run)))
    namespace = objects.purelb_namespace(run.intent)
    agent = f"/apis/apps/v1/namespaces/{namespace}/daemonsets/lbnodeagent"
    if api is not None and api.get(agent) is not None:
        changes.append(delete(run, api, agent, Change(f"DaemonSet {namespace}/lbnodeagent", "running", None)))
    allocator = partial(conditions.deployment, namespace=namespace, name="allocator")
    wait(run, api, allocator, ROLLOUT_SECONDS, namespace, crashing=namespace)
    return changes + apply(run, api, objects.load_balancer(run.intent))
