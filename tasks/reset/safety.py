"""Which machines may not be reset: members of another cluster, and those that keep somebody else's etcd. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kubepeer.intent import Intent, Node
from tasks.control_plane.membership import ADMIN_CONF, KUBELET_CONF
from tasks.linux.observe import Seen
from tasks.removal import etcd_data
from tasks.removal.etcd_data import MEMBER, EtcdData
from tasks.restore.progress import TOKEN_FILE

# kubeadm writes `    server: https://HOST:PORT`; what was cut off before the kubelet had its own has the bootstrap's
SERVERS = f"sed -n 's/^ *server: *//p' {KUBELET_CONF} {ADMIN_CONF} /etc/kubernetes/bootstrap-kubelet.conf 2>/dev/null | sort -u; true"
# An etcd of a package or of somebody's own has a unit; kubeadm's is a static pod.
ETCD_UNIT = """for d in /etc /run /usr/local/lib /usr/lib /lib; do
    [ ! -s $d/systemd/system/etcd.service ] || { echo $d/systemd/system/etcd.service; break; }
done; true"""
QUESTIONS = {
    "servers": SERVERS,
    "etcd unit": ETCD_UNIT,
    "restore": f"ls {TOKEN_FILE} 2>/dev/null; true",
    **etcd_data.QUESTIONS,
}
HOST = re.compile(r"https?://(?:\[([^]]+)\]|([^/:]+))")


@dataclass(frozen=True)
class Belongs:
    """What a machine says of whose it is.

    Attributes:
        servers: the addresses of the API in its kubeconfigs.
        etcd_unit: the file of a systemd unit etcd, "" for none.
        etcd: what lies in the folder of its data.
        restoring: a restore of the cluster has begun on it, and has not ended.
        ca: the cluster's CA certificate in PEM, "" where there is none.

    """

    servers: tuple[str, ...] = ()
    etcd_unit: str = ""
    etcd: EtcdData = field(default_factory=EtcdData)
    restoring: bool = False
    ca: str = ""


def belongs(seen: Seen, ca: str) -> Belongs:
    """Read the answers to QUESTIONS."""
    units = seen["etcd unit"].lines
    return Belongs(
        servers=tuple(seen["servers"].lines),
        etcd_unit=units[0] if units else "",
        etcd=etcd_data.read(seen),
        restoring=bool(seen["restore"].lines),
        ca=ca.strip(),
    )


def etcd_of(intent: Intent, found: Mapping[str, Belongs]) -> int | None:
    """The number of this cluster's etcd: the one that most of the control planes have that hold files of the cluster.

    Args:
        intent: of the whole inventory.
        found: node -> what its machine says.

    """
    if not intent.kubeadm.stacked_etcd:
        return None
    members = [own for node in intent.control_planes if (own := found.get(node.name)) and _is_member(intent, own)]
    numbers = [own.etcd.cluster for own in members if own.etcd.cluster is not None]
    return max(numbers, key=numbers.count, default=None)


def reasons(intent: Intent, node: Node, own: Belongs, etcd: int | None) -> Iterator[str]:
    """Why a machine is not touched.

    Args:
        intent: of the whole inventory.
        node: which.
        own: what its machine says.
        etcd: the number of this cluster's etcd; None where no machine says it.

    """
    strangers = [server for server in own.servers if not _is_ours(intent, server)]
    if strangers:
        yield (
            f"it is a member of another cluster ({', '.join(strangers)}; the API of {intent.cluster.name} is"
            f" {intent.cluster.endpoint_name}:{intent.cluster.endpoint.port}): take it out of the inventory, or reset it by hand"
        )
    if own.etcd_unit:
        yield f"{own.etcd_unit} is an etcd of somebody else's: take the machine out of the inventory, or remove that etcd first"
    elif said := etcd_data.foreign(_unproved(intent, node, own), etcd):
        yield said


def _unproved(intent: Intent, node: Node, own: Belongs) -> EtcdData:
    """What must be shown to be this cluster's: of a control plane that holds its files the member only where its number is another.

    A reset that was cut off may have taken the log first, in which the number stands. A restore gives etcd another number.
    """
    may_have = node.role == "control_plane" and intent.kubeadm.stacked_etcd
    if may_have and (own.restoring or (own.etcd.cluster is None and _is_member(intent, own))):
        return replace(own.etcd, entries=tuple(name for name in own.etcd.entries if name != MEMBER))
    return own.etcd


def _is_member(intent: Intent, own: Belongs) -> bool:
    return bool(own.servers) and all(_is_ours(intent, server) for server in own.servers)


def other_cas(found: Mapping[str, Belongs], ca: str) -> Sequence[str]:
    """The machines that have another CA than the cluster: two clusters with one name and one address.

    Args:
        found: node -> what its machine says, in the inventory's order.
        ca: the CA of the API that answers, "" where none does: then it is the one that most machines have.

    """
    known = [own.ca for own in found.values() if own.ca]
    ours = ca.strip() or max(known, key=known.count, default="")
    return [name for name, own in found.items() if own.ca and own.ca != ours]


def _is_ours(intent: Intent, server: str) -> bool:
    """The endpoint by name or address; of a control plane's own kubelet also its own address (kubeadm: ControlPlaneKubeletLocalMode)."""
    found = HOST.match(server)
    host = (found[1] or found[2]) if found else server
    endpoint, cluster = intent.cluster.endpoint, intent.cluster
    ours = {*map(str, endpoint.addresses), endpoint.name, cluster.endpoint_name}
    ours |= {str(address) for node in intent.control_planes for address in node.addresses}
    return host in ours
