"""Which of a backup's files are put back on a control plane, and what kubeadm makes anew there. Pure.

All that kubeadm and Kubepeer keep in /etc/kubernetes is put back: CAs with their keys, certificates, kubeconfigs, manifests, keys of the
encryption, patches. But not what has expired meanwhile, and not the kubelet's own identity, which it has changed since: having the CAs'
keys, kubeadm makes both anew (kubeadm init phase certs, kubeconfig). The endpoint's files are made of the inventory, as deploy.py does it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubepeer.change import GENERATED
from kubepeer.intent import Intent, Node
from tasks.backup.archive import Content
from tasks.backup.document import node_path
from tasks.backup.questions import KUBELET_FILES, KUBELET_FLAGS
from tasks.certificates.kinds import BY_KUBEADM, CA_KEYS, CONTROLLER_MANAGER_CONF, ETCD_CA_KEYS, PKI, SCHEDULER_CONF
from tasks.certificates.pem import parsed
from tasks.control_plane import kubeadm
from tasks.control_plane.membership import ADMIN_CONF, APISERVER, CA_CERTIFICATE, ETCD, KUBELET_CONF
from tasks.control_plane.record import KUBELET_FILE, MANIFESTS
from tasks.control_plane.settings import FOLDER
from tasks.linux.observe import FileSeen
from tasks.linux.state import LinuxChange, Remove, file, present

if TYPE_CHECKING:
    from cryptography import x509

PLACES = ("/etc/kubernetes/", "/etc/kube-vip/")
OWN = (KUBELET_CONF, "/etc/kubernetes/bootstrap-kubelet.conf")
# What all control planes have alike, so that one whose own files are not in the backup can be made
SHARED = frozenset(
    {*CA_KEYS, *CA_KEYS.values(), *ETCD_CA_KEYS, *ETCD_CA_KEYS.values(), f"{PKI}/sa.key", f"{PKI}/sa.pub"}
)
SPARE = timedelta(days=1)
OF_CONTROL_PLANE = (APISERVER, f"{MANIFESTS}/kube-controller-manager.yaml", f"{MANIFESTS}/kube-scheduler.yaml")
CONFS = {
    "admin": ADMIN_CONF,
    "controller-manager": CONTROLLER_MANAGER_CONF,
    "scheduler": SCHEDULER_CONF,
    "kubelet": KUBELET_CONF,
}
# kubeadm's phase -> the files without which it is run; a file that is there it takes as it is
PHASES: Mapping[str, tuple[str, ...]] = {
    "certs all": tuple(sorted(path for path in BY_KUBEADM if path.endswith(".crt"))),
    **{f"kubeconfig {name}": (path,) for name, path in CONFS.items()},
    "control-plane all": OF_CONTROL_PLANE,
    "etcd local": (ETCD,),
}
KUBELET_START, KUBELET_NEEDS = "kubelet-start", (KUBELET_FILE, KUBELET_FLAGS)


def wanted(content: Content, name: str, now: datetime) -> dict[str, FileSeen]:
    """Path -> the file that is put back on a control plane.

    Args:
        content: of the backup.
        name: of the control plane.
        now: what has expired by then is not put back.

    """
    document = content.document
    own = document.of_node(name)
    source = name if own else next(one for one in document.control_planes if document.of_node(one))
    found = {}
    for path, kept in document.of_node(source).items():
        is_shared = path in SHARED or path.startswith((f"{FOLDER}/apiserver/", f"{PKI}/external-etcd/"))
        is_meant = path.startswith(PLACES) and path not in OWN
        if (is_meant or path in KUBELET_FILES) and (own or is_shared):
            text = content.files[node_path(source, path)].decode(errors="surrogateescape")
            found[path] = FileSeen(kept.mode, kept.owner, text)
    gone = {path for path, one in found.items() if expires(path, one.content, now)}
    gone |= {f"{path.removesuffix('.crt')}.key" for path in gone if path.endswith(".crt")}
    return {path: one for path, one in found.items() if path not in gone}


def expires(path: str, text: str, now: datetime) -> bool:
    """Whether a file of kubeadm's has a certificate that ends at once, or has ended: not one of a CA, which nobody can make anew."""
    if path not in BY_KUBEADM:
        return False
    return any(one is not None and _ends(one) < now + SPARE for one in parsed(text))


