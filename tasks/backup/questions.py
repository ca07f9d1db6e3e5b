"""What control planes are asked for a backup: which files there are, etcd's snapshot and what is told of it. Pure.

etcd: "Disaster recovery" (op-guide/recovery). The snapshot is taken by etcdctl within kubeadm's etcd pod, which has the folder of its data
at the same path as the machine. Its status is told by etcdutl, which looks through the whole of the file; before etcd 3.6 etcdctl can do
that as well, and there are images without etcdutl.
"""

import json
import shlex
from dataclasses import dataclass

from kubepeer.errors import CommandError
from tasks.control_plane.containers import FUNCTIONS
from tasks.control_plane.etcd import PATIENT
from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.control_plane.record import KUBELET_FILE
from tasks.linux.observe import Seen

PREFIX = f"{ETCD_DATA}/kubepeer-backup-"
# The node's own identity is made anew by a restore; what kubeadm keeps of an upgrade, and files that are none of a configuration, stay away
FOLDERS = ("/etc/kubernetes", "/etc/haproxy", "/etc/keepalived", "/etc/kube-vip")
KUBELET_FLAGS, KUBELET_INSTANCE = "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/instance-config.yaml"
KUBELET_FILES = (KUBELET_FILE, KUBELET_FLAGS, KUBELET_INSTANCE)
LARGEST_KIB = 1024
FILES = (
    f"for f in {' '.join((*FOLDERS, *KUBELET_FILES))}; do [ ! -e $f ] || find -L $f -xdev -type f -size -{LARGEST_KIB}k "
    "! -path '/etc/kubernetes/tmp/*' ! -name '.kubepeer.*' -print; done 2>/dev/null; true"
)
# What a run has left that was killed goes, whichever member that run has asked; not what another run is writing just now.
SWEEP = f"find {ETCD_DATA} -maxdepth 1 -type f -name '{PREFIX.rpartition('/')[2]}*' -mmin +60 -delete"
SAVE = """umask 077
{functions}inside etcd {patient} snapshot save {path} >/dev/null || {{ code=$?; rm -f {path} {path}.part; exit $code; }}"""
SAVE_SECONDS = 900
STATUS = "inside etcd etcdutl snapshot status {path} -w json 2>/dev/null || inside etcd etcdctl snapshot status {path} -w json"
STATUS_SECONDS = 600


@dataclass(frozen=True)
class Status:
    """What is told of a snapshot.

    Attributes:
        hash, revision, keys: by etcdutl snapshot status.
        size, sha256: of the file.

    """

    hash: int
    revision: int
    keys: int
    size: int
    sha256: str


def path_of(mark: str) -> str:
    """Where a snapshot lies on the machine until it has been fetched."""
    return f"{PREFIX}{mark}.db"


def saving(path: str) -> str:
    """A script that takes the snapshot."""
    return SAVE.format(functions=FUNCTIONS, patient=PATIENT, path=shlex.quote(path))


def about(path: str) -> dict[str, str]:
    """Questions about a snapshot."""
    quoted = shlex.quote(path)
    return {
        "status": f"{FUNCTIONS}{STATUS.format(path=quoted)}",
        "size": f"stat -c %s {quoted}",
        "sum": f"sha256sum <{quoted}",
    }


def status(seen: Seen) -> Status:
    """Read the answers to about().

    Raises:
        CommandError: etcd does not find it whole.

    """
    said = " ".join(seen["status"].text.split())[-300:] or "nothing"
    line = next((line for line in seen["status"].lines if line.startswith("{")), "{}")
    try:
        answer = json.loads(line)
        found = Status(
            int(answer["hash"]),
            int(answer["revision"]),
            int(answer["totalKey"]),
            int(seen["size"].text),
            seen["sum"].text.split()[0],
        )
    except (ValueError, KeyError, IndexError) as error:
        raise CommandError(f"the snapshot is not whole; etcdutl snapshot status says: {said}") from error
    if seen["status"].code or not found.keys:
        raise CommandError(f"the snapshot is not whole; etcdutl snapshot status says: {said}")
    return found


def paths(seen: Seen) -> list[str]:
    """The files that there are, of the answer to FILES."""
    return sorted({line for line in seen["files"].lines if line.startswith("/")})
