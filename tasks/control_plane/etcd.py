"""Etcd's members against the nodes: which of them is dead and must go before another control plane can join. Pure.

A join that was cut off leaves a member behind: kubeadm announces it to etcd before it starts, as a learner (from 1.29 on by itself), and
`kubeadm reset` removes it only where the API knows the node. So does a machine that was installed anew. etcd takes no further member while
one does not answer ("unhealthy cluster"), and no second learner.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kubepeer.errors import CommandError
from kubepeer.intent import Intent, Node
from tasks.control_plane.containers import FUNCTIONS, executing
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange

PKI = "/etc/kubernetes/pki/etcd"  # mounted at the same path in kubeadm's etcd pod
# kubeadm's image of etcd has etcdctl; the certificate is the one of the pod's own probes
PATIENT = (
    f"etcdctl --endpoints https://127.0.0.1:2379 --cacert {PKI}/ca.crt --cert {PKI}/healthcheck-client.crt "
    f"--key {PKI}/healthcheck-client.key --dial-timeout=2s"
)
ETCDCTL = f"{PATIENT} --command-timeout=5s"
QUESTIONS = {
    "members": executing("etcd", f"{ETCDCTL} member list -w json"),
    # it ends with an error when one member does not answer, and prints those that do
    "status": f"{executing('etcd', f'{ETCDCTL} endpoint status --cluster -w json')} 2>/dev/null; true",
}
SECONDS = 60  # for the answers: a member that does not answer costs the five of --command-timeout


@dataclass(frozen=True)
class Member:
    """A member of etcd.

    Attributes:
        identity: etcd's number.
        name: kubeadm gives it the node's name; "" while it has never started.
        address: of its peers' URL: the control plane's address.
        learner: it gets the data and has no vote yet.
        running: it answers.

    """

    identity: int
    name: str
    address: str
    learner: bool
    running: bool

    @property
    def votes(self) -> bool:
        """Whether it counts for the quorum."""
        return not self.learner

    @property
    def works(self) -> bool:
        """Whether it is a started member with a vote that answers."""
        return self.running and self.votes

    def __str__(self) -> str:
        """As a person knows it."""
        return self.name or f"{self.identity:x} at {self.address}"


@dataclass(frozen=True)
class Removal:
    """A member that must go, and why."""

    member: Member
    why: str


def members(seen: Seen) -> tuple[Member, ...]:
    """Read the answers to QUESTIONS.

    Raises:
        CommandError: etcd did not answer; says what came instead. None at all is no answer: who has no member is reset.

    """
    listed = [document["members"] for document in documents(seen["members"].text) if "members" in document]
    if seen["members"].code or not listed or not listed[-1]:
        raise CommandError(" ".join(seen["members"].text.split())[-300:] or "etcdctl said nothing")
    answering = statuses(seen)
    return tuple(
        Member(
            identity=one["ID"],
            name=one.get("name", ""),
            address=urlsplit((one.get("peerURLs") or [""])[0]).hostname or "",
            learner=one.get("isLearner", False),
            running=one["ID"] in answering,
        )
        for one in listed[-1]
    )


def cluster_of(seen: Seen) -> int | None:
    """The number of the cluster, which every answer of etcd's has; None where it did not answer."""
    found = (document.get("header", {}) for document in documents(seen["members"].text) if "members" in document)
    return next((int(header["cluster_id"]) for header in found if "cluster_id" in header), None)


def statuses(seen: Seen) -> dict[int, dict[str, Any]]:
    """What each member that answers says of itself (etcd's StatusResponse), by its number."""
    found = [one for document in documents(seen["status"].text) if isinstance(document, list) for one in document]
    return {one["Status"]["header"]["member_id"]: one["Status"] for one in found}


def documents(text: str) -> list[Any]:
    """Each line of JSON: etcdctl's warnings are such lines, too. One that was cut off is none."""
    found = []
    for line in text.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [one for one in found if isinstance(one, dict | list)]


def of(node: Node, every: Iterable[Member]) -> Member | None:
    """A node's own member: the address decides, since a member that has never started has no name."""
    return next((one for one in every if one.address == str(node.address) or one.name == node.full_name), None)


def to_remove(intent: Intent, node: Node, every: Sequence[Member], registered: Collection[str]) -> tuple[Removal, ...]:
    """The members that stand in the way of a control plane that joins (anew).

    Args:
        intent: whose nodes the members may be.
        node: the control plane that is about to be reset and joined.
        every: etcd's members.
        registered: names of the nodes that the API knows.

    Raises:
        CommandError: a member does not answer and may not be taken away, or without those that go etcd would have no quorum.

    """
    found = [removal for one in every if (removal := _judged(intent, node, one, registered))]
    found.sort(key=lambda removal: removal.member.running)  # a dead one costs nothing, and makes room
    left = list(every)
    for removal in found:
        left.remove(removal.member)
        voters = [one for one in left if one.votes]
        works = [one for one in left if one.works]
        if len(works) <= len(voters) // 2:
            raise CommandError(
                f"etcd member {removal.member} ({removal.why}) cannot be removed: of the {len(voters)} that would be left with a vote, "
                f"{len(works)} answer, and etcd would have no quorum",
                host=node.name,
                cure="bring the other control planes' etcd back first (crictl ps -a | grep etcd, and its log)",
            )
    return tuple(found)


def _judged(intent: Intent, node: Node, member: Member, registered: Collection[str]) -> Removal | None:
    """Whether one member must go.

    Raises:
        CommandError: it does not answer and is not ours to remove.

    """
    owner = next((one for one in intent.control_planes if of(one, (member,))), None)
    if owner == node:
        return Removal(member, f"{_state(member)}; the node joins anew")
    if not member.name:
        return Removal(member, "was added and has never started")
    if member.works:
        return None
    full_name = owner.full_name if owner else member.name
    if owner and full_name not in registered:
        return Removal(member, f"{_state(member)}; there is no node {full_name}")
    trouble = (
        "is a learner still, and etcd takes no second one"
        if member.running
        else "does not answer, and etcd takes no other member until it does"
    )
    cure = f"run deploy.py for {owner.name} first" if member.running and owner else f"bring {full_name} back"
    if not member.running and full_name in registered:
        cure += f"; if it is gone for good: kubectl delete node {full_name}"
    if owner is None:
        cure += f"; if it is gone for good: etcdctl member remove {member.identity:x}, on a control plane"
    raise CommandError(f"etcd member {member} {trouble}", host=node.name, cure=cure)


def _state(member: Member) -> str:
    kind = "learner" if member.learner else "member"
    return f"{kind}, {'running' if member.running else 'does not answer' if member.name else 'never started'}"


# etcd takes no voting member away while the others have not been connected for five seconds (its HealthInterval): after an election, or
# where another member has just gone. It is asked again; every other answer stands.
REMOVE = """{functions}n=0
until said=$(inside etcd {etcdctl} member remove {identity} 2>&1); do
    n=$((n + 1))
    case "$said" in *"unhealthy cluster"*) [ $n -lt 10 ] && sleep 2 && continue;; esac
    echo "$said" >&2
    exit 1
done"""
REMOVE_SECONDS = 90


def removing(removals: Iterable[Removal]) -> Iterator[LinuxChange]:
    """The changes; each is applied on a control plane whose etcd stays."""
    for removal in removals:
        member = removal.member
        script = REMOVE.format(functions=FUNCTIONS, etcdctl=ETCDCTL, identity=f"{member.identity:x}")
        step = Execute("etcdctl member remove", script, REMOVE_SECONDS)
        yield LinuxChange(f"etcd member {member}", removal.why, None, steps=(step,))
