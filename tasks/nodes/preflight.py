"""Reasons not to begin on a node, all at once, each with its cure. Pure."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Answer, Seen
from tasks.nodes.packages import installed
from tasks.nodes.plan import modules_for

SUPPORTED = ("debian", "ubuntu")
MINIMUM_CPUS, MINIMUM_MEMORY_MB = 2, 1700  # kubeadm's own preflight, for a control plane
MINIMUM_FREE_MB = 2048  # packages and images; measured in the lab: 0.9 GB
MINIMUM_FREE_LATER_MB = 100
MAXIMUM_SKEW_SECONDS = 30  # against the median: certificates and etcd's leases suffer from more
TCP_LISTEN_PORTS = {"control_plane": (6443, 2379, 2380, 10250), "worker": (10250,)}


@dataclass(frozen=True)
class NodeFacts:
    """What preflight needs to know of a node.

    Attributes:
        clock_offset: seconds that the node's clock is ahead of the controller's.
        macs: hardware addresses of its interfaces.

    """

    system: str
    cpus: int
    memory_mb: int
    free_mb: int
    addresses: frozenset[str]
    macs: frozenset[str]
    clock_offset: float
    loadable: frozenset[str]
    listening: frozenset[int]
    member: bool
    prepared: bool
    read_only: bool


def questions(intent: Intent, node: Node) -> dict[str, str]:
    """Read-only commands whose answers become facts."""
    modules = " ".join(modules_for(intent))
    return {
        "system": ". /etc/os-release; echo $ID $ID_LIKE",
        "cpus": "nproc",
        "memory": "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo",
        "free": "for d in /etc /var/lib; do df -Pm $d | awk 'NR == 2 {print $4}'; done | sort -n | head -n 1",
        "addresses": f"ip -o -4 addr show dev {node.interface} 2>/dev/null | awk '{{print $4}}'",
        "macs": f"ip -o link show dev {node.interface} 2>/dev/null | sed -n 's/.*link.ether \\([^ ]*\\).*/\\1/p'",
        "clock": "date +%s.%N",
        "loadable": f"for m in {modules}; do modprobe -n -q -- $m && echo $m; done; true",
        "listening": "ss -Hltn | awk '{print $4}' | sed 's/.*://'",
        "member": "ls /etc/kubernetes/kubelet.conf 2>/dev/null; true",
        "packages": "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' containerd kubelet 2>/dev/null; true",
        "writable": 't=$(mktemp /etc/.kubepeer.XXXXXX 2>&1) && rm -f "$t" || echo "$t"',
    }


def facts(seen: Seen, asked_at: float) -> NodeFacts:
    """Read the answers.

    Args:
        seen: the answers to questions().
        asked_at: the controller's clock in the middle of the asking.

    """
    return NodeFacts(
        system=seen["system"].text,
        cpus=_number(seen["cpus"]),
        memory_mb=_number(seen["memory"]),
        free_mb=_number(seen["free"]),
        addresses=frozenset(line.split("/")[0] for line in seen["addresses"].lines),
        macs=frozenset(seen["macs"].lines if seen["macs"].code == 0 else ()),
        clock_offset=float(seen["clock"].text.strip() or 0) - asked_at,
        loadable=frozenset(seen["loadable"].lines),
        listening=frozenset(int(port) for port in seen["listening"].lines if port.isdigit()),
        member=bool(seen["member"].lines),
        prepared=len(installed(seen["packages"])) == 2,  # noqa: PLR2004  both that were asked for
        read_only="Read-only" in seen["writable"].text,
    )


def _number(answer: Answer) -> int:
    text = answer.text.strip()
    return int(text) if text.isdigit() else 0


def reasons(intent: Intent, node: Node, every: Mapping[str, NodeFacts]) -> list[str]:
    """Why not to begin on this node; empty when all is clear.

    Args:
        intent: what is wanted.
        node: which.
        every: the facts of all observed nodes, by name: clocks and hardware addresses are compared.

    """
    own = every[node.name]
    return [*_machine(node, own), *_network(node, every), *_kernel(intent, own), *_ports(node, own)]


def _machine(node: Node, own: NodeFacts) -> list[str]:
    found = []
    if not any(system in own.system.split() for system in SUPPORTED):
        found.append(f"{own.system.strip() or 'the system'} is not supported: {', '.join(SUPPORTED)} are")
    if own.read_only:
        found.append("/etc is read-only: remount it writable, and see in dmesg why it is not")
    if node.role == "control_plane" and (own.cpus < MINIMUM_CPUS or own.memory_mb < MINIMUM_MEMORY_MB):
        found.append(
            f"{own.cpus} CPU and {own.memory_mb} MB: a control plane needs {MINIMUM_CPUS} and {MINIMUM_MEMORY_MB} MB (kubeadm)"
        )
    needed = MINIMUM_FREE_LATER_MB if own.prepared else MINIMUM_FREE_MB
    if own.free_mb < needed:
        found.append(f"{own.free_mb} MB free on the disk of /etc or /var/lib: free {needed} MB")
    return found


def _network(node: Node, every: Mapping[str, NodeFacts]) -> list[str]:
    own = every[node.name]
    found = []
    if str(node.address) not in own.addresses:
        stands = ", ".join(sorted(own.addresses, key=ip_address)) or "no address"
        found.append(
            f"{node.interface} has {stands}, not {node.address}: correct interface or hostname in the inventory"
        )
    twins = [name for name, other in every.items() if name != node.name and own.macs & other.macs]
    if twins:
        found.append(
            f"hardware address {next(iter(own.macs))} is also that of {twins[0]}: give one machine another (1.2 of the tutorial)"
        )
    median = statistics.median(other.clock_offset for other in every.values())
    skew = own.clock_offset - median
    if abs(skew) > MAXIMUM_SKEW_SECONDS:
        found.append(f"the clock is {skew:+.0f} s off the others: set it (timedatectl set-time)")
    return found


def _kernel(intent: Intent, own: NodeFacts) -> list[str]:
    missing = [module for module in modules_for(intent) if module not in own.loadable]
    if not missing:
        return []
    if intent.software.proxy_mode == "ipvs" and all(module.startswith("ip_vs") for module in missing):
        return [
            f"the kernel has no {', '.join(missing)}: set software.proxy_mode to iptables or nftables, or use a kernel with IPVS"
        ]
    return [f"the kernel has no module {', '.join(missing)}: install the kernel's extra modules"]


def _ports(node: Node, own: NodeFacts) -> list[str]:
    if own.member:
        return []
    taken = [port for port in TCP_LISTEN_PORTS[node.role] if port in own.listening]
    return [f"port {port} is in use by another program: stop it (ss -ltnp)" for port in taken]
