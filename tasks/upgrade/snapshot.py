"""A snapshot of etcd before anything is changed, kept where root alone reads. Pure.

Sources: etcd, "Disaster recovery" (snapshot save, on one member); etcdutl snapshot status checks its hash. kubeadm's image of etcd sees of
the machine its data's folder and its certificates alone: the file is made there, and moved.
"""

from tasks.control_plane.containers import FUNCTIONS
from tasks.control_plane.etcd import ETCDCTL
from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange

FOLDER = "/var/lib/kubepeer/etcd"
SECONDS = 600
PART = f"{ETCD_DATA}/kubepeer-snapshot.part"
SAVE = """{lock}{functions}umask 077; mkdir -p {folder} && chmod 700 {folder} || exit
f=$(mktemp /run/kubepeer-snapshot.XXXXXX); trap 'rm -f "$f" {part} {part}.part {path}.part' EXIT
inside etcd {etcdctl} --command-timeout={seconds}s snapshot save {part} >"$f" 2>&1 &&
    {{ inside etcd etcdutl snapshot status {part} || inside etcd etcdctl snapshot status {part}; }} >>"$f" 2>&1 ||
    {{ tail -n 1 "$f" >&2; exit 1; }}
chmod 600 {part} && cp {part} {path}.part && sync {path}.part && mv -fT {path}.part {path} && sync {folder}"""


def path(wanted: str) -> str:
    """Where the snapshot lies that was made before the cluster went to a version."""
    return f"{FOLDER}/before-{wanted}.db"


def question(wanted: str) -> str:
    """Read-only: prints the path where there is one."""
    return f"ls {path(wanted)} 2>/dev/null; true"


def saving(wanted: str, *, stands: bool) -> LinuxChange:
    """The snapshot, checked.

    Args:
        wanted: the version that the cluster is to have.
        stands: there is one of an earlier run, which goes.

    """
    script = SAVE.format(
        lock=UNDER_LOCK,
        functions=FUNCTIONS,
        folder=FOLDER,
        part=PART,
        path=path(wanted),
        etcdctl=ETCDCTL,
        seconds=SECONDS - 60,
    )
    before = "of an earlier run" if stands else None
    return LinuxChange(
        "etcd snapshot", before, path(wanted), steps=(Execute("etcdctl snapshot save", script, SECONDS),)
    )
