"""What drain.py and undrain.py find before they begin, and the runbooks as commands."""

import json
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, RefusedError
from kubepeer.run import Run
from tasks.cluster.drained import DRAINED, Before
from tasks.control_plane.etcd import Member
from tasks.drain import look
from tasks.drain.selection import for_drain
from tasks.routes.expected import EXCLUDED, ClusterObjects
from tests.conftest import CHECKOUT
from tests.unit.drain.test_drain_plans import pod
from tests.unit.routes.test_expected import objects

WORKER, MASTER = "k8s-calico-worker-10-31-90-4", "k8s-calico-master-10-31-90-2"
NAMES = {
    **{f"k8s-calico-master-10-31-90-{number}.tinychen.io": f"10.31.90.{number}" for number in (1, 2, 3)},
    **{f"k8s-calico-worker-10-31-90-{number}.tinychen.io": f"10.31.90.{number}" for number in (4, 5, 6)},
}
CLUSTER = {"nodes": NAMES, "clusterIPs": ["10.33.128.0/18"], "loadBalancerIPs": ["10.33.192.0/18"]}


@pytest.fixture
def found(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Run]]:
    """Let a preflight look at a cluster of these objects, pods and etcd members; gives its result and the run."""

    def start(task: Any, name: str, cluster: ClusterObjects, *pods: Any, members: Any = (), **further: Any) -> Any:
        monkeypatch.setattr(look, "open_api", lambda *_, **__: None)
        monkeypatch.setattr(look, "read_objects", lambda _: cluster)
        monkeypatch.setattr(look, "pods_on", lambda *_: list(pods))
        monkeypatch.setattr(look, "Peers", lambda *_: SimpleNamespace(members=members))
        run = run_of(name, further=further)
        return task(SimpleNamespace(host=SimpleNamespace(name=name)), run), run

    return start


def with_node(
    cluster: ClusterObjects, name: str, *, labels: Any = None, before: Before | None = None, **spec: Any
) -> Any:
    """The cluster with one node otherwise."""
    nodes = [dict(one) for one in cluster.nodes]
    for one in nodes:
        if one["metadata"]["name"] == f"{name}.tinychen.io":
            annotations = {DRAINED: before.text} if before else {}
            one["metadata"] = {**one["metadata"], "labels": labels or {}, "annotations": annotations}
            one["spec"] = spec
    return replace(cluster, nodes=tuple(nodes))


def test_a_worker_may_go_and_what_leaves_with_it_is_told(found: Callable[..., Any]) -> None:
    result, run = found(look.preflight_drain, WORKER, objects(CLUSTER), pod("web-1", owner="ReplicaSet"))
    assert result.result == "pods: 1 to evict, 0 stay; prefixes: 2"
    assert [str(one.prefix) for one in run.recall(look.LEAVING) or ()] == ["10.33.128.0/18", "10.33.192.0/18"]
    assert run.warnings == []


def test_every_reason_against_it_is_told_at_once(found: Callable[..., Any]) -> None:
    cluster = objects({**CLUSTER, "labels": {name: {EXCLUDED: "true"} for name in NAMES if WORKER not in name}})
    with pytest.raises(RefusedError) as caught:
        found(look.preflight_drain, WORKER, cluster, pod("alone"))
    said = str(caught.value)
    for reason in ("10.33.128.0/18", "10.33.192.0/18", "pod shop/alone has no controller", "Nothing was changed."):
        assert reason in said


def test_a_node_that_was_excluded_by_hand_announces_nothing_that_could_be_lost(found: Callable[..., Any]) -> None:
    cluster = objects({**CLUSTER, "labels": {name: {EXCLUDED: "true"} for name in NAMES}})
    _, run = found(look.preflight_drain, WORKER, cluster)
    assert run.recall(look.LEAVING) == ()


def test_the_second_run_of_a_drain_waits_for_the_same_prefixes(found: Callable[..., Any]) -> None:
    cluster = with_node(objects(CLUSTER), WORKER, labels={EXCLUDED: "true"}, before=Before(None))
    _, run = found(look.preflight_drain, WORKER, cluster)
    assert len(run.recall(look.LEAVING) or ()) == 2


def test_a_control_plane_may_not_go_beside_one_that_is_drained(found: Callable[..., Any]) -> None:
    members = [Member(number, f"m{number}", f"10.31.90.{number}", learner=False, running=True) for number in (1, 2, 3)]
    result, _ = found(look.preflight_drain, MASTER, objects(CLUSTER), members=members)
    assert not result.failed
    cluster = with_node(objects(CLUSTER), "k8s-calico-master-10-31-90-3", before=Before(""))
    with pytest.raises(
        RefusedError, match=r"of etcd's 3 members 1 would be left .*10-31-90-3 is drained.* quorum is 2"
    ):
        found(look.preflight_drain, MASTER, cluster, members=members)


