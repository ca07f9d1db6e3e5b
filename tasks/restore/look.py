"""The first looks of restore.py: the machines, what lives there, what would be lost; and what is refused before anything is changed."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.backup import keys
from tasks.backup.document import KEYS, differences
from tasks.backup.inventory import inventory_digests
from tasks.backup.keys import Lost, Moment
from tasks.control_plane.join_secrets import ca_hash
from tasks.control_plane.membership import CA_CERTIFICATE, MEMBER
from tasks.control_plane.record import SETTINGS
from tasks.linux.holding import OTHER_RUN, refuse_beside_another
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.nodes.facts import FACTS
from tasks.nodes.tasks import refuse_early
from tasks.observe import OBSERVED
from tasks.observe import observe as observe_host
from tasks.restore import data, files, progress
from tasks.restore.arguments import opened
from tasks.restore.progress import Progress

ANEW = "--over-living begins the restore anew"
NOTHING = "Nothing was changed on any host."
PROGRESS = Memory[Progress]("how far a restore has come on a control plane")
PLAN = Memory["Plan"]("which restore this is, and how far each control plane has come in it")
REPLACED = Memory[bool]("whether etcd's data on a control plane is the snapshot's by this run")
RESTORED = Memory[bool]("whether the API has answered with what the backup has")
NEWEST = Memory[Moment | None]("what the member of etcd has that has the highest revision")
LOST = Memory[Lost | None]("what etcd has now otherwise than the snapshot")


@dataclass(frozen=True)
class Plan:
    """The restore that this run begins, or goes on with.

    Attributes:
        token: of it.
        bump: by how much etcd's revisions go on above the snapshot's.
        goes_on: an earlier run has begun it, and a member has the snapshot's data.
        every: control plane -> how far it has come.
        api_ready: an apiserver was ready at the first look.

    """

    token: str
    bump: int
    goes_on: bool
    every: dict[str, Progress]
    api_ready: bool = False

    @property
    def is_put_back(self) -> bool:
        """Whether an earlier run has done all of it, but for the end."""
        return all(one.started for one in self.every.values())


def changing(run: Run) -> Run:
    """The same run of the machines that it may change: the control planes."""
    return replace(run, chosen=frozenset(node.name for node in run.intent.control_planes), filtered=True)


def unless_put_back(run: Run) -> Iterable[str]:
    """The control planes, if an earlier run has not done all of it already, and the API answers."""
    plan = run.recall(PLAN)
    return [] if plan is not None and plan.is_put_back and plan.api_ready else all_control_planes(run)


def all_control_planes(run: Run) -> Iterable[str]:
    """The control planes: a restore is of all of them, or of none."""
    return [node.name for node in run.intent.control_planes]


@hands_over(gives=(*OBSERVED, SETTINGS, PROGRESS))
def observe(task: Task, run: Run) -> Result:
    """A control plane's machine, bare or not; and what an earlier restore has left there."""
    observe_host(task, changing(run))
    shell = open_shell(run.nornir, task.host.name)
    found = progress.read(ask(shell, {"progress": progress.QUESTION})["progress"])
    run.keep(PROGRESS, found, of=task.host.name)
    return done(task, summary="has data of etcd's" if found.member else "has no data of etcd's")


def look_at_worker(task: Task, run: Run) -> Result:
    """Whether a worker will know the cluster again: it has the CA of the backup. It is looked at, and no more.

    Raises:
        RefusedError: it has another one.

    """
    document = opened(run).content.document
    try:
        stands = ask(open_shell(run.nornir, task.host.name), {}, (CA_CERTIFICATE,)).files[CA_CERTIFICATE]
    except KubepeerError as error:
        run.warn(f"{task.host.name} cannot be asked, and is not waited for: {error.message}")
        return done(task, summary="cannot be asked")
    if stands is None:
        run.warn(f"{task.host.name} is no member of a cluster: deploy.py makes it one when the cluster is back")
        return done(task, summary="no member")
    if _hash(stands.content) != document.ca:
        raise RefusedError(
            f"has another CA than the backup: it is a member of another cluster, and would not know this one. {NOTHING}",
            host=task.host.name,
            cure="is it the right backup? Else take its membership away first: kubeadm reset -f on it",
        )
    return done(task, summary="has the cluster's CA")


