"""The phase that gives the nodes their labels, annotations and taints."""

from nornir.core.task import Result, Task

from kubepeer.change import Change, made
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster import node_settings
from tasks.cluster.access import ASKED_API, api_that_answered
from tasks.cluster.api import ATTEMPTS, KubernetesApi, Manifest
from tasks.cluster.differences import CONFLICT
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
    return done(task, changes)


def _settle(run: Run, api: KubernetesApi, node: Node, stands: Manifest) -> Change | None:
    """One node; when somebody else writes in between, it is read again."""
    path = f"{NODES}/{node.full_name}"
    for attempt in range(1, ATTEMPTS + 1):
        planned = node_settings.plan(node.settings, stands)
        if planned is None or run.options.dry_run:
            return planned.change if planned else None
        try:
            api.call("PATCH", path, body=planned.patch, content_type="application/merge-patch+json")
        except ApiRefusal as refusal:
            if attempt == ATTEMPTS or refusal.status != CONFLICT:
                raise
            stands = api.call("GET", path)
        else:
            made(planned.change)
            return planned.change
    raise AssertionError
