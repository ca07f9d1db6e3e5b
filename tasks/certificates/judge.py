"""Which certificates end soon, what runs with old ones, and what is to be renewed. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from kubepeer.checks import Finding
from kubepeer.intent import Intent, Node
from kubepeer.words import listed
from tasks.certificates.kinds import (
    APISERVER_CERTIFICATE,
    BY_KUBEADM,
    CA_KEYS,
    COMPONENTS,
    ETCD_CA_KEYS,
    ETCD_FILES,
    KUBELET_CLIENT,
    KUBELET_SELF_SIGNED,
    Renewer,
)
from tasks.certificates.pem import Certificate, days
from tasks.certificates.reading import NodeCertificates
from tasks.control_plane.membership import CA_CERTIFICATE

CHECK, IN_USE, ROTATION = "certificate", "certificate in use", "kubelet rotation"
CHECKS = (CHECK, IN_USE, ROTATION)
LAYER = "data"
RENEW = "python runbooks/certificates.py --renew"
# A process's start is known to a tick, the clock's beginning and a file's time to a second each
UNSURE_SECONDS = 2.0
CURES = {
    Renewer.KUBEADM: RENEW,
    Renewer.COPY: RENEW,
    Renewer.RESTART: RENEW,
    Renewer.KUBELET: "journalctl -u kubelet says why it has not rotated it; kubectl get csr",
    Renewer.NOBODY: "nothing here renews it: its owner does",
}
OF_A_CA = (
    "nothing renews a CA by itself: Kubernetes, Manual Rotation of CA Certificates "
    "(kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates)"
)
OF_AN_EXPIRED_KUBELET = (
    "it cannot ask for another one with this: on a control plane, kubeadm kubeconfig user --org system:nodes --client-name "
    "system:node:NAME, as the node's /etc/kubernetes/kubelet.conf; then restart its kubelet"
)


def is_due(certificate: Certificate, within: int, now: datetime) -> bool:
    """Whether it has no more than so many days."""
    return days(certificate, now) < within


def findings(node: Node, seen: NodeCertificates, within: int, now: datetime) -> Iterator[Finding]:
    """Every certificate of a node is valid long enough, and what runs has read the newest.

    Passes   it has as many days as the inventory asks for; nothing runs that began before its certificate was written.
    Fails    it ends sooner, or has ended; it cannot be read; a static pod runs with one that has been replaced since.

    Args:
        node: which.
        seen: what it says.
        within: days.
        now: the moment.

    """
    for one in seen.certificates:
        due = is_due(one, within, now)
        reason = f"{said(one, now)}{_not_rotated(one, seen)}" if due else ""
        yield Finding(
            node.name, CHECK, one.path, LAYER, not due, (f"{within} days",), (f"{days(one, now)} days",),
            reason=reason, cure=_cure(one, now) if due else "",
        )  # fmt: skip
    for path in seen.unreadable:
        yield Finding(node.name, CHECK, path, LAYER, ok=False, reason="holds no certificate that can be read")
    for name, paths in outdated(seen).items():
        files = listed([path.removeprefix("/etc/kubernetes/") for path in paths], 2)
        yield Finding(
            node.name, IN_USE, name, LAYER, ok=False,
            reason=f"runs with what {files} was before it was written anew", cure=RENEW,
        )  # fmt: skip
    if why := rotation_is_off(seen):
        yield Finding(node.name, ROTATION, KUBELET_CLIENT, LAYER, ok=True, reason=why)


def _cure(one: Certificate, now: datetime) -> str:
    if one.authority:
        return OF_A_CA
    if one.path == KUBELET_CLIENT and days(one, now) < 0:
        return OF_AN_EXPIRED_KUBELET
    return CURES[one.renewer]


def _not_rotated(one: Certificate, seen: NodeCertificates) -> str:
    why = rotation_is_off(seen) if one.path == KUBELET_CLIENT else ""
    return f"; {why}" if why else ""


def said(one: Certificate, now: datetime) -> str:
    """When it ends, in words."""
    left, date = days(one, now), f"{one.expires:%Y-%m-%d %H:%M} UTC"
    if left < 0:
        return f"has expired on {date}"
    return f"expires on {date}, in {left} day{'' if left == 1 else 's'}"


def rotation_is_off(seen: NodeCertificates) -> str:
    """Why nobody renews the kubelet's client certificate; "" where the kubelet does."""
    if seen.embedded:
        return "kubelet.conf has a certificate in itself: what the kubelet rotates is not read"
    if seen.kubelet and seen.kubelet.get("rotateCertificates") != "true":
        return "rotateCertificates is not true: the kubelet does not renew its client certificate"
    return ""


