"""Etcd's data from its snapshot, on every control plane the same new cluster; and the control plane that is stopped for it. Pure.

etcd: "Disaster recovery" (op-guide/recovery): `etcdutl snapshot restore` on each member with the same snapshot, the same token and the
same list of members. Revisions go on above all that was given out before, also by an earlier restore of the same snapshot, and those
before are compacted: watchers and informers that knew one are told so, and list anew (--bump-revision, --mark-compacted; etcd 3.6). One
that knows a later revision than etcd's would be told nothing. So the bump is chosen once a restore, and lies in the token's file.
"""

import shlex
from collections.abc import Iterable

from kubepeer.intent import Node
from kubepeer.intent.families import in_url
from tasks.certificates import kinds
from tasks.certificates.renewal import ending
from tasks.control_plane.containers import FUNCTIONS
from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.control_plane.record import MANIFESTS
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.restore.progress import ASIDE as ASIDE_NAME
from tasks.restore.progress import DATA, SNAPSHOT_FILE, Progress

COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
)  # in the order in which they are stopped
BUMP = 1_000_000_000  # etcd's own example: more than it counts in a day of ten thousand writes a second
# So many revisions a second have passed since 1970 at most: more than any etcd counts, and BUMP is ten seconds of it, in which nobody
# restores twice. As a number of etcd's (int64) it lasts until the year 4892.
PER_SECOND = 100_000_000
STOP_SECONDS, RESTORE_SECONDS = 300, 900
ASIDE = f"{ETCD_DATA}/{ASIDE_NAME}"
STOP = f"""{UNDER_LOCK}{FUNCTIONS}systemctl stop kubelet || exit
rm -f -- {" ".join(f"{MANIFESTS}/{name}.yaml" for name in COMPONENTS)}
{ending(one for one in kinds.COMPONENTS if one.name in COMPONENTS)}
n=0
for name in {" ".join(COMPONENTS)}; do
    while [ -n "$(running $name)" ]; do
        n=$((n + 1)); [ $n -lt 30 ] || {{ echo "$name runs still" >&2; exit 1; }}
        sleep 1
    done
done"""
# The program comes from etcd's own image, of the version that will run with the data: the image is mounted, since nothing of the cluster
# runs that could be asked. It was linked to need nothing else. What etcd had before stays beside it until the next restore; but what a
# restore has made that was not finished takes nobody's place there. The rename is the step by which the data is there, and the mark after
# it says so.
RESTORE = f"""{UNDER_LOCK}{{functions}}d={ETCD_DATA}; aside={ASIDE}{{token}}; umask 077
[ -n "$(ctd images ls -q name=={{image}})" ] || cri pull {{image}} >/dev/null || exit
m=$(mktemp -d /run/kubepeer-etcd.XXXXXX) || exit
trap 'ctd images unmount --rm "$m" >/dev/null 2>&1; rmdir "$m"' EXIT
ctd images mount {{image}} "$m" >/dev/null || exit
p=
for name in etcdutl etcdctl; do for b in usr/local/bin usr/bin bin; do [ -n "$p" ] || [ ! -x "$m/$b/$name" ] || p=$m/$b/$name; done; done
[ -n "$p" ] || {{{{ echo "{{image}} has neither etcdutl nor etcdctl" >&2; exit 1; }}}}
bump=; ! "$p" snapshot restore --help 2>&1 | grep -q -e --bump-revision || bump="--bump-revision {{bump}} --mark-compacted"
mkdir -p "$d" && chmod 700 "$d" && rm -rf -- "$d/restoring" || exit
said=$("$p" snapshot restore {SNAPSHOT_FILE} --data-dir "$d/restoring" --name {{name}} --initial-cluster {{members}} \\
    --initial-cluster-token {{token}} --initial-advertise-peer-urls {{url}} $bump 2>&1) || {{{{ echo "$said" | tail -n 1 >&2; exit 1; }}}}
if [ -e "$d/member" ]; then
    if {{spare}} || [ -e "$aside" ]; then rm -rf -- "$d/member"; else rm -rf -- {ASIDE}*; mv -T "$d/member" "$aside"; fi || exit
fi
[ ! -e /sys/fs/selinux/enforce ] || ! command -v restorecon >/dev/null || restorecon -R "$d/restoring"
mv -T "$d/restoring/member" "$d/member" && rm -rf -- "$d/restoring" && sync && touch {DATA}"""


def peer_url(node: Node) -> str:
    """Where a member hears the others, as kubeadm tells it."""
    return f"https://{in_url(node.address)}:2380"


def stopping(*, member: bool) -> LinuxChange:
    """The kubelet rests, and what kubeadm's manifests have started runs no more."""
    before = "may run, with data of its own" if member else "nothing of a cluster"
    return LinuxChange(
        "control plane", before, "stopped", steps=(Execute("stop the control plane", STOP, STOP_SECONDS),)
    )


def bump(snapshot: int, highest: int | None, now: float) -> int:
    """By how much revisions go on above the snapshot's, so that they go on above all that anybody may know.

    Args:
        snapshot: its revision.
        highest: the highest revision that a member of etcd tells; None where none could be asked.
        now: the moment, in seconds since 1970.

    """
    reached = int(now * PER_SECOND) if highest is None else highest + BUMP
    return max(BUMP, reached - snapshot)


def restoring(
    node: Node, nodes: Iterable[Node], token: str, image: str, *, revision: int, bump: int, come: Progress
) -> LinuxChange:
    """The data of a member, from the snapshot that lies there.

    Args:
        node: whose member.
        nodes: all control planes.
        token: of the restore.
        image: of etcd.
        revision: of the snapshot.
        bump: of the restore.
        come: what lies there: data is set aside, or deleted where it has come of a restore that was not finished.

    """
    members = ",".join(f"{one.full_name}={peer_url(one)}" for one in nodes)
    script = RESTORE.format(
        functions=FUNCTIONS,
        token=shlex.quote(token),
        image=shlex.quote(image),
        name=shlex.quote(node.full_name),
        members=shlex.quote(members),
        url=shlex.quote(peer_url(node)),
        bump=bump,
        spare="true" if come.spare else "false",
    )
    before = _standing(come, token) if come.member else None
    step = Execute("etcdutl snapshot restore", script, RESTORE_SECONDS)
    return LinuxChange(f"{ETCD_DATA}/member", before, f"of the snapshot at revision {revision}", steps=(step,))


def _standing(come: Progress, token: str) -> str:
    """What the data is that stands there, and what is deleted."""
    older = ", ".join(come.aside)
    if come.spare or f"{ASIDE_NAME}{token}" in come.aside:
        return f"of a restore that was not finished: it is deleted, and {older} is kept"
    return f"of the etcd that was: it is kept beside it{f', and {older} is deleted' if older else ''}"
