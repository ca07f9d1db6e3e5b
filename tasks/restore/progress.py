"""How far a restore has come on each control plane, by what lies there; and what that says of the whole. Pure.

Nothing is remembered by the controller. A restore is known by a token, which etcd's members have as that of their new cluster: members of
two restores never take each other for their own. What was begun is gone on with for as long as all members can still be of one restore.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.linux.observe import Answer

FOLDER = "/var/lib/kubepeer-restore"
TOKEN_FILE, SNAPSHOT_FILE = f"{FOLDER}/token", f"{FOLDER}/snapshot.db"
DATA, STARTED = f"{FOLDER}/data", f"{FOLDER}/started"
QUESTION = f"""[ ! -e {TOKEN_FILE} ] || cat {TOKEN_FILE}
[ ! -e {DATA} ] || echo data
[ ! -e {STARTED} ] || echo started
! pgrep -x etcd >/dev/null || echo runs
[ ! -d {ETCD_DATA}/member ] || echo member
true"""


@dataclass(frozen=True)
class Progress:
    """What lies on a control plane.

    Attributes:
        token: of the restore; "" where none has begun.
        snapshot: SHA-256 of the snapshot that it is of.
        data: etcd's data is the snapshot's.
        started: everything was put back, and its kubelet was told to start it.
        runs: an etcd does.
        member: there is some data of etcd's.

    """

    token: str = ""
    snapshot: str = ""
    data: bool = False
    started: bool = False
    runs: bool = False
    member: bool = False

    @property
    def has_run(self) -> bool:
        """Whether the restored member may have said something to the others."""
        return self.started or (self.data and self.runs)

    def of(self, token: str) -> bool:
        """Whether it is of this restore."""
        return bool(token) and self.token == token


def read(answer: Answer) -> Progress:
    """Read the answer to QUESTION."""
    words = [line.split() for line in answer.lines]
    token, snapshot = next(((one[0], one[1]) for one in words if len(one) == 2), ("", ""))  # noqa: PLR2004
    said = {one[0] for one in words if len(one) == 1}
    return Progress(token, snapshot, "data" in said, "started" in said, "runs" in said, "member" in said)


def written(token: str, snapshot: str) -> str:
    """The file of the token."""
    return f"{token} {snapshot}\n"


def begun(every: Mapping[str, Progress], snapshot: str, *, api_ready: bool) -> str:
    """The token of the restore of this snapshot that is gone on with; "" where a new one begins.

    Where some members run, a control plane without their data may not be given the snapshot any more: it would be a member that has
    forgotten what it has said. Then all of it begins anew. But where the API is ready it has everything, and its mark went first.

    Args:
        every: control plane -> what lies there.
        snapshot: SHA-256.
        api_ready: the API says so.

    """
    tokens = {one.token for one in every.values() if one.token and one.snapshot == snapshot}
    if len(tokens) != 1:
        return ""
    token = tokens.pop()
    runs = any(one.of(token) and one.has_run for one in every.values())
    lacks = any(not (one.of(token) and one.data) for one in every.values())
    return "" if runs and lacks and not api_ready else token


def settled(every: Mapping[str, Progress], token: str, *, api_ready: bool) -> dict[str, Progress]:
    """The same of one restore alone: what lies there of another is nothing; and what has ended, whose mark is gone, has everything."""
    runs = any(one.of(token) and one.has_run for one in every.values())
    ended = Progress(token, data=True, started=True, member=True)
    found = {}
    for name, one in every.items():
        if one.of(token):
            found[name] = one
        elif token and runs and api_ready:
            found[name] = ended
        else:
            found[name] = Progress(member=one.member)
    return found