def outdated(seen: NodeCertificates) -> dict[str, list[str]]:
    """Static pod -> the files that were written after its process began. One whose process is not known is not judged."""
    found: dict[str, list[str]] = {}
    for one in COMPONENTS:
        began = seen.began.get(one.name)
        if began is None:
            continue
        if later := [path for path in one.reads if seen.written.get(path, 0) > began + UNSURE_SECONDS]:
            found[one.name] = later
    return found


def due(seen: NodeCertificates, within: int, now: datetime) -> tuple[Certificate, ...]:
    """What kubeadm is to renew on a node: where anything is due, it renews all."""
    return tuple(one for one in seen.certificates if one.renewer is Renewer.KUBEADM and is_due(one, within, now))


def self_signed_is_due(seen: NodeCertificates, within: int, now: datetime) -> bool:
    """Whether the kubelet is to make itself another serving certificate."""
    one = seen.at(KUBELET_SELF_SIGNED)
    return one is not None and one.renewer is Renewer.RESTART and is_due(one, within, now)


def external_authorities(intent: Intent, seen: NodeCertificates) -> tuple[str, ...]:
    """The keys of CAs that a control plane must have and has not: kubeadm's mode of an external CA."""
    wanted = {**CA_KEYS, **(ETCD_CA_KEYS if intent.kubeadm.stacked_etcd else {})}
    return tuple(key for key in wanted.values() if key not in seen.keys)


def authorities_due(seen: NodeCertificates, within: int, now: datetime) -> tuple[Certificate, ...]:
    """The CAs that end soon themselves: what they sign is worth nothing afterwards."""
    return tuple(one for one in seen.certificates if one.authority and is_due(one, within, now))


def has_quorum(every: Iterable[NodeCertificates | None], now: datetime) -> bool:
    """Whether enough members of etcd can speak to each other at all: with expired certificates none does.

    Args:
        every: what each control plane says; None where it could not be asked.
        now: the moment.

    """
    said_of = list(every)
    valid = [seen for seen in said_of if seen is None or not _etcd_has_expired(seen, now)]
    return len(valid) > len(said_of) // 2


def _etcd_has_expired(seen: NodeCertificates, now: datetime) -> bool:
    return any(one.path in ETCD_FILES and one.expires <= now.astimezone(UTC) for one in seen.certificates)


def wrong_after(before: Sequence[Certificate], seen: NodeCertificates, within: int, now: datetime) -> str:
    """What a renewal has not brought about on a node, in words; "" where it has.

    Args:
        before: those that were due.
        seen: what the node says now.
        within: days.
        now: the moment.

    """
    old = {(one.path, one.fingerprint) for one in before}  # a copy of admin.conf elsewhere has its certificate still
    stays = [one.path for one in seen.certificates if (one.path, one.fingerprint) in old]
    if stays:
        return f"kubeadm has not renewed {listed(stays, 3)}"
    if short := due(seen, within, now):
        return (
            f"{short[0].path} {said(short[0], now)}, and that is within the {within} days of cluster.certificates.renew_before_days: "
            "every run would renew it again (ClusterConfiguration.certificateValidityPeriod, or the CA's own end)"
        )
    return ""


def not_restarted(names: Iterable[str], seen: NodeCertificates) -> str:
    """Which of these static pods has not begun anew yet, in words; "" where all have."""
    old = outdated(seen)
    waits_for = [name for name in names if name in old or name not in seen.began]
    return f"{', '.join(waits_for)} {'has' if len(waits_for) == 1 else 'have'} not begun anew" if waits_for else ""


def served_is_the_file(seen: NodeCertificates, served: datetime | None) -> str:
    """Whether the apiserver serves the certificate of its file, in words; "" where it does."""
    file = seen.at(APISERVER_CERTIFICATE)
    if file is None:
        return f"{APISERVER_CERTIFICATE} is not there"
    if served is None:
        return "the apiserver serves no certificate"
    return (
        ""
        if served == file.expires
        else f"the apiserver serves a certificate until {served:%Y-%m-%d %H:%M} UTC, not that of its file"
    )


def by_moment(every: Mapping[str, NodeCertificates]) -> list[tuple[Certificate, tuple[str, ...]]]:
    """All certificates, the soonest end first, each with the nodes that have it: a CA is the same on all of them."""
    nodes: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], Certificate] = {}
    for name, seen in every.items():
        for one in seen.certificates:
            key = (one.path, one.fingerprint)
            first.setdefault(key, one)
            nodes.setdefault(key, []).append(name)
    found = [(one, tuple(nodes[key])) for key, one in first.items()]
    return sorted(found, key=lambda pair: (pair[0].expires, pair[1][0], pair[0].path))


def kubeadm_has_none(seen: NodeCertificates) -> bool:
    """Whether nothing of kubeadm's is on a node: it is no member yet."""
    return not any(one.path in BY_KUBEADM or one.path == CA_CERTIFICATE for one in seen.certificates)
