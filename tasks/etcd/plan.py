"""Which member of etcd is defragmented, in which order, and with which commands. Pure.

Sources: etcd's documentation, "Maintenance" (Defragmentation: it blocks the member that it works on, so one after the other; Space quota:
compact, defragment, disarm), and etcdctl's help: `defrag` of the endpoints that it is given, `compaction --physical`, `alarm disarm`, which
disarms every alarm that stands.
"""

from collections.abc import Iterable, Sequence

from kubepeer.checks import Finding
from kubepeer.intent import Intent, Node
from tasks.control_plane import etcd
from tasks.control_plane.containers import FUNCTIONS, executing
from tasks.control_plane.etcd import ETCDCTL
from tasks.control_plane.etcd_state import CORRUPT, NOSPACE, EtcdState, Status, mib, quota_of
from tasks.linux.state import Execute, LinuxChange

DEFRAGMENT_SECONDS = 600  # of 8 GiB, which etcd takes for the most, on a slow disk
PATIENT = ETCDCTL.replace("--command-timeout=5s", f"--command-timeout={DEFRAGMENT_SECONDS}s")
# The apiserver compacts, too: a revision that is gone already is as good. (etcd: ErrCompacted)
COMPACT = """{functions}said=$(inside etcd {etcdctl} compaction --physical {revision} 2>&1) && exit
case "$said" in *"has been compacted"*) exit 0;; esac
echo "$said" >&2; exit 1"""


def order(intent: Intent, state: EtcdState) -> list[str]:
    """The control planes that have a member, in the inventory's order, the leader last: an election comes at the end, if at all."""
    leaders = {status.leader for status in state.statuses.values()}
    members = [(node.name, member) for node in intent.control_planes if (member := etcd.of(node, state.members))]
    return [name for name, member in sorted(members, key=lambda one: one[1].identity in leaders)]


def status_of(node: Node, state: EtcdState) -> Status | None:
    """What a control plane's member says of itself; None where it has none that answers."""
    member = etcd.of(node, state.members)
    return state.statuses.get(member.identity) if member else None


def why(intent: Intent, status: Status, *, every: bool, alarm: bool) -> str:
    """Why a member is defragmented; "" where it is not worth it.

    Args:
        intent: with the quota, where the member does not tell it.
        status: of the member.
        every: a person has asked for all of them.
        alarm: etcd takes no more writes, since a quota was reached.

    """
    quota = quota_of(intent, status)
    if alarm or status.is_full(quota):
        return f"{mib(status.size)} of its quota of {mib(quota)}"
    if status.is_loose:
        return "more than half of the file is free"
    return "asked for" if every else ""


def defragment(node: Node, status: Status, because: str) -> LinuxChange:
    """The database of a control plane's member gives back what is free in it; by its own etcdctl, which asks that member alone."""
    step = Execute("etcdctl defrag", executing("etcd", f"{PATIENT} defrag"), DEFRAGMENT_SECONDS + 60)
    before = f"{mib(status.size)}, of which {mib(status.used)} are in use: {because}"
    return LinuxChange(f"database of {node.full_name}", before, "defragmented", steps=(step,))


def compact(state: EtcdState) -> LinuxChange | None:
    """Old revisions go, where etcd takes no more writes: the apiserver's own compaction is a write, and is refused then."""
    if not has_alarm(state, NOSPACE):
        return None
    revision = max((status.revision for status in state.statuses.values()), default=0)
    script = COMPACT.format(functions=FUNCTIONS, etcdctl=PATIENT, revision=revision)
    step = Execute("etcdctl compaction", script, DEFRAGMENT_SECONDS)
    return LinuxChange("etcd revisions", "all that the apiserver keeps", f"from {revision} on", steps=(step,))


def disarm(state: EtcdState) -> LinuxChange | None:
    """The alarm goes, where it stands."""
    if not has_alarm(state, NOSPACE):
        return None
    step = Execute("etcdctl alarm disarm", executing("etcd", f"{PATIENT} alarm disarm"))
    return LinuxChange(f"etcd alarm {NOSPACE}", "stands", None, steps=(step,))


def has_alarm(state: EtcdState, name: str) -> bool:
    """Whether an alarm of this name stands on any member."""
    return any(alarm == name for _, alarm in state.alarms)


def against(findings: Iterable[Finding], state: EtcdState) -> list[str]:
    """Why no member may be touched: one does not answer or has no vote, no leader, data that differs; a full database is no such reason."""
    found = [
        f"{one.subject} {one.reason}"
        for one in findings
        if not one.ok and (one.subject.startswith("member ") or one.subject == "leader")
    ]
    return [*found, *([f"alarm {CORRUPT} stands"] if has_alarm(state, CORRUPT) else [])]


def too_full(intent: Intent, state: EtcdState) -> list[str]:
    """The members whose database is near its quota still: a disarmed alarm would soon stand again."""
    return [
        f"{member} {mib(status.size)} of {mib(quota_of(intent, status))}"
        for member in state.members
        if (status := state.statuses.get(member.identity)) and status.is_full(quota_of(intent, status))
    ]


def leader_last(names: Sequence[str], hosts: Sequence[str]) -> list[list[str]]:
    """Turns of a phase, in this order; a host that has no member comes first, and does nothing."""
    return [[host] for host in sorted(hosts, key=lambda host: names.index(host) if host in names else -1)]
