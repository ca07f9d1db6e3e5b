"""Labels, annotations and taints: only what is ours is ever changed or taken away."""

from collections.abc import Callable
from typing import Any

import pytest

from kubepeer.intent import Intent
from kubepeer.intent.node_settings import NodeSettings
from kubepeer.run import Run
from tasks.cluster import node_settings, node_tasks
from tasks.cluster.api import KubernetesApi
from tasks.cluster.refusal import ApiRefusal

NODE, WORKER = "/api/v1/nodes/k8s-calico-worker-10-31-90-4.tinychen.io", "k8s-calico-worker-10-31-90-4"


def node(labels: Any = None, annotations: Any = None, taints: Any = None) -> dict[str, Any]:
    metadata = {
        "name": f"{WORKER}.tinychen.io",
        "resourceVersion": "7",
        "labels": labels or {},
        "annotations": annotations or {},
    }
    return {"metadata": metadata, "spec": {"taints": taints} if taints else {}}


@pytest.mark.cases("node_settings")
def test_a_node_is_changed_by_this_patch(case: dict[str, Any]) -> None:
    found = node_settings.plan(NodeSettings(**case["settings"]), node(**case["node"]))
    assert (found.patch if found else None) == case["patch"]
    if found:
        assert (found.change.before, found.change.after) == (case["before"], case["after"])


class Api:
    """Nodes, of which the first write meets a conflict."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts, self.node, self.patches = conflicts, node(), list[dict[str, Any]]()

    def items(self, path: str) -> list[dict[str, Any]]:
        assert path == "/api/v1/nodes"
        return [self.node]

    def call(self, method: str, path: str, *, body: Any = None, content_type: str = "") -> Any:
        assert path == NODE
        if method == "GET":
            self.node["metadata"]["resourceVersion"] = "8"
            return self.node
        assert content_type == "application/merge-patch+json"
        if self.conflicts:
            self.conflicts -= 1
            raise ApiRefusal(409, "PATCH", "the object has been modified")
        self.patches.append(body)
        return None


@pytest.fixture
def labelled(intent_of: Callable[..., Intent]) -> Intent:
    return intent_of(hosts={WORKER: {"data": {"labels": {"zone": "a"}}}})


@pytest.mark.parametrize(("conflicts", "version"), [(0, "7"), (2, "8")])
def test_a_node_that_somebody_else_has_written_is_read_again(
    labelled: Intent, run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, conflicts: int, version: str
) -> None:
    api = Api(conflicts)
    monkeypatch.setattr(node_tasks, "api_that_answered", lambda _: api)
    run = run_of(WORKER, intent=labelled)
    task: Any = type("Task", (), {"host": run.nornir.inventory.hosts[WORKER]})
    result: Any = node_tasks.settle_nodes(task, run)
    assert [change.what for change in result.changes] == [f"Node {WORKER}.tinychen.io"]
    assert [patch["metadata"]["resourceVersion"] for patch in api.patches] == [version]


def test_a_dry_run_writes_nothing_and_shows_the_same(
    labelled: Intent, run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(0)
    monkeypatch.setattr(node_tasks, "api_that_answered", lambda _: api)
    run = run_of(WORKER, intent=labelled, dry_run=True)
    task: Any = type("Task", (), {"host": run.nornir.inventory.hosts[WORKER]})
    result: Any = node_tasks.settle_nodes(task, run)
    assert "+  zone: a" in result.changes[0].diff.splitlines()
    assert api.patches == []


def test_the_same_by_a_real_server(
    connected: KubernetesApi, server: Any, labelled: Intent, run_of: Any, monkeypatch: Any
) -> None:
    server.state.objects["/api/v1/nodes"] = {"items": [node(labels={"team": "red"})]}
    server.state.objects[NODE] = node(labels={"team": "red"})
    monkeypatch.setattr(node_tasks, "api_that_answered", lambda _: connected)
    run = run_of(WORKER, intent=labelled)
    task: Any = type("Task", (), {"host": run.nornir.inventory.hosts[WORKER]})
    node_tasks.settle_nodes(task, run)
    assert server.state.written() == [NODE]
    assert server.state.requests[-1].content_type == "application/merge-patch+json"
    assert server.state.objects[NODE]["metadata"]["labels"] == {"team": "red", "zone": "a"}
