"""What keeps a cluster's pods from running, told in a line: from nodes, pods and events as the API has them. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Found = Mapping[str, Any]

SHOWN_CAUSES, SHOWN_SIGNS = 3, 300  # it is a line or two
RECENT = timedelta(minutes=10)
PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")
# A container that waits so has said nothing yet; what holds it up stands in the events.
SILENT_WAITING = ("ContainerCreating", "PodInitializing", "")
NO_NETWORK = "network not ready"  # the kubelet's words of a node that has no network plugin yet
PULLS = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")


@dataclass(frozen=True)
class Seen:
    """What the API has.

    Attributes:
        nodes, pods, events: of the namespaces that matter.
        logs: (namespace, pod, container) -> the last lines of a container that crashed.
        now: the API's clock, as good as the controller's.

    """

    nodes: Sequence[Found] = ()
    pods: Sequence[Found] = ()
    events: Sequence[Found] = ()
    logs: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    now: datetime | None = None


def told(seen: Seen) -> str:
    """The causes, the deepest first, each once; "" where none is to be seen."""
    causes: dict[str, list[str]] = {}
    nodes = list(_nodes(seen))
    without_network = [
        one for one in nodes if NO_NETWORK in one[0]
    ]  # what the pods of the network bring: their causes are deeper
    nodes = [one for one in nodes if one not in without_network]
    for cause, where in (*nodes, *_evictions(seen), *_pods(seen), *without_network):
        causes.setdefault(" ".join(cause.split())[:SHOWN_SIGNS], []).append(where)
    if not causes:
        for cause, where in _other_events(seen):
            causes.setdefault(" ".join(cause.split())[:SHOWN_SIGNS], []).append(where)
    lines = [f"{_places(places)}: {cause}" if any(places) else cause for cause, places in causes.items()]
    more = f" (and {len(lines) - SHOWN_CAUSES} more)" if len(lines) > SHOWN_CAUSES else ""
    return "; ".join(lines[:SHOWN_CAUSES]) + more


def _places(places: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(places))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} and {len(distinct) - 1} more"


def conditions(found: Found) -> dict[str, Found]:
    """The conditions of a node or a pod, by type."""
    return {condition["type"]: condition for condition in (found.get("status") or {}).get("conditions") or []}


def is_ready(found: Found) -> bool:
    """Whether a node or a pod says Ready."""
    return bool(conditions(found).get("Ready", {}).get("status") == "True")


def is_silent(node: Found) -> bool:
    """Whether a node's kubelet does not report any more: its machine is down, or out of reach (core/v1, NodeStatusUnknown)."""
    return bool(conditions(node).get("Ready", {}).get("status") == "Unknown")


def _nodes(seen: Seen) -> Iterator[tuple[str, str]]:
    for node in seen.nodes:
        where, said = f"node {node['metadata']['name']}", conditions(node)
        pressures = [said[kind] for kind in PRESSURES if said.get(kind, {}).get("status") == "True"]
        for condition in pressures:
            yield f"{condition['type']} ({_words(condition)})", where
        ready = said.get("Ready")
        if ready and ready["status"] != "True" and not pressures:
            yield f"not Ready ({_words(ready)})", where


def away(nodes: Sequence[Found]) -> dict[str, str]:
    """The nodes that are not Ready for another reason than the network that they wait for: name -> the words of the condition."""
    said = {node["metadata"]["name"]: _words(conditions(node).get("Ready", {})) for node in nodes if not is_ready(node)}
    return {name: words for name, words in said.items() if NO_NETWORK not in words}


def _words(condition: Found) -> str:
    return str(condition.get("message") or condition.get("reason") or "no reason is given")


def _evictions(seen: Seen) -> Iterator[tuple[str, str]]:
    evicted = [pod for pod in seen.pods if (pod.get("status") or {}).get("reason") == "Evicted"]
    if evicted:
        last = str(evicted[-1]["status"].get("message") or "no reason is given")
        yield f"{len(evicted)} {'pod was' if len(evicted) == 1 else 'pods were'} evicted: {last}", ""


