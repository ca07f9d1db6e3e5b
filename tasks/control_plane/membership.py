"""Is a node a member of the cluster? Judged from its own files, from what the API knows and from etcd's members. Pure.

The phases of kubeadm join in 1.36, and what each leaves on a control plane that is cut off in it (earlier minors: some in another order):
preflight (nothing), control-plane-prepare (certificates, kubeconfigs, manifests but etcd's), check-etcd (nothing), kubelet-start
(bootstrap-kubelet.conf), etcd-join (the member is announced as a learner, then etcd's manifest is written, then it gets its vote),
kubelet-wait-bootstrap (kubelet.conf, the Node), control-plane-join (label and taint), wait-control-plane (nothing).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from kubepeer.intent import Intent, Node
from kubepeer.memory import Memory
from tasks.control_plane import endpoint_seen, kubeconfigs
from tasks.control_plane.endpoint_seen import EndpointSeen
from tasks.control_plane.etcd import Member
from tasks.control_plane.kubeadm import ETCD_DATA, KUBEADM_SECONDS
from tasks.linux.observe import Seen
from tasks.linux.state import WAIT_FOR_LOCK
from tasks.restore.progress import TOKEN_FILE

ADMIN_CONF = kubeconfigs.ADMIN_CONF
CA_CERTIFICATE, KUBELET_CONF = "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/kubelet.conf"
APISERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml"
ETCD = "/etc/kubernetes/manifests/etcd.yaml"


class Membership(Enum):
    """How far a node has come."""

    NONE = "no member"
    HALF = "half joined"
    UNREGISTERED = "member without a Node"
    FULL = "member"


@dataclass(frozen=True)
class MemberSeen:
    """What a node says about its own membership.

    Attributes:
        leftovers: paths of kubeadm's files that exist.
        api_ready: the apiserver of this machine says ready.
        admin_conf: the administrator's kubeconfig, "" where there is none.
        ca: the cluster's CA certificate in PEM, "" where there is none.
        kubeconfigs: the users whose kubeconfig is the administrator's.
        endpoint: what is there of the API's endpoint.
        restoring: restore.py has begun there, and has not come to its end.

    """

    leftovers: tuple[str, ...]
    api_ready: bool
    admin_conf: str
    ca: str
    kubeconfigs: tuple[str, ...]
    endpoint: EndpointSeen = field(default_factory=EndpointSeen)
    restoring: bool = False


MEMBER = Memory[MemberSeen]("what each node says of its membership")
QUESTIONS = {
    "lock": WAIT_FOR_LOCK.format(seconds=KUBEADM_SECONDS),
    "leftovers": f"ls -d {KUBELET_CONF} {ADMIN_CONF} {CA_CERTIFICATE} /etc/kubernetes/bootstrap-kubelet.conf "
    f"{APISERVER} {ETCD} {ETCD_DATA}/member 2>/dev/null; true",
    "api": "curl --noproxy '*' -sk --max-time 3 https://127.0.0.1:6443/readyz; true",
    "endpoint": endpoint_seen.QUESTION,
    "restore": f"ls {TOKEN_FILE} 2>/dev/null; true",
}
FILES = (ADMIN_CONF, CA_CERTIFICATE)


def questions(intent: Intent) -> dict[str, str]:
    """QUESTIONS, and whose kubeconfig is right."""
    return {**QUESTIONS, "kubeconfigs": kubeconfigs.question(intent)}


def member_seen(seen: Seen) -> MemberSeen:
    """Read the answers to questions() and FILES."""
    admin, ca = seen.files[ADMIN_CONF], seen.files[CA_CERTIFICATE]
    return MemberSeen(
        leftovers=tuple(seen["leftovers"].lines),
        api_ready=seen["api"].text.strip() == "ok",
        admin_conf=admin.content if admin else "",
        ca=ca.content if ca else "",
        kubeconfigs=tuple(seen["kubeconfigs"].lines),
        endpoint=endpoint_seen.endpoint_seen(seen["endpoint"]),
        restoring=bool(seen["restore"].lines),
    )


def membership(
    node: Node, seen: MemberSeen, registered: Collection[str], ca: str = "", *, stacked: bool = True
) -> Membership:
    """Judge a node.

    Args:
        node: which.
        seen: its own files.
        registered: names of the nodes that the API knows.
        ca: the cluster's CA certificate in PEM.
        stacked: etcd runs on the control planes, and is nobody else's.

    """
    if not seen.leftovers:
        return Membership.NONE
    needed = {KUBELET_CONF}
    if node.role == "control_plane":
        needed |= {ADMIN_CONF, APISERVER, *((ETCD,) if stacked else ())}
    if not needed <= set(seen.leftovers):
        return Membership.HALF
    if node.full_name in registered:
        return Membership.FULL
    # a worker holds nothing that a new join would not bring; a control plane holds the cluster's data
    lives = node.role == "control_plane" and seen.api_ready and seen.ca.strip() == ca.strip() != ""
    return Membership.UNREGISTERED if lives else Membership.HALF


def needs_etcd(node: Node, seen: MemberSeen, judged: Membership) -> bool:
    """Whether the judgement of a control plane stands only with etcd's members: all but of one whose own apiserver is ready."""
    return node.role == "control_plane" and not (judged is Membership.FULL and seen.api_ready)


def with_etcd(judged: Membership, own: Member | None) -> Membership:
    """Judge a control plane again, knowing its own member of etcd.

    Its files are complete also where its join was cut off while etcd's member was a learner, or where its member was taken out since.
    """
    if judged is Membership.UNREGISTERED:
        return judged if own is not None and own.works else Membership.HALF
    if judged is Membership.FULL and (own is None or own.learner):
        return Membership.HALF
    return judged


def init_was_cut_off(node: Node, seen: MemberSeen, registered: Collection[str], *, has_kube_proxy: bool) -> bool:
    """Judge the first control plane of an API that answers: kubeadm init has its API early, and its add-ons last.

    What fails in between leaves a cluster that nobody can join. It is judged only while no other node has joined: later somebody may have
    taken kube-proxy away for a reason.
    """
    return bool(seen.leftovers) and set(registered) <= {node.full_name} and not has_kube_proxy
