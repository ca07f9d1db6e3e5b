"""The tutorial's cluster in small, as the tables of this folder speak of it."""

from typing import Any

from tasks.services.answers import Counted
from tasks.services.judge import Red
from tasks.services.matrix import Cell, Pod, Source, Target, Workload

ADDRESSES = {
    "master-1": ["10.31.90.1", "10.31.90.0"],  # it has the virtual address
    "worker-4": ["10.31.90.4", "10.33.26.1"],  # its tunnel's
    "worker-5": ["10.31.90.5", "10.33.12.1"],
    "worker-6": ["10.31.90.6", "10.33.93.1"],
    "client": ["10.32.0.10"],
    "router": ["10.31.254.253", "10.32.0.1"],
}
PODS = (
    Pod("nginx-a", "10.33.26.2", "worker-4"),
    Pod("nginx-b", "10.33.12.2", "worker-5"),
    Pod("nginx-c", "10.33.93.3", "worker-6"),
    Pod("nginx-d", "10.33.93.2", "worker-6"),
)
NODES = ("master-1", "worker-4", "worker-5", "worker-6")
SERVICES = ("nginx-clusterip-service", "nginx-quic-service", "nginx-lb-service", "kubepeer-verify-local")
TARGETS = {
    "pod on worker-4": Target("pod", "10.33.26.2", node="worker-4"),
    "pod on worker-5": Target("pod", "10.33.12.2", node="worker-5"),
    "cluster-ip": Target("cluster-ip", "10.33.141.36", 8080, SERVICES[0]),
    "node-port on worker-4": Target("node-port", "10.31.90.4", 30088, SERVICES[1], "worker-4"),
    "node-port on worker-5": Target("node-port", "10.31.90.5", 30088, SERVICES[1], "worker-5"),
    "load-balancer": Target("load-balancer", "10.33.192.80", 80, SERVICES[2]),
    "local": Target("local", "10.33.192.1", 80, SERVICES[3]),
    "local-node-port on worker-4": Target("local-node-port", "10.31.90.4", 31000, SERVICES[3], "worker-4"),
    "local-node-port on worker-5": Target("local-node-port", "10.31.90.5", 31000, SERVICES[3], "worker-5"),
}


def workload(**changes: Any) -> Workload:
    """Four pods on three workers, and every kind of service; fields may be others."""
    everyone = frozenset(pod.address for pod in PODS)
    fields: dict[str, Any] = {
        "pods": PODS,
        "targets": tuple(TARGETS.values()),
        "endpoints": dict.fromkeys(SERVICES, everyone),
        "nodes": {name: ADDRESSES[name][0] for name in NODES},
    }
    return Workload(**fields | changes)


def source(text: str) -> Source:
    """`client`, `worker-4`, or `pod on worker-4`."""
    if text.startswith("pod on "):
        node = text.removeprefix("pod on ")
        return Source("pod", node, next(pod.address for pod in PODS if pod.node == node), 4711)
    return Source("node" if text in NODES else "outside", text)


def red(case: dict[str, Any]) -> Red:
    """A red cell: from, to, check, lost, seen, short ..."""
    counted = Counted(
        case.get("seen", {}),
        {"timed out": case["lost"]} if case.get("lost") else {},
        case.get("size", 0),
        case.get("echoes"),
    )
    cell = Cell(source(case["from"]), TARGETS[case["to"]], full=case.get("check") == "mtu")
    return Red(case.get("check", "traffic"), cell.source, cell, counted, frozenset(case.get("short", ())))
