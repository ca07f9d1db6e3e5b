"""What devices say: the kernel through ip, the cluster through kubectl, files through sh; FRR and BIRD are asked by routers.py."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.laboratory import ADDRESSES, MASTERS, VIRTUAL_IP, Laboratory
from tests.lab.router import CLUSTER, Routes
from tests.lab.router_bird import RUNS

SERVICES, LOAD_BALANCERS = "10.33.128.0/18", "10.33.192.0/18"
FOREIGN_PEER = "10.32.0.10"


def routes_of_kernel(lab: Laboratory, router: str) -> Routes:
    """Prefix -> next hops in the kernel's main table, of the cluster's networks."""
    return routes_in(json.loads(lab.kernel(router, "-j", "route", "show")))


def routes_in(listed: list[dict[str, Any]], begins: str = CLUSTER) -> Routes:
    """The same of what `ip -j route show` has listed, of networks that begin so."""
    found: Routes = {}
    for entry in listed:
        if entry["dst"].startswith(begins):
            hops = entry.get("nexthops") or [entry]
            found.setdefault(entry["dst"], set()).update(hop["gateway"] for hop in hops)
    return found


@dataclass(frozen=True)
class Kubectl:
    """The kubectl of the lab's build, run by the controller, through the virtual IP alone unless another server is said."""

    lab: Laboratory
    folder: Path
    server: str = f"https://{VIRTUAL_IP}:8443"

    @classmethod
    def of(cls, lab: Laboratory, folder: Path, server: str = f"https://{VIRTUAL_IP}:8443") -> "Kubectl":
        """With the administrator's kubeconfig of the first control plane."""
        kubeconfig = folder / "admin.conf"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(lab.inside(MASTERS[0], "cat /etc/kubernetes/admin.conf"), encoding="utf-8")
        return cls(lab, folder, server)

    def __call__(self, *words: str, deadline: float = 60) -> str:
        """Run kubectl; a failure ends the test."""
        done = self.lab.controller(
            [
                str(self.lab.instance.cache.programs("kubernetes") / "kubectl"),
                f"--kubeconfig={self.folder / 'admin.conf'}",
                f"--server={self.server}",
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

    def calico_answers(self) -> bool:
        """Calico's own API is there: drift.py asks it; verify_routes.py does not, and its pods come back later than the routes."""
        return "resources" in json.loads(self("get", "--raw", "/apis/projectcalico.org/v3"))

    def blocks(self) -> dict[str, str]:
        """Pod block -> address of its node; without those of nodes of another test, which Calico keeps for a while after their end."""
        nodes = {
            block["spec"]["cidr"]: block["spec"]["node"].partition(".")[0]
            for block in self.get("blockaffinities.crd.projectcalico.org")
        }
        return {block: ADDRESSES[node] for block, node in nodes.items() if node in ADDRESSES}

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


ETCDCTL = (
    "etcdctl", "--cacert=/etc/kubernetes/pki/etcd/ca.crt", "--cert=/etc/kubernetes/pki/etcd/server.crt",
    "--key=/etc/kubernetes/pki/etcd/server.key",
)  # fmt: skip


def etcd_members(cluster: Kubectl) -> dict[str, dict[str, Any]]:
    """The members of etcd, by name, as the first control plane's tells them."""
    pod = f"etcd-{MASTERS[0]}.tinychen.io"
    said = cluster("exec", "-n", "kube-system", pod, "--", *ETCDCTL, "member", "list", "-w", "json")
    return {member.get("name", ""): member for member in json.loads(said)["members"]}


# busybox' find prints nothing by itself; its ls says the same and a date.
FINGERPRINT = (
    """
if find / -maxdepth 0 -printf '' 2>/dev/null; then
  set -- -printf '%p %y %m %u:%g %s %l\\n'
  undated() { cat; }
else
  set -- -exec ls -lnd {} +
  undated() { awk '{ $2 = $6 = $7 = $8 = ""; print }'; }
fi
find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /var/log -o -path /tmp \\
  -o -path /var/lib/systemd -o -path /var/cache/ldconfig \\) -prune -o "$@" | undated | sort
for folder in /etc /root /home /opt /usr/local /var/lib/dpkg /var/lib/frr /var/lib/bird \\
  /var/lib/kubelet /var/lib/etcd /var/lib/containerd; do
  [ ! -d $folder ] || find $folder -type f -exec sha256sum {} +
done | sort -k 2
find /tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' | sort
sysctl -a 2>/dev/null | grep -Ev '^(fs\\.(file-nr|inode-|dentry-state|aio-nr|quota)|kernel\\.(ns_last_pid|random|pty\\.nr))' \\
  | grep -Ev '^(kernel\\.perf_event_max|net\\.netfilter\\.nf_conntrack_count)'
ip -o link | sed 's/ state .*//'; ip -o -4 addr; ip route show table all proto static; ip route show table all proto boot
! command -v systemctl >/dev/null || systemctl list-unit-files --no-legend --no-pager
[ ! -x /usr/bin/vtysh ] || vtysh -c 'show running-config'
[ ! -x /usr/sbin/birdc ] || { birdc show status | grep '^Last reconfiguration'
"""
    + RUNS
    + "; }"
)


def fingerprint(lab: Laboratory, machine: str) -> list[str]:
    """Everything on a machine that a run could have altered: every path with its size and owner, the bytes of what is configured,
    the kernel's settings, addresses and static routes, units, and what FRR or BIRD runs with; of BIRD also when it was last configured."""
    return lab.inside(machine, FINGERPRINT, deadline=300).splitlines()
