"""What makes a machine of the cluster one that runs nothing of it: planned from one look. Pure.

The containers end by containerd's own ctr, and not by the kubelet's interface: that one has Calico's plugin take each pod's network down,
which asks the API, and of a cluster that is going away no API answers (kubeadm reset would try five times a pod). The member of etcd goes
with its data and is told nobody: there is nobody left to be told. kubeadm is given a kubeconfig that is not there, by which it asks none
(kubeadm: cmd/reset.go, newResetData).
"""

from collections.abc import Iterator
from dataclasses import replace

from kubepeer.intent import Intent, Node
from tasks.control_plane import endpoint, holders, kubeadm, membership
from tasks.control_plane.containers import SOCKET
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, unit_says
from tasks.nodes import units
from tasks.nodes.cni import FOLDER, OWN
from tasks.removal import leftovers

NAMESPACE = "k8s.io"  # containerd's, of the kubelet's interface: pkg/cri/constants
CTR = f"ctr --address {SOCKET} --namespace {NAMESPACE}"
KUBELET = "kubelet"
CONTAINERS_SECONDS, UNIT_SECONDS = 180, 120
# containerd's own book of containers: without it, or without its program, there are none to be counted
UNCOUNTED = "containerd does not answer"
BOOK = "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
KNOWS = f"command -v ctr >/dev/null && command -v containerd >/dev/null && [ -e {BOOK} ]"
COUNT_CONTAINERS = (
    f"! command -v ctr >/dev/null || {CTR} containers ls -q 2>/dev/null || {{ {KNOWS} && echo '{UNCOUNTED}'; }}; true"
)
# Those of a cluster that lives in a container here (kind's, a lab's) are another machine's: their processes are in a namespace of its own.
SHIMS = f"""ps -eo pid=,pidns=,args= | awk -v own="$(ps -o pidns= -p $$)" '
    $2 == own && $3 ~ "containerd-shim" && / -namespace {NAMESPACE} / {{ print $1 }}'"""
# A shim ends with its last task. One of a sandbox that containerd 2 has forgotten does not: it has no task left, and nobody else ends it.
END_SHIMS = f"""for n in $(seq 20); do
    shims=$({SHIMS}); [ -n "$shims" ] || break; sleep 0.5
done
[ -z "$shims" ] || kill -KILL $shims
"""
START = "systemctl is-active -q containerd || { systemctl reset-failed containerd 2>/dev/null; systemctl start containerd; } || exit\n"
# A task first, by its end: KILL, and its file system unmounted; the networks of pods are mounts below /run/netns. containerd forgets what
# its other interface knew when it starts; from 2.0 on it keeps sandboxes in a book of their own. What is left for kubeadm to end all the
# same is ended without Calico's plugin, whose file is gone.
# Networks of others by the same plugins (podman's) have the same names: one goes that is of a container of ours, or that no process is in.
TAKE_CONTAINERS = f"""ids=$({CTR} containers ls -q) || exit
nets=
for id in $ids; do
    nets="$nets "$({CTR} containers info "$id" 2>/dev/null | sed -n 's|.*"[^"]*/netns/\\(cni-[^"/]*\\)".*|\\1|p')
    {CTR} tasks rm -f "$id" >/dev/null 2>&1
done
nets=" $(echo $nets) "
ip netns list 2>/dev/null | sed -n 's/^\\(cni-[^ ]*\\).*/\\1/p' | while read -r n; do
    case "$nets" in *" $n "*) ;; *) in_it=$(ip netns pids "$n" 2>/dev/null) && [ -z "$in_it" ] || continue ;; esac
    ip netns delete "$n"
done
for id in $ids; do {CTR} containers rm "$id" >/dev/null 2>&1; done
for id in $({CTR} sandboxes ls 2>/dev/null | awk 'NR > 1 {{ print $1 }}'); do {CTR} sandboxes rm -f "$id" >/dev/null 2>&1; done
rm -f -- {" ".join(f"{FOLDER}/{name}" for name in OWN)}
left=$({CTR} containers ls -q) || exit
left=$(echo $left)
[ -z "$left" ] || {{ echo "still there: $left" >&2; exit 1; }}
{END_SHIMS}systemctl restart containerd"""


def questions(intent: Intent, ca: str) -> dict[str, str]:
    """Read-only.

    Args:
        intent: whose networks and users.
        ca: the machine's own CA certificate of the cluster, by which kubeconfigs are known; "" where it has none.

    """
    known = leftovers.questions(intent, ca)["kubeconfigs"] if ca else "true"
    return {
        "units": units.question((KUBELET,)),
        "containers": COUNT_CONTAINERS,
        "shims": SHIMS,
        "kubeconfigs": known,
        "leftovers": membership.QUESTIONS["leftovers"],
    }


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange]:
    """In an order in which a run may be cut off anywhere: the CA, by which kubeconfigs are known, goes last.

    Args:
        intent: of the whole inventory.
        node: whose machine it is.
        seen: the answers to questions(), and the endpoint's files.

    """
    yield from leftovers.plan_kubeconfigs(seen)
    active, enabled = units.states(seen, (KUBELET,))[KUBELET]
    if active not in ("inactive", "failed") or enabled == "enabled":
        stop = f"systemctl disable --now {KUBELET}"
        yield action(
            f"unit {KUBELET}", "disabled, inactive", stop, before=f"{enabled}, {active}", deadline=UNIT_SECONDS
        )
    if found := seen["containers"].lines:
        uncounted = UNCOUNTED in found
        yield action(
            "containers",
            "0",
            START + TAKE_CONTAINERS if uncounted else TAKE_CONTAINERS,
            before=f"not counted: {UNCOUNTED}" if uncounted else str(len(found)),
            deadline=CONTAINERS_SECONDS,
            explanation=unit_says("containerd") if uncounted else "",
        )
    elif shims := seen["shims"].lines:
        yield action("shims of containerd", "0", END_SHIMS, before=str(len(shims)), deadline=CONTAINERS_SECONDS)
    yield from endpoint.plan_departure(seen)
    if seen["leftovers"].lines:
        reset = kubeadm.reset(intent, node, with_cluster=False)
        yield replace(reset, before=f"{node.role.replace('_', ' ')} of {intent.cluster.name}")


def plan_addresses(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange]:
    """The API's address, where it is still on the machine: asked when nobody is left who would take it over.

    Args:
        intent: of the whole inventory.
        node: whose machine it is.
        seen: the answers to holders.QUESTIONS.

    """
    if intent.cluster.endpoint.provider == "external":
        return
    for address in map(str, intent.cluster.endpoint.addresses):
        if holders.has_address(seen["addresses"], address):
            yield _given_up(node, address)


def _given_up(node: Node, address: str) -> LinuxChange:
    """Keepalived and kube-vip take the address with them only when they are let end."""
    script = (
        f"ip -o addr show | awk -v a={address} '{{ split($4, p, \"/\"); if (p[1] == a) print $4, $2 }}' | while read -r l d; do"
        ' ip addr del "$l" dev "$d" || exit 1; done'
    )
    return LinuxChange(
        f"address {address}", f"on {node.interface}", None, steps=action(address, "", script, deadline=30).steps
    )
