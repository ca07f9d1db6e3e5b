"""What kubeadm reset leaves on a machine, by its own words, and what is Calico's: found, and taken away. Pure.

Sources: kubeadm, cmd/kubeadm/app/cmd/reset.go (network filters, IPVS, CNI, kubeconfigs: what it says at its end); Kubernetes, pkg/proxy
(chains KUBE-, sets KUBE-, kube-ipvs0, table kube-proxy); Calico, felix/rules and felix/dataplane (chains and sets cali, comments cali:,
devices, /var/lib/calico); CNI, plugins/meta/portmap (chains CNI-HOSTPORT-, CNI-DN-). What has none of these names is the machine's
owner's, and stays.
"""

import base64
import shlex
from collections.abc import Iterator

from kubepeer.intent import Intent
from kubepeer.intent.families import Network
from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.control_plane.kubeconfigs import users
from tasks.control_plane.settings import FOLDER
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange
from tasks.nodes.cni import FOLDER as CNI_FOLDER
from tasks.nodes.cni import OWN
from tasks.removal.etcd_data import COPIES as ETCD_COPIES
from tasks.removal.etcd_data import HALF_RESTORED
from tasks.restore import progress
from tasks.upgrade import snapshot

LEFT_ON_THE_DEAD = {
    "worker": "on its disk are the kubelet's certificate, which the cluster takes until it expires, containers, Calico's files and rules",
    "control_plane": "on its disk are the cluster's CA with its key, the administrator's kubeconfig, the kubelet's certificate, a copy of"
    " etcd with every Secret, and the endpoint's files, by which it may take the API's address",
}
TAKE_SECONDS = 120
RULES = "KUBE-|cali[-:]|CNI-HOSTPORT-|CNI-DN-"
NETWORK = "k8s-pod-network"  # as Calico's install-cni calls it
SETS = "KUBE-|cali[46]0"
DEVICES = (
    r"cali[0-9a-f]{11}|vxlan(-v6)?\.calico|wireguard\.cali|wg-v6\.cali|kube-ipvs0|kube-lb0"  # the last one is PureLB's
)
TABLES = "table (ip|ip6) (kube-proxy|calico)"
# both backends may have rules, whichever the machine's own command speaks (xtables-nft(8)); without their names it is that one alone
BACKENDS = """backends=; for c in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
    command -v $c-save >/dev/null && backends="$backends $c"; done
[ -n "$backends" ] || for c in iptables ip6tables; do command -v $c-save >/dev/null && backends="$backends $c"; done
"""
COUNT_RULES = (
    BACKENDS
    + f"""for c in $backends; do n=$($c-save 2>/dev/null | grep -cE '{RULES}'); [ "$n" = 0 ] || echo "$c: $n lines"; done; true"""
)
# a restore replaces each table that it names at once, and touches no other
TAKE_RULES = (
    BACKENDS
    + f"""for c in $backends; do
    saved=$($c-save -c 2>/dev/null) && printf '%s\\n' "$saved" | grep -qE '{RULES}' || continue
    printf '%s\\n' "$saved" | grep -vE '{RULES}' | $c-restore -c || exit 1
done"""
)
LIST_TABLES = f"command -v nft >/dev/null && nft list tables 2>/dev/null | grep -xE '{TABLES}'; true"
TAKE_TABLES = f"nft list tables | grep -xE '{TABLES}' | while read -r _ family name; do nft delete table $family $name || exit 1; done"
LIST_SETS = f"command -v ipset >/dev/null && ipset list -n 2>/dev/null | grep -E '^({SETS})'; true"
# a set of sets names the others: they go in the second round
TAKE_SETS = f"""for round in 1 2; do for s in $(ipset list -n | grep -E '^({SETS})'); do ipset destroy "$s" 2>/dev/null; done; done
! ipset list -n | grep -E '^({SETS})' >&2"""
LIST_DEVICES = f"ip -o link show | sed -n 's/^[0-9]*: \\([^:@]*\\)[:@].*/\\1/p' | grep -xE '{DEVICES}'; true"
# in the mode ipvs the whole table is kube-proxy's: it takes away what it does not know
TAKE_DEVICES = """for d in {devices}; do
    if [ $d = kube-ipvs0 ] && command -v ipvsadm >/dev/null; then ipvsadm --clear || exit 1; fi
    ip link delete $d || exit 1
done"""
LIST_ROUTES = "ip -{version} route show root {network} 2>/dev/null; true"
# Whole copies of etcd, with every Secret, manifests, kubelets' configurations: of upgrades (ours; kubeadm's own: app/constants,
# CreateTimestampDirForKubeadm, by names that begin so), of restores, of backups and snapshots that were cut off
COPIES = (
    *(snapshot.FOLDER, progress.FOLDER),
    "/etc/kubernetes/tmp/kubeadm-*",
    *(f"{ETCD_DATA}/{name}*" for name in ETCD_COPIES),
    f"{ETCD_DATA}/{HALF_RESTORED}",
)
KUBELET_OWN = ("/var/lib/kubelet/pki", "/var/lib/kubelet/config.yaml")
FILES = (
    *(f"{CNI_FOLDER}/{name}" for name in (*OWN, "calico-kubeconfig", "calico-tls")),
    *("/opt/cni/bin/calico", "/opt/cni/bin/calico-ipam", "/opt/cni/bin/calico-cni-version"),
    *(f"/var/lib/cni/networks/{NETWORK}", "/var/lib/calico", "/var/run/calico", FOLDER, f"{ETCD_DATA}/member"),
    *COPIES,
    *KUBELET_OWN,
)
LIST_SECRETS = f"ls -d {' '.join((*COPIES, *KUBELET_OWN))} 2>/dev/null; true"
# what containerd knew of the ways of containers that have gone without their plugins: of Calico's network, and of each pod's own loopback
RESULTS = " ".join(f"/var/lib/cni/results/{network}-*" for network in (NETWORK, "cni-loopback"))
LIST_FILES = f"ls -d {' '.join(FILES)} {RESULTS} 2>/dev/null; true"
# calico-node mounts file systems of the kernel's below its folders (calico: node/cmd/mountns, bpf): nothing in them is a file to take away
TAKE_FILES = """for m in $(awk '$2 ~ "^(/var)?/(run|lib)/calico/" {{ print $2 }}' /proc/mounts | sort -r); do umount -- "$m" || exit 1; done
rm -rf --one-file-system -- {files}"""
# of a file that knows other clusters as well nobody but its owner can take ours away
KUBECONFIGS = """for u in {users}; do
    f=$(getent passwd "$u" | cut -d: -f6)/.kube/config
    grep -qsF -e {ca} "$f" || continue
    [ "$(grep -c '^ *server: ' "$f")" -gt 1 ] && echo "shared $f" || echo "own $f"
done; true"""


