"""Which pods leave a node, which stay, and which somebody must decide about: as kubectl drain judges them, but for one kind. Pure.

A pod that tolerates the cordon stays: its controller would start it again, and the scheduler prefers the emptied node for it.

Sources: kubectl, pkg/drain/filters.go (mirror pods, DaemonSets, unmanaged pods, local storage); Kubernetes' "API-initiated Eviction".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubepeer.change import Change
from kubepeer.words import listed

Pod = Mapping[str, Any]

MIRROR = "kubernetes.io/config.mirror"  # of a static pod: the kubelet's own, which no eviction takes away
CORDON = "node.kubernetes.io/unschedulable"  # the taint of a cordoned node, NoSchedule (Kubernetes: "Taints and Tolerations")
FINISHED = ("Succeeded", "Failed")
NAMED = 5  # pods of a line; of the others their number


@dataclass(frozen=True)
class Sorted:
    """The pods of a node.

    Attributes:
        leave: those to evict, or that are on their way out already.
        stay: DaemonSets' and mirror pods, and those that tolerate the cordon.
        refused: why a pod is not evicted unless the command line says so: a line each.

    """

    leave: tuple[Pod, ...] = ()
    stay: tuple[Pod, ...] = ()
    refused: tuple[str, ...] = ()


def sort(pods: Iterable[Pod], *, force: bool, local_data: bool) -> Sorted:
    """Judge the pods of a node.

    Args:
        pods: all of them.
        force: evict also what no controller would start again elsewhere.
        local_data: evict also what loses an emptyDir.

    """
    leave, stay, refused = [], [], []
    for pod in pods:
        if _stays(pod) or comes_back(pod):
            stay.append(pod)
            continue
        leave.append(pod)
        if pod["metadata"].get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in FINISHED:
            continue
        if not _controller(pod) and not force:
            refused.append(f"pod {name_of(pod)} has no controller that would start it elsewhere (--force)")
        if (volumes := _local_data(pod)) and not local_data:
            refused.append(f"pod {name_of(pod)} would lose its emptyDir {', '.join(volumes)} (--delete-emptydir-data)")
    return Sorted(tuple(leave), tuple(stay), tuple(refused))


def name_of(pod: Pod) -> str:
    """Namespace and name."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def names_of(pods: Iterable[Pod]) -> str:
    """Several, for a line."""
    return listed(sorted(map(name_of, pods)), NAMED)


def change_of(pod: Pod) -> Change:
    """The eviction of a pod."""
    return Change(f"pod {name_of(pod)}", f"on {pod['spec'].get('nodeName', 'no node')}", None)


def eviction(pod: Pod, version: str, grace_seconds: int | None) -> dict[str, Any]:
    """The object that evicts a pod: this very one, and not another that has taken its name.

    Args:
        pod: which.
        version: of the group policy that the API serves.
        grace_seconds: instead of the pod's own terminationGracePeriodSeconds.

    """
    options: dict[str, Any] = {"preconditions": {"uid": pod["metadata"]["uid"]}}
    if grace_seconds is not None:
        options["gracePeriodSeconds"] = grace_seconds
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": version, "kind": "Eviction", "metadata": metadata, "deleteOptions": options}


def stop_at_once(pods: Iterable[Pod], services: Iterable[Mapping[str, Any]]) -> list[Pod]:
    """The pods behind a service that may stop to listen before kube-proxy knows: no container has a preStop hook.

    The kubelet stops a pod and the endpoint leaves its service at the same time; what waits for the other is the hook alone.
    """
    return [pod for pod in behind_services(pods, services) if not _waits(pod)]


def behind_services(pods: Iterable[Pod], services: Iterable[Mapping[str, Any]]) -> list[Pod]:
    """The pods that a service selects."""
    selectors = [
        (service["metadata"]["namespace"], selector)
        for service in services
        if (selector := (service.get("spec") or {}).get("selector"))
    ]
    return [pod for pod in pods if any(_selected(pod, *one) for one in selectors)]


def comes_back(pod: Pod) -> bool:
    """Whether its controller would start it again on the node, cordoned or not: it tolerates the cordon, and is not on its way out."""
    if pod["metadata"].get("deletionTimestamp") or _controller(pod) in ("", "DaemonSet"):
        return False
    return any(map(_tolerates_cordon, (pod.get("spec") or {}).get("tolerations") or []))


def _tolerates_cordon(toleration: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", "NoSchedule"):
        return False
    key, everything = toleration.get("key") or "", toleration.get("operator") == "Exists"
    return (key in ("", CORDON) and everything) or (key == CORDON and not toleration.get("value"))


def _stays(pod: Pod) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or {}) or _controller(pod) == "DaemonSet"


def _controller(pod: Pod) -> str:
    """The kind of the object that would start the pod again; "" where nobody would."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _local_data(pod: Pod) -> list[str]:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return [str(volume["name"]) for volume in volumes if "emptyDir" in volume]


def _waits(pod: Pod) -> bool:
    containers = (pod.get("spec") or {}).get("containers") or []
    return any((container.get("lifecycle") or {}).get("preStop") for container in containers)


def _selected(pod: Pod, namespace: str, selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return pod["metadata"]["namespace"] == namespace and selector.items() <= labels.items()
