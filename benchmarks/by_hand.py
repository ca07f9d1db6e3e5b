"""deploy.py against the same steps by hand: bare machines to six Ready nodes, both in one run on the same machines.

    python -m benchmarks.by_hand

It resets the lab twice. By hand means what an engineer with a good script would do: the same files (they are rendered by the
same templates), all nodes prepared at once over one SSH connection each, kubeadm init, the joins, the manifests by kubectl.
No look beforehand, no check, no router.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from kubepeer.intent import Intent, Node
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from lab.access import ssh_command
from lab.places import CHECKOUT, instance
from lab.topology import MACHINES
from tasks.cluster import objects
from tasks.control_plane import kubeadm
from tasks.control_plane.endpoint import PATHS, plan_endpoint
from tasks.control_plane.join_secrets import JoinSecrets, ca_hash
from tasks.linux.observe import Answer, Seen
from tasks.nodes.managers.apt import CODENAME
from tasks.nodes.registries import hosts_file
from tasks.nodes.runtime import configuration
from tasks.platforms.platform import PLATFORMS

DEADLINE = 1200
PULLED = "[certs] Using certificateDir folder"  # kubeadm's first line after its preflight, which pulls the images
KUBEADM_PHASES = ("First control plane", "Other control planes", "Workers")
AFTER_READY = ("Load balancer", "Workload", "Verify both ends")


def ssh(name: str, script: str, *, watch: Callable[[str], None] | None = None) -> str:
    """Run a script on a machine of the lab; its lines are shown to `watch` as they come."""
    found = next(one for one in MACHINES if one.name == name)
    lines = []
    with tempfile.TemporaryFile("w+") as given:
        given.write(script)
        given.seek(0)
        command = ssh_command(instance(), found, ["bash", "-s"])
        with subprocess.Popen(
            command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if watch:
                    watch(line)
    if process.returncode != 0:
        raise SystemExit(f"{name}: {''.join(lines)[-2000:]}")
    return "".join(lines)


def everywhere(nodes: Iterable[Node], script: Callable[[Node], str]) -> None:
    """The same on several machines at once."""
    nodes = list(nodes)
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(lambda node: ssh(node.name, script(node)), nodes))


def files(contents: Mapping[str, str]) -> str:
    """Shell that writes files."""
    return "".join(
        f"mkdir -p {Path(path).parent}\ncat > {path} <<'END_OF_FILE'\n{text}END_OF_FILE\n"
        for path, text in contents.items()
    )


def preparation(intent: Intent, node: Node) -> str:
    """Everything before kubeadm."""
    hosts = [f"{intent.cluster.endpoint.address} {intent.cluster.endpoint_name}"]
    hosts += [f"{one.address} {one.name} {one.full_name}" for one in intent.nodes]
    before = {
        "/etc/modules-load.d/k8s.conf": "overlay\nbr_netfilter\n",
        "/etc/sysctl.d/k8s.conf": "net.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\nnet.ipv4.ip_forward=1\n",
        "/etc/default/kubelet": f"KUBELET_EXTRA_ARGS=--node-ip={node.address}\n",
        "/etc/crictl.yaml": "runtime-endpoint: unix:///run/containerd/containerd.sock\n",
        "/etc/containerd/config.toml": configuration(intent, ""),
    }
    for registry, mirror in intent.registries.items():
        text = hosts_file(registry, mirror)
        before[f"/etc/containerd/certs.d/{registry}/hosts.toml"] = text
    if node.role == "control_plane":
        before |= endpoint(intent, node)
    return f"""set -e
export DEBIAN_FRONTEND=noninteractive
{files(before)}
chmod +x /etc/keepalived/check_apiserver.sh 2>/dev/null || true
cat >> /etc/hosts <<'END'
{chr(10).join(hosts)}
END
modprobe -a overlay br_netfilter nf_conntrack
sysctl -q -p /etc/sysctl.d/k8s.conf
if command -v dnf >/dev/null; then
{by_dnf(intent)}else
{by_apt(intent)}fi
systemctl enable -q --now kubelet
"""


def by_apt(intent: Intent) -> str:
    """The packages of a Debian machine."""
    repositories = "".join(f"{line}\n" for line in intent.packages.repositories).replace(CODENAME, "$VERSION_CODENAME")
    version = intent.software.kubernetes
    return f""". /etc/os-release
cat > /etc/apt/sources.list.d/site.list <<END
{repositories}END
apt-get -qq update
apt-get -qq install -y --no-install-recommends -o Dpkg::Options::=--force-confold chrony conntrack iptables containerd cri-tools \\
  kubelet={version}-* kubeadm={version}-* kubectl={version}-* >/dev/null
systemctl restart containerd
"""


def by_dnf(intent: Intent) -> str:
    """The packages of a Rocky machine, and what its presets and its firewall leave to be done."""
    repositories = "".join(
        f"[{one.name}]\nname={one.name}\nbaseurl={one.baseurl}\ngpgcheck={int(bool(one.gpgkey))}\ngpgkey={one.gpgkey or ''}\n"
        for one in intent.packages.rpm_repositories
    )
    version = intent.software.kubernetes
    return f"""mkdir -p /etc/sysconfig