def authority_ends(content: Content, now: datetime) -> str:
    """Which CA of the backup has expired; "" where none has."""
    for path in (*CA_KEYS, *ETCD_CA_KEYS):
        for name in content.document.control_planes:
            text = content.files.get(node_path(name, path), b"").decode(errors="replace")
            if any(one is not None and _ends(one) < now + SPARE for one in parsed(text)):
                return path
    return ""


def _ends(found: "x509.Certificate") -> datetime:
    return found.not_valid_after_utc.astimezone(UTC)


def etcd_image(content: Content) -> str:
    """The image of etcd, by the manifest of the first control plane that has one in the backup; "" where none has."""
    for name in content.document.control_planes:
        text = content.files.get(node_path(name, ETCD), b"").decode(errors="replace")
        for line in text.splitlines():
            key, _, value = line.strip().removeprefix("- ").partition(":")
            if key == "image" and value.strip():
                return value.strip().strip("\"'")
    return ""


def paths(content: Content, name: str, now: datetime) -> list[str]:
    """The files on a control plane that the plan looks at."""
    needed = [path for phase in PHASES.values() for path in phase]
    keys = [f"{path.removesuffix('.crt')}.key" for path in needed if path.endswith(".crt")]
    return sorted({*wanted(content, name, now), *needed, *keys, CA_CERTIFICATE, *KUBELET_FILES})


def plan(
    intent: Intent, node: Node, content: Content, seen: Mapping[str, FileSeen | None], configuration: str, now: datetime
) -> tuple[LinuxChange, ...]:
    """The files of a control plane: put back, taken away where they have expired or are another cluster's, made anew by kubeadm.

    Args:
        intent: whose cluster.
        node: the control plane.
        content: of the backup.
        seen: the files of paths(), as they stand.
        configuration: that kubeadm reads.
        now: the moment.

    """
    files = wanted(content, node.name, now)
    gone = tuple(sorted(_outdated(files, seen, now)))
    stands = {**seen, **dict.fromkeys(gone)}
    written = present(
        *(
            file(path, one.content, seen.get(path), mode=one.mode, owner=one.owner, secret=True)
            for path, one in sorted(files.items())
            if path not in KUBELET_FILES or seen.get(path) is None  # of a kubelet that has one it is the newer
        )
    )
    removed = [LinuxChange(path, "has expired, or is of no use", None, steps=(Remove(path),)) for path in gone]
    left = {path for path, one in stands.items() if one is not None} | set(files)
    return (*removed, *written, *_made(intent, configuration, left))


def _outdated(files: Mapping[str, FileSeen], seen: Mapping[str, FileSeen | None], now: datetime) -> Iterator[str]:
    """The files that stand, are not put back, and would keep kubeadm from making them anew."""
    authority, stands = files.get(CA_CERTIFICATE), seen.get(CA_CERTIFICATE)
    same = authority is not None and stands is not None and authority.content.strip() == stands.content.strip()
    if seen.get(KUBELET_CONF) is not None and not same:
        yield KUBELET_CONF
    for path in BY_KUBEADM - set(files):
        one = seen.get(path)
        if one is not None and (not same or expires(path, one.content, now)):
            yield path
            key = f"{path.removesuffix('.crt')}.key"
            if path.endswith(".crt") and seen.get(key) is not None:
                yield key


def _made(intent: Intent, configuration: str, stands: set[str]) -> Iterator[LinuxChange]:
    for phase, needs in PHASES.items():
        if lacking := [path for path in needs if path not in stands]:
            step = kubeadm.init_phase(intent, phase, configuration)
            yield LinuxChange(step.title, None, f"{', '.join(lacking)} {GENERATED}", steps=(step,))


def lacks_kubelet(stands: Sequence[str]) -> bool:
    """Whether kubeadm must make what the kubelet starts with."""
    return not set(KUBELET_NEEDS) <= set(stands)
