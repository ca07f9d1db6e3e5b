"""The state of etcd as its members tell it: who is a member, who leads, how large the database is, which alarms stand. Pure.

Sources: etcd's API (Status, Alarm) as etcdctl 3.5 and 3.6 write it in JSON; etcd's documentation, "Maintenance" (space quota,
defragmentation, alarms) and "Limits" (2 GiB where no quota is said).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubepeer.checks import Finding
from kubepeer.intent import Intent
from tasks.control_plane import etcd
from tasks.control_plane.containers import executing
from tasks.control_plane.etcd import ETCDCTL, Member
from tasks.linux.observe import Seen

CHECK = "etcd"
LAYER = "data"
# It ends with an error while a member does not answer; what it has printed by then stands
QUESTIONS = {**etcd.QUESTIONS, "alarms": f"{executing('etcd', f'{ETCDCTL} alarm list -w json')} 2>/dev/null; true"}
SECONDS = etcd.SECONDS
ALARMS = {1: "NOSPACE", 2: "CORRUPT"}  # etcdserverpb.AlarmType
QUOTA_ARGUMENT, QUOTA = "quota-backend-bytes", 2 * 1024**3
FULL = 0.8  # of the quota; at the whole of it etcd takes no more writes
MIB = 1024**2
LOOSE_BYTES = 256 * MIB  # that a defragmentation would give back, and half of the file: worth a word
DEFRAG = "python runbooks/etcd.py --defragment"
NOSPACE, CORRUPT = ALARMS[1], ALARMS[2]
CURES = {
    "NOSPACE": f"{DEFRAG} compacts, gives the space back and disarms it (etcd: Maintenance, Space quota)",
    "CORRUPT": "replace that member: its data differs from the others' (etcd: Data Corruption)",
}


@dataclass(frozen=True)
class Status:
    """What a member that answers says of itself.

    Attributes:
        leader: the number of the member that it takes for the leader; 0: of none.
        size, used: bytes of its database's file, and of what is in it.
        quota: that it was given; 0 where its version does not tell.
        version: of its program.
        revision: of its data.

    """

    leader: int
    size: int
    used: int
    quota: int = 0
    version: str = ""
    revision: int = 0

    @property
    def loose(self) -> int:
        """Bytes of its file that nothing is in: a defragmentation gives them back."""
        return self.size - self.used

    @property
    def is_loose(self) -> bool:
        """Whether it would give back so much that it is worth it."""
        return self.loose >= LOOSE_BYTES and self.loose > self.size / 2

    def is_full(self, quota: int) -> bool:
        """Whether its file has come near the end of its quota."""
        return self.size >= FULL * quota


@dataclass(frozen=True)
class EtcdState:
    """The whole of it.

    Attributes:
        statuses: member's number -> what it says.
        alarms: (member's number, the alarm's name).

    """

    members: tuple[Member, ...]
    statuses: Mapping[int, Status]
    alarms: tuple[tuple[int, str], ...] = ()


def read(seen: Seen) -> EtcdState:
    """Read the answers to QUESTIONS.

    Raises:
        CommandError: etcd did not answer.

    """
    statuses = {number: _status(said) for number, said in etcd.statuses(seen).items()}
    alarms = [
        alarm
        for document in etcd.documents(seen["alarms"].text)
        if isinstance(document, dict)
        for alarm in _alarms(document)
    ]
    return EtcdState(etcd.members(seen), statuses, tuple(alarms))


def _status(said: Mapping[str, Any]) -> Status:
    size = int(said.get("dbSize", 0))
    in_use, quota = int(said.get("dbSizeInUse", size)), int(said.get("dbSizeQuota", 0))
    revision = int(said.get("header", {}).get("revision", 0))
    return Status(int(said.get("leader", 0)), size, in_use, quota, str(said.get("version", "")), revision)


def _alarms(document: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for one in document.get("alarms") or ():
        kind = one.get("alarm", 0)
        yield int(one.get("memberID", 0)), ALARMS.get(kind, str(kind))


def findings(intent: Intent, host: str, state: EtcdState) -> Iterator[Finding]:
    """Every member answers and has a vote, all know one leader, the database has room, and no alarm stands.

    Passes   the members are the control planes, each answers; one leader; less than 80 % of the quota.
    Fails    a member is silent, a learner, or of no control plane; no leader, or two; the database is nearly full; an alarm.

    Args:
        intent: whose control planes the members are.
        host: in whose name it is said.
        state: what etcd says.

    """
    for one in state.members:
        reason, cure = _wrong(intent, one)
        yield Finding(host, CHECK, f"member {one}", LAYER, not reason, reason=reason, cure=cure)
    yield _leader(host, state)
    for one in state.members:
        status = state.statuses.get(one.identity)
        if status is not None:
            yield _size(intent, host, one, status)
    for number, name in state.alarms:
        subject = f"alarm {name}"
        yield Finding(
            host,
            CHECK,
            subject,
            LAYER,
            ok=False,
            reason=f"stands on {_named(state.members, number)}",
            cure=CURES.get(name, ""),
        )


def _wrong(intent: Intent, member: Member) -> tuple[str, str]:
    """What is wrong with a member, and the cure; "" where it is well."""
    owner = next((node for node in intent.control_planes if etcd.of(node, (member,))), None)
    if owner is None:
        remove = f"if it is gone for good: etcdctl member remove {member.identity:x}, on a control plane"
        return "is a member, and no control plane of the inventory", remove
    if not member.running:
        return "does not answer", f"bring {owner.name} back (crictl ps -a | grep etcd, and its log)"
    return ("is a learner, and has no vote yet", f"run deploy.py for {owner.name}") if member.learner else ("", "")


def _leader(host: str, state: EtcdState) -> Finding:
    leaders = sorted({status.leader for status in state.statuses.values() if status.leader})
    names = tuple(_named(state.members, number) for number in leaders)
    silent = [number for number, status in state.statuses.items() if not status.leader]
    reason = ""
    if not leaders:
        reason = "there is none: nothing can be written"
    elif len(leaders) > 1:
        reason = f"members do not agree: {' and '.join(names)}"
    elif silent:
        reason = f"{', '.join(_named(state.members, number) for number in silent)} knows of none"
    return Finding(host, CHECK, "leader", LAYER, not reason, ("one leader",), names, reason=reason)


def _size(intent: Intent, host: str, member: Member, status: Status) -> Finding:
    quota = quota_of(intent, status)
    full = status.is_full(quota)
    subject, reason, cure = f"database of {member}", "", ""
    if full:
        reason, cure = f"{mib(status.size)} of {mib(quota)} ({mib(status.used)} in use)", DEFRAG
    elif status.is_loose:
        reason = f"{mib(status.loose)} of {mib(status.size)} are free within the file: {DEFRAG} gives them back"
    return Finding(
        host,
        CHECK,
        subject,
        LAYER,
        not full,
        (f"less than {mib(int(FULL * quota))}",),
        (mib(status.size),),
        reason=reason,
        cure=cure,
    )


def quota_of(intent: Intent, status: Status) -> int:
    """The quota of a member: what it tells, else what the inventory says, else etcd's own."""
    return status.quota or _quota(intent)


def _quota(intent: Intent) -> int:
    said = (*intent.kubeadm.etcd.extra_args.get(QUOTA_ARGUMENT, ()), "0")[0]
    return int(said) if said.isdecimal() and int(said) else QUOTA


def mib(size: int) -> str:
    """A size as a person reads it."""
    return f"{size / MIB:.0f} MiB"


def _named(members: Sequence[Member], number: int) -> str:
    return next((str(one) for one in members if one.identity == number), f"{number:x}")
