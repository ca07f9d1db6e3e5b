"""What the devices themselves say: FRR through vtysh, the kernel through ip, the cluster through kubectl, files through sh."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.laboratory import ADDRESSES, MASTERS, VIRTUAL_IP, Laboratory

CLUSTER = "10.33."  # pods, services and load balancers all begin so
SERVICES, LOAD_BALANCERS = "10.33.128.0/18", "10.33.192.0/18"
FOREIGN_PEER = "10.32.0.10"
Routes = dict[str, set[str]]


def routes_of_frr(lab: Laboratory, router: str) -> Routes:
    """Prefix -> next hops that FRR has installed, of the cluster's networks."""
    table = json.loads(lab.inside(router, "vtysh -c 'show ip route bgp json'"))
    return {
        prefix: {hop["ip"] for entry in entries if entry.get("selected") for hop in entry["nexthops"] if hop.get("fib")}
        for prefix, entries in table.items()
        if prefix.startswith(CLUSTER)
    }


def routes_of_kernel(lab: Laboratory, router: str) -> Routes:
    """Prefix -> next hops in the kernel's main table, of the cluster's networks."""
    found: Routes = {}
    for entry in json.loads(lab.inside(router, "ip -j route show")):
        if entry["dst"].startswith(CLUSTER):
            hops = entry.get("nexthops") or [entry]
            found.setdefault(entry["dst"], set()).update(hop["gateway"] for hop in hops)
    return found


def running(lab: Laboratory, router: str) -> str:
    """The configuration that FRR runs with."""
    return lab.inside(router, "vtysh -c 'show running-config'")


def startup(lab: Laboratory, router: str) -> str:
    """The configuration that FRR starts with."""
    return lab.inside(router, "cat /etc/frr/frr.conf")


def session(lab: Laboratory, router: str, peer: str) -> dict[str, Any]:
    """All that FRR says of one neighbour."""
    table: dict[str, Any] = json.loads(lab.inside(router, f"vtysh -c 'show bgp neighbors {peer} json'"))
    found: dict[str, Any] = table.get(peer, {})
    return found


def statements(configuration: str) -> list[str]:
    """The lines that say something: without the marks between sections, and the lines that `show running-config` begins and ends with."""
    chatter = ("Building configuration...", "Current configuration:", "end", "!", "")
    return [line for line in configuration.splitlines() if line.strip() not in chatter]


OURS = re.compile(r"^route-map KUBEPEER\S* .*\n(?: .*\n)*exit\n!\n|^.*\bKUBEPEER\b.*\n", re.MULTILINE)


def foreign(configuration: str) -> str:
    """A router's configuration without what bears Kubepeer's name; everything else to the byte."""
    left = OURS.sub("", configuration)
    # the mark that FRR prints after our filters, where no foreign filter of that kind stands before it
    return re.sub(r"^(!\n)+", "!\n", left, flags=re.MULTILINE)


@dataclass(frozen=True)
class Kubectl:
    """The kubectl of the lab's build, run by the controller, through the virtual IP alone."""

    lab: Laboratory
    folder: Path

    @classmethod
    def of(cls, lab: Laboratory, folder: Path) -> "Kubectl":
        """With the administrator's kubeconfig of the first control plane."""
        kubeconfig = folder / "admin.conf"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(lab.inside(MASTERS[0], "cat /etc/kubernetes/admin.conf"), encoding="utf-8")
        return cls(lab, folder)

    def __call__(self, *words: str, deadline: float = 60) -> str:
        """Run kubectl; a failure ends the test."""
        done = self.lab.controller(
            [
                str(self.lab.instance.cache.kubernetes / "bin" / "kubectl"),
                f"--kubeconfig={self.folder / 'admin.conf'}",
                f"--server=https://{VIRTUAL_IP}:8443",
                f"--cache-dir={self.folder / 'cache'}",
                "--request-timeout=20s",
                *words,
            ],
            deadline=deadline,
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def get(self, *words: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        document = json.loads(self("get", *words, "-o", "json"))
        found: list[dict[str, Any]] = document["items"] if document["kind"] == "List" else [document]
        return found

    def ready(self) -> set[str]:
        """The names of the nodes that are Ready, without the domain."""
        return {
            node["metadata"]["name"].partition(".")[0]
            for node in self.get("nodes")
            if any(state["type"] == "Ready" and state["status"] == "True" for state in node["status"]["conditions"])
        }

    def blocks(self) -> dict[str, str]:
        """Pod block -> address of its node."""
        return {
            block["spec"]["cidr"]: ADDRESSES[block["spec"]["node"].partition(".")[0]]
            for block in self.get("blockaffinities.crd.projectcalico.org")
        }

    def pod_on(self, node: str, namespace: str, label: str) -> str:
        """The name of the pod with this label on a node."""
        chosen = ("pods", "-n", namespace, "-l", label, "--field-selector", f"spec.nodeName={node}.tinychen.io")
        (pod,) = self.get(*chosen)
        name: str = pod["metadata"]["name"]
        return name

    def birdc(self, node: str, command: str) -> str:
        """Ask the BIRD of a node."""
        pod = self.pod_on(node, "calico-system", "k8s-app=calico-node")
        socket = "/var/run/calico/bird.ctl"
        return self("exec", "-n", "calico-system", pod, "--", "birdc", "-s", socket, *command.split())


def expected_routes(blocks: dict[str, str]) -> Routes:
    """What each router should have: every block over its node alone, both service networks over all nodes."""
    everyone = set(ADDRESSES.values())
    return {block: {address} for block, address in blocks.items()} | {SERVICES: everyone, LOAD_BALANCERS: everyone}


FINGERPRINT = """
find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /var/log -o -path /tmp \\
  -o -path /var/lib/systemd -o -path /var/cache/ldconfig \\) -prune -o \\
  -printf '%p %y %m %u:%g %s %l\\n' | sort
for folder in /etc /root /home /opt /usr/local /var/lib/dpkg /var/lib/kubelet /var/lib/etcd /var/lib/containerd /var/lib/frr; do
  [ ! -d $folder ] || find $folder -type f -exec sha256sum {} +
done | sort -k 2
find /tmp -mindepth 1 -maxdepth 1 -not -name 'systemd-private-*' | sort
sysctl -a 2>/dev/null | grep -Ev '^(fs\\.(file-nr|inode-|dentry-state|aio-nr|quota)|kernel\\.(ns_last_pid|random|pty\\.nr))' \\
  | grep -Ev '^(kernel\\.perf_event_max|net\\.netfilter\\.nf_conntrack_count)'
ip -o link | sed 's/ state .*//'; ip -o -4 addr; ip route show table all proto static; ip route show table all proto boot
systemctl list-unit-files --no-legend --no-pager
[ ! -x /usr/bin/vtysh ] || vtysh -c 'show running-config'
"""


def fingerprint(lab: Laboratory, machine: str) -> list[str]:
    """Everything on a machine that a run could have altered: every path with its size and owner, the bytes of what is configured,
    the kernel's settings, addresses and static routes, units, and what FRR runs with."""
    return lab.inside(machine, FINGERPRINT, deadline=300).splitlines()
