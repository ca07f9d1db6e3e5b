"""Whether a node that has come back serves: judged by what its own programs say, since the API remembers what was. Pure.

A node that was switched off is told Ready for 40 s more (the controller manager's --node-monitor-grace-period), and its pods stay Ready
until the kubelet has looked at them again.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tasks.cluster import obstacles
from tasks.linux.observe import Answer

NAMESPACE = "calico-system"
CALICO_NODE, KUBE_PROXY = "calico-node", "kube-proxy"
APP = "k8s-app"  # the label of both, by Calico's operator and by kubeadm
# kube-proxy's own metrics, which it offers to its machine alone. /healthz is of no use: it says 200 before the first rules are written
# (kubernetes: pkg/proxy/healthcheck/proxy_health.go, "healthy while it's starting up"). bash is on every system that is served.
METRICS_PORT = 10249
SYNCED = "kubeproxy_sync_proxy_rules_last_timestamp_seconds"
QUESTIONS = {
    "kube-proxy": f"timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{METRICS_PORT}"
    f' && printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3 && grep "^{SYNCED}" <&3\''
}


def kubelet(answer: str) -> str:
    """What /healthz of the kubelet says, asked through the API: "" where it is well."""
    said = answer.strip()
    return "" if said == "ok" else f"its kubelet does not say ok: {said[:80] or 'no answer'}"


def pods(found: Iterable[Mapping[str, Any]]) -> str:
    """Whether calico-node, and kube-proxy where there is one, are ready: "" where they are."""
    every = list(found)
    nodes = _of(every, CALICO_NODE)
    if not nodes:
        return f"no {CALICO_NODE} runs there"
    unready = [pod["metadata"]["name"] for pod in (*nodes, *_of(every, KUBE_PROXY)) if not obstacles.is_ready(pod)]
    return f"pod {unready[0]} is not ready" if unready else ""


def has_kube_proxy(found: Iterable[Mapping[str, Any]]) -> bool:
    """Whether kube-proxy serves the services there; something else may."""
    return bool(_of(list(found), KUBE_PROXY))


def kube_proxy(answer: Answer) -> str:
    """Whether kube-proxy has written its rules since it started, of every family: "" where it has."""
    times = [float(found[1]) for line in answer.lines if (found := re.match(rf"{SYNCED}\S*\s+(\S+)$", line))]
    if not times:
        return f"kube-proxy does not tell on 127.0.0.1:{METRICS_PORT} when it wrote its rules: {' '.join(answer.text.split())[-120:]}"
    return "" if all(times) else "kube-proxy has not written its rules yet"


def _of(found: list[Mapping[str, Any]], app: str) -> list[Mapping[str, Any]]:
    return [pod for pod in found if (pod["metadata"].get("labels") or {}).get(APP) == app]
