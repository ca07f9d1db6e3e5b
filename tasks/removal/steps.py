"""The steps of remove_node.py that drain.py does not have: endpoint, etcd, the machine, the Node, Calico's blocks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError, RefusedError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import waits
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.control_plane import endpoint, etcd, holders, kubeadm, membership
from tasks.control_plane.membership import MEMBER
from tasks.control_plane.peers import Peers
from tasks.drain import pods
from tasks.drain import steps as drain_steps
from tasks.drain.look import NODES, pods_on
from tasks.drain.pods import change_of
from tasks.drain.selection import node_of
from tasks.linux.apply import apply
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell
from tasks.removal import leftovers, safety
from tasks.removal.look import refuse_with_others
from tasks.removal.selection import is_dead

LEAVE_SECONDS = (
    60  # the kubelet gives keepalived thirty to end, and another control plane has the address a second after
)
MEMBER_SECONDS = 60
GONE_SECONDS = 60  # a pod whose machine is no more is deleted at once; a finalizer of somebody's may hold it


@hands_over(gives=ASKED_API)
def exclude(task: Task, run: Run) -> Result:
    """As drain.py does it; judged once more by what a removal may not take with it."""
    return drain_steps.exclude(task, run, refuse_with_others)


def leave_endpoint(task: Task, run: Run) -> Result:
    """The control plane gives up the API's address, and then what listens there: first of all whoever holds the address.

    Raises:
        CommandError: it still has the address.

    """
    shell = open_shell(run.nornir, task.host.name)
    changes = endpoint.plan_departure(ask(shell, endpoint.QUESTIONS, endpoint.PATHS))
    if run.options.dry_run:
        return done(task, changes)
    holder = [change for change in changes if change.what in endpoint.HOLDERS]
    apply(shell, holder)
    try:
        waits.until(partial(_address, run, shell), LEAVE_SECONDS)
    except CommandError as error:
        raise CommandError(
            error.message, host=task.host.name, cure="crictl ps -a, and the log of keepalived or kube-vip"
        ) from error
    apply(shell, [change for change in changes if change not in holder])
    return done(task, changes)


def _address(run: Run, shell: SshShell) -> str:
    address = str(run.intent.cluster.endpoint.address)
    if not holders.has_address(ask(shell, holders.QUESTIONS)["addresses"], address):
        return ""
    waiting(said := f"it still has {address}")
    return said


@hands_over(gives=ASKED_API)
def leave_etcd(task: Task, run: Run) -> Result:
    """The node's member of etcd goes, by the word of another control plane; the others are seen to live on without it.

    Raises:
        RefusedError: etcd would have no quorum; others may have gone since preflight.
        CommandError: nobody else could be asked, or the member is still there.

    """
    api, node = open_api(run), node_of(run)
    if not run.intent.kubeadm.stacked_etcd:
        return done(task, summary="etcd is somebody else's")
    registered = api.nodes()
    peers = Peers(run, node, api, registered)
    if refused := safety.without_quorum(node, peers.members, ()):
        raise RefusedError(f"cannot be removed: {refused}", host=node.name)
    own = etcd.of(node, peers.members)
    if own is None:
        return done(task, summary=f"{len(peers.members)} members, none of it")
    if peers.shell.host == node.name:
        raise CommandError(
            "no other control plane's etcd could be asked, and it does not remove itself",
            host=node.name,
            cure="bring the etcd of the other control planes back (crictl ps -a | grep etcd, and its log)",
        )
    changes = tuple(
        etcd.removing([etcd.Removal(own, f"{'answers' if own.running else 'does not answer'}; {node.name} is removed")])
    )
    if run.options.dry_run:
        return done(task, changes)
    apply(peers.shell, changes)
    waits.until(lambda: _member(Peers(run, node, api, registered), node.full_name, own), MEMBER_SECONDS)
    return done(task, changes)


def _member(peers: Peers, full_name: str, own: etcd.Member) -> str:
    """What is not right yet of the members that are left."""
    try:
        found = peers.members
    except CommandError as error:  # it elects a leader, where that one has gone
        waiting(error.message)
        return error.message
    if any(one.identity == own.identity for one in found):
        waiting(said := f"etcd still has the member {own}")
        return said
    voters = [one for one in found if one.votes]
    if sum(one.works for one in voters) <= len(voters) // 2:
        waiting(said := f"etcd without {full_name}: of {len(voters)} members {sum(one.works for one in voters)} answer")
        return said
    return ""


@hands_over(needs=(MEMBER,))
def reset(task: Task, run: Run) -> Result:
    """What kubeadm has made on the machine goes, by kubeadm reset; its kubelet is stopped, and registers no Node any more."""
    seen = run.recall(MEMBER, of=task.host.name)
    if seen is None or not seen.leftovers:
        return done(task, summary="no file of kubeadm's is there")
    change = replace(
        kubeadm.reset(run.intent, node_of(run)),
        before=f"{node_of(run).role.replace('_', ' ')} of {run.intent.cluster.name}",
    )
    if not run.options.dry_run:
        apply(open_shell(run.nornir, task.host.name), (change,))
    return done(task, (change,))


@hands_over(gives=ASKED_API)
def clean(task: Task, run: Run) -> Result:
    """What kubeadm reset leaves behind: rules, devices, routes, files, kubeconfigs; then nothing of the cluster is there.

    Raises:
        CommandError: something still is.

    """
    shell, asked = open_shell(run.nornir, task.host.name), leftovers.questions(run.intent, open_api(run).ca)
    seen = ask(shell, asked)
    changes = tuple(leftovers.plan(run.intent, seen))
    for path in leftovers.shared_kubeconfigs(seen):
        run.warn(
            f"{path} on {task.host.name} knows other clusters beside this one, and stays: take {run.intent.cluster.name} out of it"
        )
    if run.options.dry_run:
        return done(task, changes)
    apply(shell, changes)
    left = [change.what for change in leftovers.plan(run.intent, ask(shell, asked))]
    left += ask(shell, {"leftovers": membership.QUESTIONS["leftovers"]})["leftovers"].lines
    if left:
        raise CommandError(
            f"still there after it was cleaned: {', '.join(left)}",
            host=task.host.name,
            cure="run again; else take it away by hand",
        )
    return done(task, changes)


@hands_over(gives=ASKED_API)
def forget(task: Task, run: Run) -> Result:
    """The Node goes, and the pods that the API still has there: nothing of them runs any more.

    Raises:
        CommandError: something of it is still there.

    """
    api, node = open_api(run), node_of(run)
    changes = _of_node(api, run)
    if run.options.dry_run:
        return done(task, [change for change, _, _ in changes])
    for change, path, condition in changes:
        about_to_change((change,))
        api.delete(path, condition)
        made(change)
    try:
        waits.until(lambda: _still_there(api, run), GONE_SECONDS)
    except CommandError as error:
        raise CommandError(
            error.message, host=node.name, cure="a finalizer may hold it: kubectl get -o yaml says whose"
        ) from error
    return done(task, [change for change, _, _ in changes])


def _of_node(api: KubernetesApi, run: Run) -> Sequence[tuple[Change, str, Manifest]]:
    """What the API has of it: each with its path, and what the deletion says."""
    node = node_of(run)
    found: list[tuple[Change, str, Manifest]] = []
    path = f"{NODES}/{node.full_name}"
    if stands := api.get(path):
        change = Change(f"Node {node.full_name}", "is dead" if is_dead(run) else "has left", None)
        found.append((change, path, {"preconditions": {"uid": stands["metadata"]["uid"]}}))
    on_it = pods_on(api, node)
    if run.options.dry_run and not is_dead(run):  # by then the others are evicted
        on_it = [dict(pod) for pod in pods.sort(on_it, force=True, local_data=True).stay]
    for pod in on_it:
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        found.append((change_of(pod), f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", options))
    return found


def _still_there(api: KubernetesApi, run: Run) -> str:
    found = [change.what for change, _, _ in _of_node(api, run)]
    if not found:
        return ""
    waiting(said := f"still there: {', '.join(found)}")
    return said