def questions(intent: Intent, ca: str) -> dict[str, str]:
    """Read-only.

    Args:
        intent: whose networks and users.
        ca: the cluster's CA certificate in PEM: by it a kubeconfig is known.

    """
    written = base64.b64encode(f"{ca.strip()}\n".encode()).decode()
    names = " ".join(map(shlex.quote, users(intent)))
    return {
        "rules": COUNT_RULES,
        "tables": LIST_TABLES,
        "sets": LIST_SETS,
        "devices": LIST_DEVICES,
        "routes": "\n".join(LIST_ROUTES.format(version=one.version, network=one) for one in _pods(intent)),
        "files": LIST_FILES,
        "kubeconfigs": KUBECONFIGS.format(users=names, ca=shlex.quote(written)),
    }


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange]:
    """What is taken away, in an order in which nothing is in use any more: rules before the sets that they name, devices before routes."""
    rules = (
        ("iptables rules", "rules", TAKE_RULES),
        ("nftables tables", "tables", TAKE_TABLES),
        ("ipsets", "sets", TAKE_SETS),
    )
    for what, question, script in rules:
        if seen[question].lines:
            yield _gone(what, seen[question].lines, script)
    if devices := seen["devices"].lines:
        yield _gone("network devices", devices, TAKE_DEVICES.format(devices=" ".join(map(shlex.quote, devices))))
    if routes := seen["routes"].lines:
        flush = "\n".join(f"ip -{one.version} route flush root {one} || exit 1" for one in _pods(intent))
        yield _gone("routes to pods", [" ".join(line.split()) for line in routes], flush)
    if files := seen["files"].lines:
        yield _gone("files", files, TAKE_FILES.format(files=" ".join(map(shlex.quote, files))))
    yield from plan_kubeconfigs(seen)


def plan_kubeconfigs(seen: Seen) -> Iterator[LinuxChange]:
    """The kubeconfigs that know this cluster alone."""
    if own := [line.partition(" ")[2] for line in seen["kubeconfigs"].lines if line.startswith("own ")]:
        yield _gone("kubeconfigs", own, f"rm -f -- {' '.join(map(shlex.quote, own))}")


def shared_kubeconfigs(seen: Seen) -> list[str]:
    """The kubeconfigs that know other clusters beside this one: they stay."""
    return [line.partition(" ")[2] for line in seen["kubeconfigs"].lines if line.startswith("shared ")]


def _pods(intent: Intent) -> list[Network]:
    return [pool.cidr for pool in intent.cluster.networks.pools]


def _gone(what: str, found: list[str], script: str) -> LinuxChange:
    return LinuxChange(what, "\n".join(found), None, steps=(Execute(what, script, TAKE_SECONDS),))