@hands_over(needs=(FACTS, MEMBER, OTHER_RUN, PROGRESS), gives=(PLAN, LOST))
def preflight(task: Task, run: Run) -> Result:
    """Refuse, with every reason at once, where it cannot end well; tell what will be lost.

    Raises:
        RefusedError: nothing was changed.

    """
    refuse_beside_another(changing(run))
    plan = run.once(PLAN, partial(_plan, run))
    run.keep(PLAN, plan)
    lost = run.once(LOST, partial(_lost, run, plan))
    run.keep(LOST, lost)
    if reasons := list(_reasons(run, run.intent.node(task.host.name), plan)):
        raise RefusedError(f"{'; '.join(reasons)}. {NOTHING}", host=task.host.name)
    refuse_early(task, changing(run))
    _warn(run)
    if plan.is_put_back:
        run.warn(
            "an earlier run has put this backup back and has started everything: this one verifies that and takes the marks away, and what "
            f"was changed since then stays. {ANEW}"
        )
        return done(task, summary="an earlier run has finished this restore")
    if plan.goes_on:
        return done(task, summary="an earlier run has begun this restore: it is gone on with")
    return done(task, summary=keys.summary(lost) if lost else "no member of etcd can be asked what is lost")


def _plan(run: Run) -> Plan:
    snapshot, over_living = opened(run).content.document.snapshot, run.options.further["over_living"]
    every = {name: run.recall(PROGRESS, of=name) or Progress() for name in all_control_planes(run)}
    ready = any(_ready(run, name) for name in every)
    token = progress.begun(every, snapshot.sha256, api_ready=ready, over_living=over_living)
    settled = progress.settled(every, token, api_ready=ready)
    if token:
        bump = next((one.bump for one in settled.values() if one.bump), data.BUMP)
        return Plan(token, bump, any(one.data for one in settled.values()), settled, ready)
    newest = run.once(NEWEST, partial(_newest, run))
    bump = data.bump(snapshot.revision, newest.revision if newest else None, datetime.now(UTC).timestamp())
    return Plan(f"kubepeer-{secrets.token_hex(8)}", bump, goes_on=False, every=settled, api_ready=ready)


def _ready(run: Run, name: str) -> bool:
    seen = run.recall(MEMBER, of=name)
    return seen is not None and seen.api_ready


def _reasons(run: Run, node: Node, plan: Plan) -> Iterator[str]:
    """Why a control plane is not touched."""
    content, now = opened(run).content, datetime.now(UTC)
    refused, _ = differences(content.document, run.intent, inventory_digests(run))
    yield from refused
    if path := files.authority_ends(content, now):
        yield f"{path} of the backup has expired, and with it all that it has signed"
    if not files.etcd_image(content):
        yield "the backup has no manifest of etcd: no control plane could be asked when it was made"
    seen = run.recall(MEMBER, of=node.name)
    if seen is not None and seen.ca and _hash(seen.ca) != content.document.ca:
        yield "it has another CA than the backup, and is of another cluster: is it the right backup? Else kubeadm reset -f on it"
    if _ready(run, node.name) and not plan.goes_on and not run.options.further["over_living"]:
        yield "its apiserver is ready: the cluster lives, and would be set back to the backup (--over-living does that)"


def _hash(text: str) -> str:
    try:
        return ca_hash(text)
    except ValueError:
        return ""


def _lost(run: Run, plan: Plan) -> Lost | None:
    """What etcd has now otherwise than the snapshot; None where no member can be asked, or a restore has begun already."""
    if plan.goes_on:
        return None
    document, content = opened(run).content.document, opened(run).content
    then = keys.read_written(content.files[KEYS], document.snapshot.revision)
    newest = run.once(NEWEST, partial(_newest, run))
    return None if newest is None else keys.lost(then, newest)


def _newest(run: Run) -> Moment | None:
    """All are asked: without quorum, one may have stayed behind the others."""
    told = (_now(run, name) for name in all_control_planes(run))
    return max((one for one in told if one is not None), key=lambda one: one.revision, default=None)


def _now(run: Run, name: str) -> Moment | None:
    try:
        answer = ask(open_shell(run.nornir, name), {"keys": keys.question()}, deadline=keys.SECONDS)["keys"]
        return keys.read(answer.text)
    except KubepeerError:
        return None


def _warn(run: Run) -> None:
    document = opened(run).content.document
    _, remarks = differences(document, run.intent, inventory_digests(run))
    for line in remarks:
        run.warn(line)
    if document.missing:
        run.warn(
            f"the backup has nothing of {', '.join(document.missing)}: kubeadm makes what is a control plane's own there"
        )