def _pods(seen: Seen) -> Iterator[tuple[str, str]]:
    warnings = _last_warnings(seen)
    for pod in seen.pods:
        status, metadata = pod.get("status") or {}, pod["metadata"]
        if is_ready(pod) or status.get("phase") in ("Succeeded", "Failed"):
            continue
        warning = warnings.get((metadata.get("namespace", ""), metadata["name"]), "")
        cause = _container(seen, pod, warning) or _unschedulable(pod) or warning
        if cause:
            node = pod["spec"].get("nodeName")
            yield cause, f"{metadata['name']} on {node}" if node else str(metadata["name"])


def _container(seen: Seen, pod: Found, warning: str) -> str:
    """Why the first container that does not run waits."""
    for status in container_statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in SILENT_WAITING:
            continue
        if reason == "CrashLoopBackOff":
            return _crash(seen, pod, status)
        if reason in PULLS and warning and "ack-off" in message and "ack-off" not in warning:
            message = warning  # the event has the registry's own words
        return f"{reason}: {message}" if message else reason
    return ""


def container_statuses(pod: Found) -> list[Found]:
    """Of the containers that come first, and then of the others."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _crash(seen: Seen, pod: Found, status: Found) -> str:
    metadata = pod["metadata"]
    ended = (status.get("lastState") or {}).get("terminated") or {}
    how = ended.get("reason", "Error") if ended.get("reason") != "Error" else f"exit code {ended.get('exitCode', '?')}"
    log = seen.logs.get((metadata.get("namespace", ""), metadata["name"], status["name"]), "")
    lines = [line for line in (log or ended.get("message") or "").splitlines() if line.strip()]
    said = f"; its last line: {lines[-1]}" if lines else ""
    return f"{status['name']} crashes again and again ({status.get('restartCount', 0)} restarts, {how}){said}"


def _unschedulable(pod: Found) -> str:
    scheduled = conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") != "False":
        return ""
    return f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', 'no reason is given')}"


def _time(event: Found) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((time for time in times if time), event["metadata"].get("creationTimestamp", "")))


def _warnings(seen: Seen) -> list[Found]:
    """The warnings of the last minutes, the oldest first."""
    since = (seen.now - RECENT).strftime("%Y-%m-%dT%H:%M:%S") if seen.now else ""
    return sorted((e for e in seen.events if e.get("type") == "Warning" and _time(e) >= since), key=_time)


def _last_warnings(seen: Seen) -> dict[tuple[str, str], str]:
    """(namespace, pod) -> the kubelet's or the scheduler's last warning."""
    found = {}
    for event in _warnings(seen):
        subject = event["involvedObject"]
        namespace = subject.get("namespace", event["metadata"].get("namespace", ""))
        found[namespace, subject.get("name", "")] = _said(event)
    return found


def _said(event: Found) -> str:
    """The reason and the words of an event; the API asks for neither (core/v1, Event)."""
    return ": ".join(filter(None, (event.get("reason"), event.get("message")))) or "no reason is given"


def _other_events(seen: Seen) -> Iterator[tuple[str, str]]:
    """Where no pod tells: what was said of their owners (a quota, an admission that refuses), the newest first."""
    pods = {pod["metadata"]["name"] for pod in seen.pods}
    for event in reversed(_warnings(seen)):
        subject = event["involvedObject"]
        name = subject.get("name", "")
        if name not in pods and subject.get("kind") != "Pod":
            yield _said(event), f"{subject.get('kind', '')} {name}".strip()


@dataclass(frozen=True)
class Crash:
    """A container that crashes again and again: which, and how often it was started anew."""

    namespace: str
    pod: str
    container: str
    restarts: int


def crashes(pods: Collection[Found]) -> list[Crash]:
    """Every container that waits to be started anew after it crashed."""
    return [
        Crash(pod["metadata"].get("namespace", ""), pod["metadata"]["name"], status["name"], status.get("restartCount", 0))
        for pod in pods
        for status in container_statuses(pod)
        if ((status.get("state") or {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    ]  # fmt: skip
