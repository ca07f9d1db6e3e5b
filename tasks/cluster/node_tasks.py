"""The phase that gives the nodes their labels, annotations and taints."""

from collections.abc import Callable
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change, about_to_change, made
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster import node_settings
from tasks.cluster.access import ASKED_API, api_that_answered
from tasks.cluster.api import ATTEMPTS, KubernetesApi, Manifest
from tasks.cluster.differences import CONFLICT
from tasks.cluster.drained import drained_of
from tasks.cluster.refusal import ApiRefusal

NODES = "/api/v1/nodes"


@hands_over(gives=ASKED_API)
def settle_nodes(task: Task, run: Run) -> Result:
    """Labels, annotations and taints of the chosen nodes; in a cluster that is not there yet, of none."""
    api = api_that_answered(run)
    if api is None:
        return done(task)
    standing = {node["metadata"]["name"]: node for node in api.items(NODES)}
    changes = [
        change
        for node in run.intent.nodes
        if node.name in run.chosen
        and node.full_name in standing
        and (change := _settle(run, api, node, standing[node.full_name])) is not None
    ]
    for name in drained_of(standing.values()):
        run.warn(f"{name} is drained: it stays so until python runbooks/undrain.py {name}")
    return done(task, changes)


def _settle(run: Run, api: KubernetesApi, node: Node, stands: Manifest) -> Change | None:
    return write(run, api, node.full_name, partial(node_settings.plan, node.settings), stands)


def write(
    run: Run,
    api: KubernetesApi,
    full_name: str,
    plan: Callable[[Manifest], node_settings.Planned | None],
    stands: Manifest | None = None,
) -> Change | None:
    """Change a Node as planned, unless nothing is to be changed; when somebody else writes in between, it is read and planned again.

    Args:
        run: the running run.
        api: the API.
        full_name: of the node in the cluster.
        plan: from the object as it stands; None where nothing is to be changed.
        stands: the object, where it has been read already.

    """
    path = f"{NODES}/{full_name}"
    for attempt in range(1, ATTEMPTS + 1):
        planned = plan(api.call("GET", path) if stands is None else stands)
        if planned is None or run.options.dry_run:
            return planned.change if planned else None
        about_to_change((planned.change,))
        try:
            api.call("PATCH", path, body=planned.patch, content_type="application/merge-patch+json")
        except ApiRefusal as refusal:
            if attempt == ATTEMPTS or refusal.status != CONFLICT:
                raise
            stands = None
        else:
            made(planned.change)
            return planned.change
    raise AssertionError