mv /etc/default/kubelet /etc/sysconfig/kubelet
cat > /etc/yum.repos.d/site.repo <<END
{repositories}END
systemctl disable -q --now firewalld
dnf -q -y install --setopt=install_weak_deps=False chrony iptables-nft iproute-tc conntrack-tools containerd.io cri-tools \\
  kubelet-{version} kubeadm-{version} kubectl-{version} >/dev/null 2>&1
systemctl enable -q --now containerd chronyd
"""


def endpoint(intent: Intent, node: Node) -> dict[str, str]:
    """Haproxy and keepalived, as the runbook would write them."""
    nothing = Seen(answers={"restarts": Answer(0, "")}, files=dict.fromkeys(PATHS))
    return {change.what: change.after or "" for change in plan_endpoint(intent, node, nothing, None)}


class Clock:
    """Named times of one run."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        began = time.monotonic()
        yield
        self.rows.append((name, time.monotonic() - began))

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(seconds for _, seconds in self.rows)


def by_hand(intent: Intent) -> tuple[Clock, float]:
    """The steps, and how many seconds of kubeadm init were its pulls."""
    clock, first = Clock(), intent.control_planes[0]
    secrets = JoinSecrets.generate()
    pulled: list[float] = []
    with clock.step("prepare six nodes"):
        everywhere(intent.nodes, lambda node: preparation(intent, node))
    with clock.step("kubeadm init"):
        began = time.monotonic()
        script = f"kubeadm init --upload-certs --config /dev/stdin <<'END' 2>&1\n{kubeadm.init_configuration(intent, first, secrets)}END\n"
        ssh(first.name, script, watch=lambda line: pulled.append(time.monotonic() - began) if PULLED in line else None)
    pinned = ca_hash(ssh(first.name, "cat /etc/kubernetes/pki/ca.crt"))

    def join(node: Node) -> str:
        return f"kubeadm join --config /dev/stdin <<'END' 2>&1\n{kubeadm.join_configuration(intent, node, secrets, pinned)}END\n"

    with clock.step("join two control planes"):
        for node in intent.control_planes[1:]:
            ssh(node.name, join(node))
    with clock.step("join three workers"):
        everywhere(intent.workers, join)
    with clock.step("Calico and its BGP, until six are Ready"):
        ssh(first.name, network(intent))
    return clock, pulled[0] if pulled else 0.0


def network(intent: Intent) -> str:
    """Calico by its operator, and its BGP when the API for it answers."""
    sources = [address for address in (intent.manifests.calico_crds, intent.manifests.calico) if address]
    apply = "kubectl apply --server-side --force-conflicts -f"
    wanted = yaml.safe_dump_all(objects.calico(intent))
    bgp = yaml.safe_dump_all(objects.bgp(intent, None))
    return f"""set -e
export KUBECONFIG=/etc/kubernetes/admin.conf
{chr(10).join(f"{apply} {source} >/dev/null" for source in sources)}
kubectl wait --for=condition=Established --timeout=60s crd/installations.operator.tigera.io >/dev/null
{apply} - >/dev/null <<'END'
{wanted}END
until kubectl get --raw /apis/projectcalico.org/v3 >/dev/null 2>&1; do sleep 1; done
{apply} - >/dev/null <<'END'
{bgp}END
kubectl wait --for=condition=Ready --timeout=300s node --all >/dev/null
"""


def reset() -> None:
    """Bare machines."""
    subprocess.run([sys.executable, "-m", "lab", "reset"], cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)


def deploy() -> dict[str, float]:
    """deploy.py's seconds by phase, from its own JSON."""
    command = [sys.executable, "runbooks/deploy.py", "--output", "json"]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=DEADLINE)
    if done.returncode != 0:
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    return {phase["title"]: phase["seconds"] for phase in json.loads(done.stdout)["phases"]}


def main() -> None:
    """Measure both, and print them side by side."""
    intent = load_intent(read_settings(CHECKOUT / "config.yaml"), PLATFORMS)
    reset()
    hand, pulls = by_hand(intent)
    reset()
    began = time.monotonic()
    phases = deploy()
    whole = time.monotonic() - began
    until_ready = sum(
        seconds for title, seconds in phases.items() if title not in AFTER_READY and title != "Configure routers"
    )
    print("by hand")
    for name, seconds in hand.rows:
        print(f"  {name:<32}{seconds:7.1f} s")
    print(f"  {'of kubeadm init, pulling images':<32}{pulls:7.1f} s")
    print(f"  {'six Ready':<32}{hand.total:7.1f} s")
    print("deploy.py")
    for title, seconds in phases.items():
        print(f"  {title:<32}{seconds:7.1f} s")
    print(f"  {'six Ready (sum of the phases)':<32}{until_ready:7.1f} s")
    print(f"  {'all, with routers, proof, start':<32}{whole:7.1f} s")
    hand_kubeadm = sum(seconds for name, seconds in hand.rows if name.startswith(("kubeadm", "join")))
    ours_kubeadm = sum(phases.get(title, 0.0) for title in KUBEADM_PHASES)
    print(f"kubeadm with its pulls: {ours_kubeadm:.1f} s against {hand_kubeadm:.1f} s by hand; all else: "
          f"{until_ready - ours_kubeadm:.1f} s against {hand.total - hand_kubeadm:.1f} s")  # fmt: skip
    print(
        f"deploy.py to six Ready: {until_ready / hand.total:.2f} times by hand; to the proven end: {whole / hand.total:.2f} times"
    )


if __name__ == "__main__":
    main()
