"""The first looks of upgrade.py: every node, the cluster, etcd; and what is refused before anything is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from kubepeer.words import listed
from tasks import observe as hosts
from tasks.cluster import obstacles
from tasks.cluster.access import API_SECONDS, ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.drained import before, is_drained
from tasks.control_plane import etcd_state
from tasks.control_plane.given import given
from tasks.control_plane.record import SETTINGS
from tasks.drain import look as draining
from tasks.drain import safety
from tasks.linux.holding import OTHER_RUN, refuse_beside_another
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.nodes import preflight as of_nodes
from tasks.nodes.facts import FACTS
from tasks.nodes.refusals import no_repository, no_such_version
from tasks.nodes.tasks import look_up, side_by_side
from tasks.observe import OBSERVED
from tasks.routes.cluster import read_objects
from tasks.routes.expected import ClusterObjects
from tasks.upgrade import deprecated, network, seen, skew, unsettled
from tasks.upgrade.seen import VERSIONS, NodeVersions
from tasks.upgrade.selection import BY, OUT, behind, every_node, versions_of, wanted

REFUSED = Memory[RefusedError | None]("why no node may be upgraded at all")
NAMED = 3
NOTHING = "Nothing was changed on any host."


@hands_over(gives=(*OBSERVED, SETTINGS, VERSIONS))
def observe(task: Task, run: Run) -> Result:
    """Connect to a node, and ask what the phases must know; of the repositories, whether they have the version."""
    hosts.observe(task, run)
    node, shell = run.intent.node(task.host.name), open_shell(run.nornir, task.host.name)
    found = seen.versions_of(ask(shell, seen.questions(node), deadline=seen.SECONDS))
    run.keep(VERSIONS, found, of=node.name)
    facts = run.recall(FACTS, of=node.name)
    asked = not found.current(wanted(run)) or run.options.further.get("containerd")
    if facts and found.member and node.name in run.chosen and asked:
        run.keep(FACTS, replace(facts, repository=look_up(run, shell, facts.system)), of=node.name)
    return done(task, summary=f"Kubernetes {found.running}" if found.running else "")


@hands_over(needs=(FACTS, OTHER_RUN, SETTINGS, VERSIONS), gives=(OUT, *ASKED_API))
def preflight(task: Task, run: Run) -> Result:
    """Refuse, with every cure at once, where the upgrade cannot end well: for all nodes where the reason is one of all.

    Raises:
        RefusedError: nothing was changed.

    """
    refuse_beside_another(run)
    refused = run.once(REFUSED, partial(_refusal, run))
    if refused:
        raise refused
    node = run.intent.node(task.host.name)
    if node not in behind(run):
        return done(task, summary=f"has {wanted(run)}" if node.name in run.chosen else "")
    if found := of_nodes.reasons(run.intent, node, side_by_side(run)):
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=node.name)
    return done(task, summary=f"{versions_of(run, node.name).running or 'nothing'} -> {wanted(run)}")


def _refusal(run: Run) -> RefusedError | None:
    """What stands against the whole of it; looked for once a run, the cheapest first."""
    every = {name: versions_of(run, name) for name in every_node(run)}
    members = {name: one for name, one in every.items() if one.member}
    cluster = run.intent.cluster.name
    if strangers := [node.name for node in run.intent.nodes if node.name in run.chosen and node.name not in members]:
        return RefusedError(f"{skew.no_members(strangers)}. {NOTHING}", host=cluster)
    chosen = {name: facts for name, facts in side_by_side(run).every.items() if name in run.chosen}
    refused = skew.refusal(cluster, wanted(run), members) or no_such_version(run.intent, chosen)
    refused = refused or no_repository(run.intent, {name: facts for name, facts in chosen.items() if facts.repository})
    refused = refused or _control_planes_first(run, members)
    if refused:
        return refused
    api = open_api(run, wait_seconds=API_SECONDS)
    standing = {str(one["metadata"]["name"]): dict(one) for one in api.items(draining.NODES)}
    run.keep(OUT, frozenset(node.name for node in run.intent.nodes if _is_out(standing.get(node.full_name))))
    if refused := network.refusal(run):
        return refused
    if not behind(run):
        return None
    reasons = [
        *_of_nodes(run, members, standing),
        *_of_etcd(run),
        *_of_settings(run, members, frozenset(standing)),
        *_of_draining(run, api),
    ]
    for line in deprecated.warnings([line for one in every.values() for line in one.deprecated], wanted(run)):
        run.warn(line)
    return RefusedError(f"{'; '.join(reasons)}. {NOTHING}", host=cluster) if reasons else None


def _control_planes_first(run: Run, members: dict[str, NodeVersions]) -> RefusedError | None:
    """No kubelet is newer than an apiserver that it may ask."""
    left = [
        node.name
        for node in run.intent.control_planes
        if node.name in members and node.name not in run.chosen and not members[node.name].applied(wanted(run))
    ]
    if not left or not behind(run):
        return None
    return RefusedError(
        f"{listed(left, NAMED)} {'is' if len(left) == 1 else 'are'} left out and not upgraded yet: the control planes go first, and all of"
        f" them. {NOTHING}",
        host=run.intent.cluster.name,
        cure="python runbooks/upgrade.py --group control_plane, or without any filter",
    )


def _is_out(node: Manifest | None) -> bool:
    """Whether a run of this runbook has taken the node out."""
    stood = before(node) if node else None
    return stood is not None and stood.by == BY


def _of_nodes(run: Run, members: dict[str, NodeVersions], standing: dict[str, Manifest]) -> Iterator[str]:
    """Every member is there and Ready; and none is drained by somebody else."""
    out = run.recall(OUT) or frozenset()
    unready = [
        node.name
        for node in run.intent.nodes
        if node.name in members and node.name not in out and not obstacles.is_ready(standing.get(node.full_name, {}))
    ]
    if unready:
        yield f"not Ready: {listed(unready, NAMED)} (kubectl describe node says why)"
    drained = [
        node.name
        for node in behind(run)
        if node.name not in out and is_drained(standing.get(node.full_name, {"metadata": {}}))
    ]
    if drained:
        yield f"drained by somebody: {listed(drained, NAMED)} (python runbooks/undrain.py NODE, or leave them out with --host)"


def _of_etcd(run: Run) -> Iterator[str]:
    """Etcd is well, where a control plane is to be touched."""
    if not run.intent.kubeadm.stacked_etcd:
        return
    first = run.intent.control_planes[0].name
    state = etcd_state.read(ask(open_shell(run.nornir, first), etcd_state.QUESTIONS, deadline=etcd_state.SECONDS))
    for found in etcd_state.findings(run.intent, first, state):
        if not found.ok:
            yield f"etcd: {found.subject} {found.reason}{f' ({found.cure})' if found.cure else ''}"


def _of_settings(run: Run, members: dict[str, NodeVersions], registered: frozenset[str]) -> Iterator[str]:
    """What the inventory adds to kubeadm's work stands there as it is to be, or has never been upgraded past."""
    for node in behind(run):
        versions, seen = members[node.name], run.recall(SETTINGS, of=node.name)
        stands = versions.apiserver or versions.running
        if seen is None or versions.unfinished or not stands or stands == wanted(run):
            continue
        if differs := unsettled.found(run.intent, node, given(run, node, registered), seen, stands):
            what = f"{', '.join(differs)} {'differs' if len(differs) == 1 else 'differ'} from the inventory"
            yield f"{node.name}: {what}: with software.kubernetes: {stands} let deploy.py settle that first, then upgrade"


