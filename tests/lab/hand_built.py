"""A small cluster and its two routers as a person sets them up who has never heard of Kubepeer: what he types, and the files he writes.

Names, AS, networks and timers are his own. What is the lab's alone (its mirror, control groups of either version, the host's disk and
connection tracking) is said where it stands.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl
from tests.lab.laboratory import ADDRESSES, MASTERS, WORKERS, Laboratory, wait_for

CONTROL_PLANE, *OTHERS = MASTERS[0], *WORKERS[:2]  # machines of the lab, which get names of their own in the cluster
MACHINES = (CONTROL_PLANE, *OTHERS)
NAMES = dict(zip(MACHINES, ("cp1", "blade-a", "blade-b"), strict=True))
NODES = {name: ADDRESSES[machine] for machine, name in NAMES.items()}
SERVER = f"https://{ADDRESSES[CONTROL_PLANE]}:6443"
NODES_AS, FRR_AS, BIRD_AS = 65010, 64512, 64516
PODS, SERVICES, EXTERNAL = "10.244.0.0/16", "10.96.0.0/12", "192.0.2.0/24"
FRR, BIRD = "openwrt", "tiny-unraid"
PEERS = {FRR: ("uplink-east", "10.31.254.253"), BIRD: ("uplink-west", "10.31.100.100")}
VERSION = "1.36.3"
MANIFESTS = "http://10.31.0.2/manifests/calico-3.32.1"
PREPARED_SECONDS, BORN_SECONDS, READY_SECONDS, SESSIONS_SECONDS = 400, 600, 600, 300

# Every node. The mirror stands for the public ones, and for the registries; the rest is the documentation's of kubeadm.
PREPARATION = """set -e
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
cat >/etc/apt/sources.list.d/kubernetes.list <<END
deb [trusted=yes] http://10.31.0.2/apt/$VERSION_CODENAME ./
deb [trusted=yes] http://10.31.0.2/core:/stable:/v1.36/deb/ /
END
apt-get -qq update
apt-get -qq install -y --no-install-recommends containerd conntrack iptables cri-tools \\
  kubelet={version}-* kubeadm={version}-* kubectl={version}-* >/dev/null
apt-mark -q hold kubelet kubeadm kubectl >/dev/null
printf 'overlay\\nbr_netfilter\\n' >/etc/modules-load.d/kubernetes.conf
modprobe -a overlay br_netfilter nf_conntrack
printf 'net.bridge.bridge-nf-call-iptables = 1\\nnet.ipv4.ip_forward = 1\\n' >/etc/sysctl.d/kubernetes.conf
sysctl -q -p /etc/sysctl.d/kubernetes.conf
mkdir -p /etc/containerd
containerd config default | sed -e 's#^\\( *sandbox_image =\\).*#\\1 "registry.k8s.io/pause:3.10.2"#' \\
  -e 's#^\\( *bin_dir =\\).*#\\1 "/opt/cni/bin"#' -e 's#^\\( *restrict_oom_score_adj =\\).*#\\1 true#' \\
  -e 's#^\\( *config_path =\\).*#\\1 "/etc/containerd/certs.d"#' >/etc/containerd/config.toml
for registry in registry.k8s.io docker.io quay.io; do
  mkdir -p /etc/containerd/certs.d/$registry
  printf 'server = "https://%s"\\n[host."http://10.31.0.2:5000"]\\n  capabilities = ["pull", "resolve"]\\n' $registry \\
    >/etc/containerd/certs.d/$registry/hosts.toml
