"""TigeraStatus: what the operator says about calico-node and about the API, in the real one's words."""

from collections.abc import Iterable
from dataclasses import dataclass

from cluster_api.objects import Json, name, status

from tigera_operator.workload import NAME, NAMESPACE

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


def of_daemon_set(daemon_set: Json | None, pods: Iterable[Json]) -> State:
    """Judge calico-node: available only when it is ready, and of the newest kind, on every node."""
    title = f'DaemonSet "{NAMESPACE}/{NAME}"'
    if daemon_set is None:
        return waiting(f"{title} is not created yet")
    seen = status(daemon_set)
    wanted = int(seen.get("desiredNumberScheduled", 0))
    if seen.get("observedGeneration") != daemon_set["metadata"].get("generation") or not wanted:
        return waiting(f"{title} update is being processed")
    failing = [failure for pod in pods if (failure := _failure(pod))]
    if failing:
        return State(available=False, degraded=True, reason="PodFailure", message="; ".join(failing))
    if int(seen.get("updatedNumberScheduled", 0)) < wanted:
        return waiting(
            f"{title} update is rolling out ({seen.get('updatedNumberScheduled', 0)} out of {wanted} updated)"
        )
    missing = wanted - int(seen.get("numberAvailable", 0))
    return waiting(f"{title} is not available (awaiting {missing} nodes)") if missing else AVAILABLE


def _failure(pod: Json) -> str:
    seen = status(pod)
    for container in [*(seen.get("initContainerStatuses") or []), *(seen.get("containerStatuses") or [])]:
        reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
        if reason in _FAILING:
            return f"Pod {NAMESPACE}/{name(pod)} has failing container {container['name']}: {reason}"
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
