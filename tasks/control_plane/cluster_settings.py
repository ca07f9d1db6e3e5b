"""What the cluster keeps for those that join, or are upgraded: kubeadm's ConfigMaps. Observe, plan, apply; once a run."""

from functools import partial

from kubepeer.change import Change, made
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster.api import ATTEMPTS, KubernetesApi, Manifest
from tasks.cluster.differences import CONFLICT
from tasks.cluster.refusal import ApiRefusal
from tasks.control_plane import cluster_configuration, kubelet_configuration
from tasks.control_plane.settings import Given

KUBELET_MAP, KUBELET_KEY = "/api/v1/namespaces/kube-system/configmaps/kubelet-config", "kubelet"
CLUSTER_CHANGES = Memory[tuple[Change, ...]]("what kubeadm's ConfigMaps lacked, with an encryption and without")
TOLD_BY = Memory[str]("the control plane in whose name these are told")


def settle_cluster(run: Run, api: KubernetesApi, name: str, given: Given) -> tuple[Change, ...]:
    """Bring kubeadm's ConfigMaps to what the inventory says, once a run.

    Args:
        run: the running run; in a dry run the changes are planned only.
        api: the cluster's.
        name: of the control plane that asks: the first that does tells the changes.
        given: what the control planes are given.

    """
    place = given.encryption is not None
    changes = run.once(CLUSTER_CHANGES, partial(_settle, run, api, given), of=place)
    return changes if run.once(TOLD_BY, lambda: name, of=place) == name else ()


def _settle(run: Run, api: KubernetesApi, given: Given) -> tuple[Change, ...]:
    by_cluster = partial(cluster_configuration.planned, run.intent, given)
    by_kubelet = partial(kubelet_configuration.planned, kubelet_configuration.of_cluster(run.intent))
    found = [
        _written(run, api, cluster_configuration.CONFIG_MAP, cluster_configuration.KEY, by_cluster),
        _written(run, api, KUBELET_MAP, KUBELET_KEY, by_kubelet),
    ]
    return tuple(change for change in found if change is not None)


def _written(
    run: Run, api: KubernetesApi, path: str, key: str, planned: "partial[tuple[str, str] | None]"
) -> Change | None:
    """Read a ConfigMap, and write it back with the version that was read: what others write meanwhile is not lost."""
    for attempt in range(1, ATTEMPTS + 1):
        stands: Manifest | None = api.get(path)
        found = planned((stands.get("data") or {}).get(key, "")) if stands else None
        if stands is None or found is None:
            return None
        change = Change(f"ConfigMap kube-system/{path.rpartition('/')[2]}", *found)
        if run.options.dry_run:
            return change
        body = {**stands, "apiVersion": "v1", "kind": "ConfigMap", "data": {**stands["data"], key: found[1]}}
        try:
            api.call("PUT", path, body=body)
        except ApiRefusal as refusal:
            if attempt == ATTEMPTS or refusal.status != CONFLICT:
                raise
            continue
        made(change)
        return change
    raise AssertionError