@pytest.mark.parametrize("selector", ["web", "mail"])
def test_a_pod_that_would_come_back_stays_and_is_a_warning_where_it_serves(
    found: Callable[..., Any], selector: str
) -> None:
    services = ({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"selector": {"app": selector}}},)
    cluster = replace(objects(CLUSTER), services=services)
    tolerant = pod("web-1", owner="ReplicaSet", labels={"app": "web"}, tolerations=[{"operator": "Exists"}])
    result, run = found(look.preflight_drain, WORKER, cluster, tolerant)
    assert result.result.startswith("pods: 0 to evict, 1 stay")
    told = [line for line in run.warnings if line.startswith("shop/web-1: stays, since it tolerates the cordon")]
    assert len(told) == len(run.warnings) == (selector == "web")


def test_a_pod_without_a_hook_is_a_warning(found: Callable[..., Any]) -> None:
    services = ({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"selector": {"app": "web"}}},)
    cluster = replace(objects(CLUSTER), services=services)
    _, run = found(look.preflight_drain, WORKER, cluster, pod("web-1", owner="ReplicaSet", labels={"app": "web"}))
    (line,) = run.warnings
    assert line.startswith("shop/web-1: no preStop hook")


@pytest.mark.parametrize("task", [look.preflight_drain, look.preflight_undrain])
def test_a_node_that_the_cluster_does_not_have_is_named(found: Callable[..., Any], task: Any) -> None:
    cluster = objects({**CLUSTER, "nodes": {name: address for name, address in NAMES.items() if WORKER not in name}})
    with pytest.raises(CommandError, match=f"has no node {WORKER}.tinychen.io"):
        found(task, WORKER, cluster)


@pytest.mark.parametrize(
    ("node", "warning", "prefixes"),
    [
        ({}, "", 2),
        ({"before": Before(None), "labels": {EXCLUDED: "true"}, "unschedulable": True}, "", 2),
        ({"before": Before("true"), "labels": {EXCLUDED: "true"}}, "", 0),
        ({"unschedulable": True}, f"{WORKER} was not drained by drain.py", 2),
        ({"labels": {EXCLUDED: "true"}}, f"{WORKER} was not drained by drain.py", 0),
        ({"before": Before(None, unschedulable=True), "unschedulable": True}, "was cordoned before it was drained", 2),
    ],
    ids=["as_ever", "drained", "excluded_before", "cordoned_by_hand", "excluded_by_hand", "cordoned_before"],
)
def test_what_undrain_waits_for_and_what_it_leaves_to_others(
    found: Callable[..., Any], node: dict[str, Any], warning: str, prefixes: int
) -> None:
    _, run = found(look.preflight_undrain, WORKER, with_node(objects(CLUSTER), WORKER, **node))
    assert len(run.recall(look.LEAVING) or ()) == prefixes
    assert [warning in line for line in run.warnings] == ([True] if warning else [])


@pytest.fixture
def command(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """A runbook as a command, on an inventory without a namespace."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    config = project(config={"user_defined": {"host_keys": "strict"}}).config_file

    def call(name: str, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", "--config", str(config), *arguments])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(CHECKOUT / "runbooks" / f"{name}.py"), run_name="__main__")
        return int(caught.value.code or 0)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["drain", "undrain"])
@pytest.mark.parametrize("arguments", [(), ("nobody",), (WORKER, "--host", WORKER), ("openwrt",)])
def test_a_mistake_of_the_command_line_is_exit_2(
    command: Callable[..., int], name: str, arguments: tuple[str, ...]
) -> None:
    assert command(name, *arguments) == 2


def test_a_mistake_is_json_where_json_is_asked_for(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("drain", "nobody", "--output", "json") == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["runbook"], document["ok"]) == ("drain", False)
    assert document["error"].startswith("No node is called nobody.")


def test_a_drain_takes_what_kubectl_drain_takes() -> None:
    given = parse(
        "drain",
        "",
        [WORKER, "--force", "--delete-emptydir-data", "--grace-period", "5", "--timeout", "60"],
        further=for_drain,
    )
    assert given.further == {
        "node": WORKER, "force": True, "delete_emptydir_data": True, "grace_period": 5, "timeout": 60.0,
    }  # fmt: skip
