"""What deploy.py finds of machines that died and were installed anew, before anything is changed; and what it refuses of it."""

from collections.abc import Iterator, Sequence
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError, UnreachableError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run
from tasks.cluster.access import API_SECONDS, ASKED_API, api_if_there, open_api
from tasks.cluster.api import KubernetesApi
from tasks.cluster.obstacles import conditions
from tasks.cluster.tasks import API_IF_THERE
from tasks.control_plane import etcd
from tasks.control_plane import membership as members
from tasks.control_plane.membership import MEMBER, Membership
from tasks.control_plane.peers import Peers
from tasks.control_plane.replaced import is_bare, named
from tasks.control_plane.standing import registered_nodes
from tasks.observe import OBSERVED, preflight_with_cluster
from tasks.replacement import judge
from tasks.replacement.judge import Refusal, Replaced

REFUSED = Memory[Refusal | None]("why nothing begins beside what is left of a machine that died")


@hands_over(needs=OBSERVED, gives=ASKED_API)
def preflight(task: Task, run: Run) -> Result:
    """All that deploy.py refuses; and what is left of a machine that died, as long as nobody has said that it is replaced.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    result = preflight_with_cluster(task, run)
    if not run.intent.cluster.adopted and (found := run.once(REFUSED, partial(_refusal, run))):
        message, cure = found
        raise RefusedError(f"{message}. Nothing was changed on any host.", host=run.intent.cluster.name, cure=cure)
    return result


def _refusal(run: Run) -> Refusal | None:
    asked = named(run)
    bare = [node for node in run.intent.nodes if node.name in run.chosen and is_bare(run, node.name)]
    if not bare and not asked:
        return None
    try:
        api = _api(run)
        if api is None:
            return None
        try:
            return _judged(run, api, bare)
        except UnreachableError:  # the virtual IP moves, where it was on the machine that died
            return _judged(run, open_api(run, wait_seconds=API_SECONDS), bare)
    except KubepeerError as error:
        return error.message, error.cure or "run again"


def _judged(run: Run, api: KubernetesApi, bare: Sequence[Node]) -> Refusal | None:
    cluster, asked = run.intent.cluster.name, named(run)
    registered = registered_nodes(run, run.intent.control_planes[0], api)
    stale = [node for node in bare if node.full_name in registered and node.name not in asked]
    left_out = [name for name in asked if name not in run.chosen]
    return judge.said(
        [
            *judge.left_out(left_out),
            *judge.unasked(cluster, stale),
            *judge.refusals(cluster, list(_replaced(run, api))),
        ]
    )


def _api(run: Run) -> KubernetesApi | None:
    """The API: where a node is replaced, a cluster stands, and its API is waited for; else it may be the first run."""
    if named(run):
        return open_api(run, wait_seconds=API_SECONDS)
    return run.once(API_IF_THERE, partial(api_if_there, run))


def _replaced(run: Run, api: KubernetesApi) -> Iterator[Replaced]:
    for name in (one for one in named(run) if one in run.chosen):
        node, seen = run.intent.node(name), run.recall(MEMBER, of=name)
        if seen is None:
            yield Replaced(node, None)
            continue
        stands = api.get(f"/api/v1/nodes/{node.full_name}")
        ready = str(conditions(stands).get("Ready", {}).get("status") or judge.SILENT) if stands else ""
        registered = api.nodes()
        state = members.membership(node, seen, registered, api.ca, stacked=(stacked := run.intent.kubeadm.stacked_etcd))
        if stacked and members.needs_etcd(node, seen, state):
            state = members.with_etcd(state, etcd.of(node, Peers(run, node, api, registered).members))
        if state is Membership.NONE and ready == judge.REPORTS:
            ready = _when_silent(run, api, node)
        quorum = "" if state is Membership.FULL else without_quorum(run, api, node)
        yield Replaced(node, state, ready, next(iter(seen.leftovers), ""), quorum)


def _when_silent(run: Run, api: KubernetesApi, node: Node) -> str:
    """What a machine that has just died was Ready by: the API calls it silent after a while. A dry run does not wait for that."""
    from tasks.removal.look import SILENT_SECONDS, falls_silent  # noqa: PLC0415  few runs need it

    if run.options.dry_run:
        run.warn(f"{node.name} is still Ready: a run waits until the API calls it silent, at most {SILENT_SECONDS} s")
        return judge.SILENT
    return judge.SILENT if falls_silent(api, node.full_name) else judge.REPORTS


def without_quorum(run: Run, api: KubernetesApi, node: Node) -> str:
    """Why etcd cannot let the member of a node go; "" where it can, and where there is none."""
    from tasks.removal import safety  # noqa: PLC0415  few runs need it

    if node.role != "control_plane" or not run.intent.kubeadm.stacked_etcd:
        return ""
    return safety.without_quorum(node, Peers(run, node, api, api.nodes()).members, ())