done
systemctl restart containerd
echo "KUBELET_EXTRA_ARGS=--node-ip={address}" >/etc/default/kubelet
systemctl enable -q --now kubelet
"""

# The parts for kubelet and kube-proxy are the lab's: the host's control groups, swap, disk and limits are not the nodes' to judge.
INITIAL = f"""apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {ADDRESSES[CONTROL_PLANE]}}}
nodeRegistration: {{name: {NAMES[CONTROL_PLANE]}, ignorePreflightErrors: [SystemVerification]}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: basement
kubernetesVersion: v{VERSION}
networking: {{podSubnet: {PODS}, serviceSubnet: {SERVICES}}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
evictionHard: {{memory.available: 100Mi, nodefs.available: 512Mi, imagefs.available: 512Mi}}
imageGCHighThresholdPercent: 100
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
"""

# As custom-resources.yaml of Calico's quickstart has it, with his network.
NETWORK = f"""apiVersion: operator.tigera.io/v1
kind: Installation
metadata: {{name: default}}
spec:
  calicoNetwork:
    ipPools:
    - {{blockSize: 26, cidr: {PODS}, encapsulation: VXLANCrossSubnet, natOutgoing: Enabled, nodeSelector: all()}}
---
apiVersion: operator.tigera.io/v1
kind: APIServer
metadata: {{name: default}}
spec: {{}}
"""

# The mesh of the nodes stays, which is Calico's default; the routers are peers beside it, and are told whose a block is.
BGP = f"""apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {{name: default}}
spec:
  asNumber: {NODES_AS}
  serviceClusterIPs: [{{cidr: {SERVICES}}}]
  serviceExternalIPs: [{{cidr: {EXTERNAL}}}]
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {{name: {PEERS[FRR][0]}}}
spec: {{peerIP: {PEERS[FRR][1]}, asNumber: {FRR_AS}, keepOriginalNextHop: true}}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {{name: {PEERS[BIRD][0]}}}
spec: {{peerIP: {PEERS[BIRD][1]}, asNumber: {BIRD_AS}, keepOriginalNextHop: true}}
"""

_MEMBERS = "".join(f"neighbor {address} peer-group BLADES\n" for address in NODES.values())
_PROTOCOLS = "".join(
    f"\nprotocol bgp {name.replace('-', '_')} from blade {{\n\tneighbor {address} as {NODES_AS};\n}}\n"
    for name, address in NODES.items()
)
PREFIX_LIST = "BASEMENT"  # on the router with FRR
OF_SERVICES = f"ip prefix-list {PREFIX_LIST} seq 20 permit {SERVICES}"
AT_FRR = f"""configure terminal
ip prefix-list {PREFIX_LIST} seq 10 permit {PODS} le 32
{OF_SERVICES}
ip prefix-list {PREFIX_LIST} seq 30 permit {EXTERNAL}
route-map FROM-BASEMENT permit 10
match ip address prefix-list {PREFIX_LIST}
exit
route-map TO-BASEMENT deny 10
exit
router bgp {FRR_AS}
neighbor BLADES peer-group
neighbor BLADES remote-as {NODES_AS}
{_MEMBERS}address-family ipv4 unicast
neighbor BLADES route-map FROM-BASEMENT in
neighbor BLADES route-map TO-BASEMENT out
end
write memory
"""

BIRD_FILE = "/etc/bird/conf.d/basement.conf"
AT_BIRD = f"""# The blades in the basement.
filter from_basement {{
	if net ~ [ {PODS}{{26,32}}, {SERVICES}, {EXTERNAL} ] then accept;
	reject;
}}

template bgp blade {{
	local {PEERS[BIRD][1]} as {BIRD_AS};
	ipv4 {{
		import filter from_basement;
		export none;
	}};
}}
{_PROTOCOLS}"""


def build(lab: Laboratory, folder: Path, measure: Measure) -> Kubectl:
    """All of it, from bare machines to nodes that are ready."""
    began = time.monotonic()
    _everywhere(lab, MACHINES, _preparation, PREPARED_SECONDS)
    _put(lab, CONTROL_PLANE, "/root/kubeadm.yaml", INITIAL)
    lab.inside(CONTROL_PLANE, "kubeadm init --config /root/kubeadm.yaml 2>&1", deadline=BORN_SECONDS)
    join = lab.inside(CONTROL_PLANE, "kubeadm token create --print-join-command").strip()
    further = "--ignore-preflight-errors=SystemVerification 2>&1"
    _everywhere(lab, OTHERS, lambda machine: f"{join} --node-name={NAMES[machine]} {further}", BORN_SECONDS)
    _routers(lab)
    _network(lab)
    cluster = administrator(lab, folder)
    wait_for("three nodes are ready", lambda: cluster.ready() == set(NODES), READY_SECONDS)
    measure("by hand: three bare nodes and two routers to a cluster that is ready", time.monotonic() - began)
    return cluster


def administrator(lab: Laboratory, folder: Path) -> Kubectl:
    """Whoever has the file that kubeadm has written."""
    return Kubectl.of(lab, folder, server=SERVER)


def _everywhere(lab: Laboratory, machines: Sequence[str], script: Callable[[str], str], deadline: float) -> None:
    """A script on several machines at once."""
    with ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(lambda machine: lab.inside(machine, script(machine), deadline=deadline), machines))


def _preparation(machine: str) -> str:
    return PREPARATION.replace("{version}", VERSION).replace("{address}", ADDRESSES[machine])


def _put(lab: Laboratory, machine: str, path: str, text: str) -> None:
    lab.inside(machine, f"cat >{path} <<'END_OF_FILE'\n{text}END_OF_FILE\n")


def _routers(lab: Laboratory) -> None:
    """A few lines of vtysh on the one, a file of its owner's on the other."""
    said = lab.inside(FRR, f"vtysh <<'END'\n{AT_FRR}END\n")
    assert "%" not in said, said
    _put(lab, BIRD, BIRD_FILE, AT_BIRD)
    assert "Reconfigured" in lab.inside(BIRD, "birdc configure")


def _network(lab: Laboratory) -> None:
    """Calico by its operator, and BGP as soon as its API answers."""

    def kubectl(words: str, text: str = "") -> str:
        given = f" <<'END_OF_FILE'\n{text}END_OF_FILE\n" if text else ""
        return lab.inside(
            CONTROL_PLANE, f"export KUBECONFIG=/etc/kubernetes/admin.conf\nkubectl {words}{given}", deadline=120
        )

    kubectl(f"apply --server-side -f {MANIFESTS}/operator-crds.yaml")
    kubectl(f"create -f {MANIFESTS}/tigera-operator.yaml")
    kubectl("wait --for=condition=Established --timeout=60s crd/installations.operator.tigera.io")
    kubectl("apply -f -", NETWORK)
    wait_for("Calico's API answers", lambda: kubectl("get --raw /apis/projectcalico.org/v3"), READY_SECONDS)
    kubectl("apply -f -", BGP)
