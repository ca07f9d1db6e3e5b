"""How far a restore has come on each control plane, by what lies there; and what that says of the whole. Pure.

Nothing is remembered by the controller. A restore is known by a token, which etcd's members have as that of their new cluster: members of
two restores never take each other for their own. What was begun is gone on with for as long as all members can still be of one restore;
where all was started already, there is nothing left to do but to verify and to take the marks away, and who wants more must say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.linux.observe import Answer

FOLDER = "/var/lib/kubepeer-restore"
TOKEN_FILE, SNAPSHOT_FILE = f"{FOLDER}/token", f"{FOLDER}/snapshot.db"
DATA, STARTED = f"{FOLDER}/data", f"{FOLDER}/started"
ASIDE = "before-restore-"  # and the token: what etcd had before, beside its data
SPARE = "spare"
QUESTION = f"""[ ! -e {TOKEN_FILE} ] || cat {TOKEN_FILE}
[ ! -e {DATA} ] || echo data
[ ! -e {STARTED} ] || echo started
! pgrep -x etcd >/dev/null || echo runs
[ ! -d {ETCD_DATA}/member ] || echo member
for f in {ETCD_DATA}/{ASIDE}*; do [ ! -d "$f" ] || echo "${{f##*/}}"; done
true"""


@dataclass(frozen=True)
class Progress:
    """What lies on a control plane.

    Attributes:
        token: of the restore; "" where none has begun.
        snapshot: SHA-256 of the snapshot that it is of.
        bump: by how much revisions go on above the snapshot's; 0 where the token's file does not say it.
        spare: the data of etcd's that there is has come of another restore, which was not finished: it is deleted, and what was set aside
            for that one stays.
        data: etcd's data is the snapshot's.
        started: everything was put back, and its kubelet was told to start it.
        runs: an etcd does.
        member: there is some data of etcd's.
        aside: names of what was set aside.

    """

    token: str = ""
    snapshot: str = ""
    data: bool = False
    started: bool = False
    runs: bool = False
    member: bool = False
    bump: int = 0
    spare: bool = False
    aside: tuple[str, ...] = ()

    @property
    def has_run(self) -> bool:
        """Whether the restored member may have said something to the others."""
        return self.started or (self.data and self.runs)

    def of(self, token: str) -> bool:
        """Whether it is of this restore."""
        return bool(token) and self.token == token

    def is_unfinished(self, *, api_ready: bool) -> bool:
        """Whether the data of etcd's that there is has come of a restore, and the API has never answered with it."""
        restored = self.data or self.spare or f"{ASIDE}{self.token}" in self.aside
        return self.member and bool(self.token) and restored and not (self.has_run and api_ready)


def read(answer: Answer) -> Progress:
    """Read the answer to QUESTION."""
    words = [line.split() for line in answer.lines]
    token, snapshot, *more = next((one for one in words if len(one) > 1), ["", ""])
    said = {one[0] for one in words if len(one) == 1}
    return Progress(
        token,
        snapshot,
        data="data" in said,
        started="started" in said,
        runs="runs" in said,
        member="member" in said,
        bump=next((int(one) for one in more if one.isdecimal()), 0),
        spare=SPARE in more,
        aside=tuple(sorted(one for one in said if one.startswith(ASIDE))),
    )


def written(token: str, snapshot: str, bump: int, *, spare: bool) -> str:
    """The file of the token."""
    return f"{token} {snapshot} {bump}{f' {SPARE}' if spare else ''}\n"


def begun(every: Mapping[str, Progress], snapshot: str, *, api_ready: bool, over_living: bool = False) -> str:
    """The token of the restore of this snapshot that is gone on with; "" where a new one begins.

    Where some members run, a control plane without their data may not be given the snapshot any more: it would be a member that has
    forgotten what it has said. Then all of it begins anew. But where the API is ready and the others were started, it has everything, and
    its mark went first. An API that is ready while nothing of what was restored has run yet is that of another etcd: the marks are old.

    Args:
        every: control plane -> what lies there.
        snapshot: SHA-256.
        api_ready: the API says so.
        over_living: where all was started already, it is set back once more.

    """
    tokens = {one.token for one in every.values() if one.token and one.snapshot == snapshot}
    if len(tokens) != 1:
        return ""
    token = tokens.pop()
    ours = [one for one in every.values() if one.of(token)]
    runs, started = any(one.has_run for one in ours), all(one.started for one in ours)
    lacks = any(not (one.of(token) and one.data) for one in every.values())
    ends = api_ready and started and all(one.of(token) or (one.member and not one.token) for one in every.values())
    is_partial = runs and lacks and not ends
    is_old = api_ready and not runs and any(one.data for one in ours)
    is_over = over_living and started and (ends or not lacks)
    return "" if is_partial or is_old or is_over else token


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
            spare = bool(one.aside) and one.is_unfinished(api_ready=api_ready)
            found[name] = Progress(member=one.member, spare=spare, aside=one.aside)
    return found
