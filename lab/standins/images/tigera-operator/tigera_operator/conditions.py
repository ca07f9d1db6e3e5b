"""TigeraStatus: what the operator says about its workloads and objects, in the real one's words."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cluster_api.objects import Json, name, namespace, status

_FAILING = {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"}


@dataclass(frozen=True)
class State:
    """One of three: available, on its way, or unable."""

    available: bool
    degraded: bool
    reason: str
    message: str

    @property
    def progressing(self) -> bool:
        """Say whether time alone may mend it."""
        return not self.available and not self.degraded


AVAILABLE = State(available=True, degraded=False, reason="AllObjectsAvailable", message="All objects available")


def waiting(message: str) -> State:
    """Describe what is on its way."""
    return State(available=False, degraded=False, reason="ResourceNotReady", message=message)


def invalid(message: str) -> State:
    """Describe a configuration that cannot be had."""
    return State(available=False, degraded=True, reason="InvalidConfigurationError", message=message)


def refused(reason: str, message: str) -> State:
    """Describe what cannot be done now, although the configuration is right."""
    return State(available=False, degraded=True, reason=reason, message=message)


def of_daemon_set(title: str, daemon_set: Json | None, pods: Iterable[Json]) -> State:
    """Judge a DaemonSet by its name with namespace: available only when ready, and of the newest kind, on every node."""
    title = f'DaemonSet "{title}"'
    if daemon_set is None:
        return waiting(f"{title} is not created yet")
    seen = status(daemon_set)
    wanted = int(seen.get("desiredNumberScheduled", 0))
    if seen.get("observedGeneration") != daemon_set["metadata"].get("generation") or not wanted:
        return waiting(f"{title} update is being processed")
    if failing := _failing(pods):
        return failing
    if int(seen.get("updatedNumberScheduled", 0)) < wanted:
        return waiting(
            f"{title} update is rolling out ({seen.get('updatedNumberScheduled', 0)} out of {wanted} updated)"
        )
    missing = wanted - int(seen.get("numberAvailable", 0))
    return waiting(f"{title} is not available (awaiting {missing} nodes)") if missing else AVAILABLE


def of_deployment(title: str, deployment: Json | None, pods: Iterable[Json]) -> State:
    """Judge a Deployment by its name with namespace: available when all of its pods are, and are of the newest kind."""
    title = f'Deployment "{title}"'
    if deployment is None:
        return waiting(f"{title} is not created yet")
    seen = status(deployment)
    wanted = int(deployment["spec"].get("replicas", 1))
    if seen.get("observedGeneration") != deployment["metadata"].get("generation"):
        return waiting(f"{title} update is being processed")
    if failing := _failing(pods):
        return failing
    if int(seen.get("updatedReplicas", 0)) < wanted:
        return waiting(f"{title} update is rolling out ({seen.get('updatedReplicas', 0)} out of {wanted} updated)")
    missing = wanted - int(seen.get("availableReplicas", 0))
    return waiting(f"{title} is not available (awaiting {missing} replicas)") if missing else AVAILABLE


def together(*states: State) -> State:
    """Judge several at once: what cannot be had first, then what is on its way, each with all its messages."""
    degraded = [state for state in states if state.degraded]
    progressing = [state for state in states if state.progressing]
    found = degraded or progressing
    return replace(found[0], message="; ".join(state.message for state in found)) if found else AVAILABLE


def _failing(pods: Iterable[Json]) -> State | None:
    failures = [failure for pod in pods if (failure := _failure(pod))]
    return refused("PodFailure", "; ".join(failures)) if failures else None


def _failure(pod: Json) -> str:
    seen = status(pod)
    for container in [*(seen.get("initContainerStatuses") or []), *(seen.get("containerStatuses") or [])]:
        reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
        if reason in _FAILING:
            return f"Pod {namespace(pod)}/{name(pod)} has failing container {container['name']}: {reason}"
    return ""


def conditions(state: State, before: Iterable[Json], now: str, generation: int) -> list[Json]:
    """Write the three conditions; the time of the last transition moves only with the status itself."""
    known = {condition["type"]: condition for condition in before}
    written: list[Json] = []
    for kind, holds in (
        ("Available", state.available),
        ("Progressing", state.progressing),
        ("Degraded", state.degraded),
    ):
        old = known.get(kind, {})
        value = "True" if holds else "False"
        condition: Json = {
            "type": kind,
            "status": value,
            "observedGeneration": generation,
            "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == value else now,
        }
        written.append(condition | ({"reason": state.reason, "message": state.message} if holds else {}))
    return written
