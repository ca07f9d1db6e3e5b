"""What preflight must know of a node: the questions, and what the answers mean. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepeer.intent import Intent, Node
from kubepeer.memory import Memory
from tasks.linux.observe import Answer, Seen
from tasks.nodes import cni, firewall, runtime, selinux, systems
from tasks.nodes.kernel import each_module
from tasks.nodes.packages import (
    CONTAINERD_QUESTION,
    KUBELET_CONF,
    MEMBER_QUESTION,
    PACKAGES_QUESTION,
    PROGRAMS_QUESTION,
    RUNNING_QUESTION,
    RUNTIMES,
    installed,
    lacking,
    twice,
    version_that_runs,
)
from tasks.nodes.repository import Repository, upstream
from tasks.nodes.systems import System

# kubeadm gives the kubelet the second where the unit systemd-resolved is active (cmd/kubeadm/app/componentconfigs/kubelet.go)
RESOLV_CONF, RESOLVED_CONF = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"

PRODUCT_UUID, MACHINE_ID, HOST_KEY = "product_uuid", "machine-id", "SSH host key"
# In a container the first is the host's, and says nothing of the machine. No program: the shell reads them.
IDENTITY_QUESTION = f"""line() {{ v=; {{ read -r v <"$2"; }} 2>/dev/null; [ -z "$v" ] || echo "$1: $v"; }}
[ -e /run/systemd/container ] || line {PRODUCT_UUID} /sys/class/dmi/id/product_uuid
line {MACHINE_ID} /etc/machine-id
for f in /etc/ssh/ssh_host_*_key.pub; do line '{HOST_KEY}' "$f"; done; true"""
# What boards say whose maker has given them none (SMBIOS 3.x, 7.2.1: all zeros or ones; the third is AMI's example)
NO_UUID = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
)
NO_MACHINE_ID = "uninitialized"  # machine-id(5): of an image that has not booted


@dataclass(frozen=True)
class NodeFacts:
    """What preflight needs to know of a node.

    Attributes:
        clock_offset: seconds that the node's clock is ahead of the controller's, at most.
        clock_doubt: seconds that it may be less ahead: a slow node has looked at its clock some time after it was asked.
        system: its operating system.
        macs: hardware addresses of its interfaces.
        listening: TCP port -> who listens there, "" where the machine does not say.
        member: a kubelet of a cluster has its credentials here.
        joining: a join was begun here.
        kernel: its release, as uname gives it.
        kubernetes: the version of the kubelet that runs or is installed, "" for none.
        containerd: the version of the containerd that is there, "" for none.
        containerd_package: the package that brought it, "" for none.
        cgroups: the type of the file system at /sys/fs/cgroup.
        resolver: the file that the kubelet hands to pods, and the addresses of the nameservers in it.
        other_cni: names of other networks' files that a runtime would take in Calico's place.
        selinux: enforcing, permissive or disabled; "" where there is none.
        twice: packages that are there in two versions.
        firewalls: those that are on, now or after a boot.
        identity: what no two machines may share, kind -> values: product_uuid, machine-id, SSH host key; what the machine
            does not say is not in it.
        lacking: packages that are not there, or in another version than the inventory's.
        repository: what the repositories have of them; None where nothing is lacking.

    """

    system: System
    cpus: int
    memory_mb: int
    free_mb: int
    addresses: frozenset[str]
    macs: frozenset[str]
    clock_offset: float
    clock_doubt: float
    loadable: frozenset[str]
    listening: Mapping[int, str]
    member: bool
    joining: bool
    prepared: bool
    read_only: bool
    kernel: str
    kubernetes: str
    containerd: str
    cgroups: str
    resolver: tuple[str, tuple[str, ...]]
    lacking: frozenset[str]
    containerd_package: str = ""
    other_cni: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    selinux: str = ""
    twice: tuple[str, ...] = ()
    identity: Mapping[str, frozenset[str]] = field(default_factory=dict)
    repository: Repository | None = field(default=None)


FACTS = Memory[NodeFacts]("what each node says of itself")


def questions(intent: Intent, node: Node) -> dict[str, str]:
    """Read-only commands whose answers become facts."""
    return {
        "clock": "date +%s.%N",  # first of all: what follows takes its time
        "system": systems.QUESTION,
        "selinux": selinux.QUESTION,
        "cpus": "nproc",
        "memory": "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo",
        "free": "for d in /etc /var/lib; do df -Pm $d | awk 'NR == 2 {print $4}'; done | sort -n | head -n 1",
        "addresses": f"ip -o {_family(intent)}addr show dev {node.interface} 2>/dev/null | awk '{{print $4}}'",
        "macs": f"ip -o link show dev {node.interface} 2>/dev/null | sed -n 's/.*link.ether \\([^ ]*\\).*/\\1/p'",
        "cni": cni.QUESTION,
        "firewall": firewall.QUESTION,
        "identity": IDENTITY_QUESTION,
        "loadable": each_module(intent, "modprobe -n -q -- $m"),
        # who listens costs a look at every process, and of a member nobody wants to know
        "listening": f"if [ -e {KUBELET_CONF} ]; then ss -Hltn; else ss -Hltnp; fi",
        "member": MEMBER_QUESTION,
        "joining": "ls /etc/kubernetes/bootstrap-kubelet.conf 2>/dev/null; true",
        "packages": PACKAGES_QUESTION,
        "programs": PROGRAMS_QUESTION,
        "running": RUNNING_QUESTION,
        "containerd": CONTAINERD_QUESTION,
        "kernel": "uname -r",
        "cgroups": "stat -fc %T /sys/fs/cgroup",
        "resolver": f"f={RESOLV_CONF}; ! systemctl is-active -q systemd-resolved 2>/dev/null || f={RESOLVED_CONF}\n"
        "echo $f; sed -n 's/^nameserver[[:space:]]*\\([^[:space:]]*\\).*/\\1/p' $f 2>/dev/null; true",
        "writable": 't=$(mktemp /etc/.kubepeer.XXXXXX 2>&1) && rm -f "$t" || echo "$t"',
    }


def facts(intent: Intent, seen: Seen, asked: tuple[float, float]) -> NodeFacts:
    """Read the answers.

    Args:
        intent: what is wanted: what lacks follows from it.
        seen: the answers to questions().
        asked: the controller's clock when the node was asked, and when it had answered.

    """
    stands, programs = installed(seen["packages"]), seen["programs"].lines
    system = systems.read(seen["system"])
    file, *nameservers = seen["resolver"].lines or [RESOLV_CONF]
    return NodeFacts(
        system=system,
        cpus=_number(seen["cpus"]),
        memory_mb=_number(seen["memory"]),
        free_mb=_number(seen["free"]),
        addresses=frozenset(line.split("/")[0] for line in seen["addresses"].lines),
        macs=frozenset(seen["macs"].lines if seen["macs"].code == 0 else ()),
        clock_offset=float(seen["clock"].text.strip() or 0) - asked[0],
        clock_doubt=asked[1] - asked[0],
        loadable=frozenset(seen["loadable"].lines),
        listening=_listening(seen["listening"]),
        member=bool(seen["member"].lines),
        joining=bool(seen["joining"].lines),
        prepared="kubelet" in stands and ("containerd" in programs or any(name in stands for name in RUNTIMES)),
        read_only="Read-only" in seen["writable"].text,
        kernel=seen["kernel"].text.strip(),
        kubernetes=version_that_runs(stands, seen["running"]),
        containerd=next((upstream(stands[name]) for name in RUNTIMES if name in stands), "")
        or runtime.said_version(seen["containerd"]),
        containerd_package=next((name for name in RUNTIMES if name in stands), ""),
        cgroups=seen["cgroups"].text.strip(),
        resolver=(file, tuple(nameservers)),
        firewalls=firewall.active(seen["firewall"]),
        other_cni=cni.read_instead(seen["cni"], member=bool(seen["member"].lines)),
        identity=_identity(seen["identity"]),
        selinux=selinux.mode(seen["selinux"]),
        twice=twice(seen["packages"]),
        lacking=frozenset(lacking(intent, system, stands, programs)),
    )


def _family(intent: Intent) -> str:
    """The option of ip for the one family that the cluster has; none where it has both."""
    first, *others = intent.cluster.networks.versions
    return "" if others else f"-{first} "


def _number(answer: Answer) -> int:
    text = answer.text.strip()
    return int(text) if text.isdigit() else 0


def _identity(answer: Answer) -> Mapping[str, frozenset[str]]:
    """Lines KIND: VALUE; of a public key its kind and itself, without the comment."""
    found: dict[str, set[str]] = {}
    for line in answer.lines:
        kind, _, value = line.partition(": ")
        value = " ".join(value.split()[:2]) if kind == HOST_KEY else value.strip().lower()
        if value not in (*NO_UUID, NO_MACHINE_ID):
            found.setdefault(kind, set()).add(value)
    return {kind: frozenset(values) for kind, values in found.items()}


def _listening(answer: Answer) -> Mapping[int, str]:
    """Lines of ss: LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=812,fd=6))."""
    found: dict[int, str] = {}
    for line in answer.lines:
        columns = line.split(maxsplit=5)
        port = columns[3].rpartition(":")[2] if len(columns) > 3 else ""  # noqa: PLR2004  the local address
        if not port.isdigit():
            continue
        holder = re.search(r'\(\("([^"]*)",pid=(\d+)', line)
        found[int(port)] = f"{holder[1]} (pid {holder[2]})" if holder else found.get(int(port), "")
    return found
