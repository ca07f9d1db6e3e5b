"""What stands in the way on a node when something does not come up, asked of the node itself: no API is needed. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.control_plane.containers import FUNCTIONS
from tasks.linux.observe import Answer, Seen

ENDPOINT_PODS = ("haproxy", "keepalived", "kube-vip")
CONTROL_PLANE_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
SECONDS = 20
SHOWN, SIGNS = 4, 240  # it is one line of an error
JOURNAL_LINES = 400  # of the kubelet: the last minutes of one that is in trouble
# klog: E1125 21:14:23.123456    1234 file.go:12] message; F is fatal. An uncaught flag or panic has no such head.
KLOG = re.compile(r"^([EF])\d{4} [\d:.]+ +\d+ \S+\] (?P<message>.*)$")
# the kubelet's errors that pass by themselves, or follow from what is said anyway
NOISE = ("Failed to ensure lease exists", "Eviction manager: failed to get summary stats", "has not been registered")
CRICTL_OWN = 'level=warning msg="'  # crictl's own words stand between those of the container
NOTHING_TO_SAY, NO_CONTAINER = 3, 4  # exit codes within questions()
MANY_ATTEMPTS = 3  # a control plane's pods may be started twice while etcd gets its members
FREE_PERCENT = 15  # the kubelet's own thresholds: 15 % of images' disk, 10 % of its own
EVICTION = re.compile(r"[Ee]viction manager: (?:attempting to reclaim|must evict pod\(s\) to reclaim)")
RESOURCE = re.compile(r'resourceName="(?P<name>[^"]+)"')


def questions(names: Sequence[str] = ()) -> dict[str, str]:
    """Read-only commands; for the kubelet, its disk, and the newest container of each of these names in kube-system.

    Before kubeadm has given the kubelet a configuration, or a pod a manifest, nothing of theirs stands in the way of anything.
    """
    configured = "[ ! -e /var/lib/kubelet/config.yaml ] ||"
    newest = "cri ps -a -q --name '^{name}$' --label io.kubernetes.pod.namespace=kube-system | head -n 1"
    asked = {
        "kubelet": f"{configured} systemctl show kubelet -p ActiveState,SubState,Result,NRestarts",
        "journal": f"{configured} journalctl -u kubelet -n {JOURNAL_LINES} -o cat --no-pager 2>/dev/null; true",
        "disk": "df -P /var/lib/kubelet /var/lib/containerd 2>/dev/null | tail -n +2; true",
    }
    if "kube-apiserver" in names:
        asked["readyz"] = "curl --noproxy '*' -sk --max-time 3 'https://127.0.0.1:6443/readyz?verbose'; true"
    for name in names:
        find = f"{FUNCTIONS}[ -e /etc/kubernetes/manifests/{name}.yaml ] && has_cri || exit {NOTHING_TO_SAY}\n"
        find += f'id=$({newest.format(name=name)}) && [ -n "$id" ] || exit {NO_CONTAINER}'
        asked[f"state {name}"] = f'( {find}\ncri inspect -q "$id" 2>/dev/null )'
        asked[f"log {name}"] = f'( {find}\ncri logs --tail 5 "$id" )'
    return asked


def explanation(seen: Seen, names: Sequence[str] = ()) -> str:
    """What stands in the way, the nearest cause first; "" when nothing can be seen.

    Args:
        seen: the answers to questions().
        names: the containers that were asked for.

    """
    found = [*_pressure(seen), *_kubelet(seen["kubelet"])]
    containers = [line for name in names if (line := _container(name, seen[f"state {name}"], seen[f"log {name}"]))]
    found += containers
    found += _readyz(seen["readyz"]) if "kube-apiserver" in names else []
    if found or not names:
        found += _journal(seen["journal"])
    return "; ".join(line[:SIGNS] for line in found[:SHOWN])


def _pressure(seen: Seen) -> Iterator[str]:
    """Evictions: the kubelet gives the static pods up as well, and starts no others."""
    lines = [line for line in seen["journal"].lines if EVICTION.search(line)]
    if not lines:
        return
    resource = RESOURCE.search(lines[-1])
    used = sorted((int(line.split()[4].rstrip("%")), line.split()[5]) for line in seen["disk"].lines)
    disk = f": {100 - used[-1][0]} % free on {used[-1][1]}" if used and 100 - used[-1][0] < FREE_PERCENT else ""
    yield f"the kubelet evicts pods for want of {resource['name'] if resource else 'a resource'} (DiskPressure or MemoryPressure){disk}"


def _kubelet(answer: Answer) -> Iterator[str]:
    state = dict(line.split("=", 1) for line in answer.lines if "=" in line)
    active = state.get("ActiveState", "")
    if active and (active, state.get("SubState")) != ("active", "running"):
        result = f", {state['Result']}" if state.get("Result", "success") != "success" else ""
        restarts = f", restarted {state['NRestarts']} times" if state.get("NRestarts", "0") != "0" else ""
        yield f"the kubelet is {active} ({state.get('SubState', '')}{result}{restarts})"


def _journal(answer: Answer) -> Iterator[str]:
    """The kubelet's last error that does not pass by itself."""
    for line in reversed(answer.lines):
        error = KLOG.match(line.strip())
        if error and not any(noise in line for noise in NOISE):
            yield f"the kubelet says: {' '.join(error['message'].split())}"
            return


def _readyz(answer: Answer) -> Iterator[str]:
    """The checks that an apiserver which answers does not pass."""
    failing = [line.removeprefix("[-]").split(" failed")[0] for line in answer.lines if line.startswith("[-]")]
    if failing:
        yield f"the apiserver here is not ready: {', '.join(failing)}"


def _container(name: str, state: Answer, log: Answer) -> str:
    """What is wrong with the newest container of a name, or ""."""
    if state.code == NOTHING_TO_SAY:
        return ""
    if state.code == NO_CONTAINER:
        return f"{name} has no container"
    try:
        status: dict[str, Any] = json.loads(state.text)["status"]
    except (ValueError, KeyError, TypeError):
        return f"{name}: crictl says: {' '.join(state.text.split())[-150:]}"
    attempt = (status.get("metadata") or {}).get("attempt", 0)
    said = [line.strip() for line in log.lines if CRICTL_OWN not in line] if log.code == 0 else []
    last = f": {said[-1]}" if said else ""
    if status["state"] == "CONTAINER_RUNNING":
        return f"{name} was started {attempt + 1} times{last}" if attempt >= MANY_ATTEMPTS else ""
    parts = [
        f"{name} {status['state'].removeprefix('CONTAINER_').lower()}",
        f"code {status.get('exitCode', 0)}",
        status.get("reason", ""),
        " ".join(status.get("message", "").split()),
        f"attempt {attempt + 1}" if attempt else "",
    ]
    return ", ".join(filter(None, parts)) + last