def _of_draining(run: Run, api: KubernetesApi) -> Iterator[str]:
    """What would be refused in the middle, when a node's turn has come: pods that may not go, a prefix's last next hop.

    While an earlier run's nodes are out, their pods wait for them, and what is left may be all that a prefix has: they come back first,
    and each node is asked about its prefixes when its turn comes.
    """
    objects = safety.with_drained(read_objects(api))
    standing = {str(one["metadata"]["name"]): dict(one) for one in objects.nodes}
    refused: list[str] = []
    for node in behind(run):
        if node.full_name in standing:
            refused += [f"{node.name}: {one}" for one in _of_one(run, api, node, standing[node.full_name], objects)]
    if refused:
        yield f"cannot be drained: {listed(refused, NAMED)}"


def _of_one(run: Run, api: KubernetesApi, node: Node, stands: Manifest, objects: ClusterObjects) -> Sequence[str]:
    found = draining.Cluster(node, stands, objects)
    hops = [] if run.recall(OUT) else safety.last_next_hops(found.leaving(run))
    return [*hops, *draining.pods_of(api, run, node).refused]


def what_stands(run: Run, node: Node) -> str:
    """The version of a control plane, in words: before kubeadm upgrades it."""
    found = versions_of(run, node.name)
    return f"v{found.apiserver}{' (an upgrade that was cut off)' if found.unfinished else ''}"
