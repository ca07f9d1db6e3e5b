"""The steps that touch the cluster and the routers: eviction, what is written in which order, and the waiting for routes."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import CommandLine, parse
from kubepeer.errors import CommandError, KubepeerError, RefusedError, UnreachableError, UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.cluster.drained import DRAINED
from tasks.cluster.refusal import ApiRefusal
from tasks.drain import eviction, look, routers, selection, steps
from tasks.platforms.seen import RouterSeen
from tasks.routes.expected import EXCLUDED
from tests.unit.drain.test_drain_plans import ROUTES, pod, seen_of

WORKER = "k8s-calico-worker-10-31-90-4"
NODE = f"{WORKER}.tinychen.io"
TASK: Any = SimpleNamespace(host=SimpleNamespace(name=WORKER))
ROUTER: Any = SimpleNamespace(host=SimpleNamespace(name="r1"))
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


class Api:
    """A node with pods; a refusal for each eviction in its turn, and then the pod ends when it is looked for again."""

    def __init__(self, *pods: dict[str, Any], refusals: Iterable[Exception] = (), ends: bool = True) -> None:
        self.pods, self.refusals, self.ends = list(pods), list(refusals), ends
        self.evicted: list[dict[str, Any]] = []
        self.writes: list[dict[str, Any]] = []
        self.node: dict[str, Any] = {"metadata": {"name": NODE, "labels": {}, "annotations": {}}, "spec": {}}

    def get(self, path: str, query: Any = None) -> Any:
        if path == "/api/v1/pods":
            assert query["fieldSelector"] == f"spec.nodeName={NODE}"
            listed = list(self.pods)
            if self.ends:
                gone = {body["deleteOptions"]["preconditions"]["uid"] for body in self.evicted}
                self.pods = [one for one in self.pods if one["metadata"]["uid"] not in gone]
            return {"items": listed}
        return {"kind": "APIResourceList"} if path == "/apis/policy/v1" else None

    def call(self, method: str, path: str, *, body: Any = None, content_type: str = "") -> Any:
        if method == "GET":
            return self.node
        if method == "PATCH":
            assert content_type == "application/merge-patch+json"
            self.writes.append(body)
            for key in ("labels", "annotations"):
                self.node["metadata"][key] |= body["metadata"].get(key, {})
            return None
        assert (method, path) == ("POST", f"/api/v1/namespaces/shop/pods/{body['metadata']['name']}/eviction")
        if self.refusals:
            raise self.refusals.pop(0)
        self.evicted.append(body)
        return {}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((waits, "ASK_SECONDS"), (routers, "INTERVAL_SECONDS")):
        monkeypatch.setattr(module, name, 0.001)


@pytest.fixture
def evicting(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, quick: None) -> Callable[..., Any]:
    """Evict the pods of an API; what the command line says, by name."""

    def start(api: Api, *, dry_run: bool = False, **further: Any) -> Any:
        monkeypatch.setattr(eviction, "open_api", lambda _: api)
        return eviction.evict(TASK, run_of(WORKER, dry_run=dry_run, further=further))

    return start


def test_pods_are_evicted_by_their_own_identity_and_daemon_sets_stay(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"), pod("net-x", owner="DaemonSet"), pod("web-2", owner="ReplicaSet"))
    result = evicting(api)
    assert [change.what for change in result.changes] == ["pod shop/web-1", "pod shop/web-2"]
    assert [body["deleteOptions"] for body in api.evicted] == [
        {"preconditions": {"uid": "uid-web-1"}},
        {"preconditions": {"uid": "uid-web-2"}},
    ]
    assert {body["apiVersion"] for body in api.evicted} == {"policy/v1"}
    assert result.result == "1 stay"


def test_a_grace_period_is_passed_on(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"))
    evicting(api, grace_period=5)
    assert api.evicted[0]["deleteOptions"]["gracePeriodSeconds"] == 5


@pytest.mark.parametrize(
    "refusal",
    [
        ApiRefusal(429, "POST", BUDGET),
        ApiRefusal(500, "POST", "etcdserver: leader changed"),
        ApiRefusal(403, "POST", "unable to create new content in namespace shop because it is being terminated"),
        UnreachableError("the Kubernetes API does not answer"),
        ApiRefusal(409, "POST", "the UID in the precondition does not match"),
    ],
    ids=["a_budget", "an_election", "a_namespace_that_goes", "no_answer", "another_of_that_name"],
)
def test_what_may_pass_is_asked_again(evicting: Callable[..., Any], refusal: Exception) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"), refusals=[refusal, refusal])
    result = evicting(api)
    assert len(api.evicted) == len(result.changes) == 1


def test_a_pod_that_went_by_itself_is_no_change(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet", ending=True))
    original, looks = api.get, []

    def get(path: str, query: Any = None) -> Any:
        looks.append(path)
        if len(looks) > 3:
            api.pods = []
        return original(path, query)

    api.get = get  # type: ignore[method-assign]
    assert evicting(api).changes == ()
    assert api.evicted == []


def test_what_does_not_pass_ends_it_at_once(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"), refusals=[ApiRefusal(403, "POST", "forbidden")])
    with pytest.raises(CommandError, match="403: forbidden"):
        evicting(api)


def test_the_deadline_says_which_pods_are_left_and_why(evicting: Callable[..., Any]) -> None:
    api = Api(
        pod("web-1", owner="ReplicaSet"),
        pod("web-2", owner="ReplicaSet"),
        refusals=[ApiRefusal(429, "POST", BUDGET)] + [ApiRefusal(429, "POST", BUDGET)] * 10_000,
    )
    with pytest.raises(CommandError) as caught:
        evicting(api, timeout=0.05)
    said = str(caught.value)
    assert said.startswith(
        f"{WORKER}: after 0 s: pods are left on {WORKER}: shop/web-1: {BUDGET}; shop/web-2: {BUDGET}"
    )
    assert "a budget that never allows it is the owner's to change" in said


def test_a_pod_that_does_not_end_is_named(evicting: Callable[..., Any]) -> None:
    with pytest.raises(CommandError, match="shop/web-1: told to go, and not ended yet"):
        evicting(Api(pod("web-1", owner="ReplicaSet"), ends=False), timeout=0.05)


def test_a_pod_of_nobody_that_has_come_since_is_refused(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"), pod("alone"))
    with pytest.raises(RefusedError, match="no pod was evicted: pod shop/alone has no controller"):
        evicting(api)
    assert api.evicted == []


def test_a_dry_run_shows_the_pods_and_evicts_none(evicting: Callable[..., Any]) -> None:
    api = Api(pod("web-1", owner="ReplicaSet"))
    assert [change.diff for change in evicting(api, dry_run=True).changes] == ["- on n1"]
    assert api.evicted == []


def test_what_stood_is_remembered_before_the_label_is_written(
    run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, judged = Api(), []
    monkeypatch.setattr(steps, "open_api", lambda _: api)
    monkeypatch.setattr(steps, "refuse_beside_others", lambda *_: judged.append(len(api.writes)))
    result: Any = steps.exclude(TASK, run_of(WORKER))
    assert [sorted(body["metadata"]) for body in api.writes] == [
        ["annotations", "resourceVersion"],
        ["labels", "resourceVersion"],
    ]
    assert judged == [1], "between the two, when the others can see it"
    assert len(result.changes) == 2
    again: Any = steps.exclude(TASK, run_of(WORKER))
    assert again.changes == ()


def test_of_two_drains_at_the_same_moment_one_takes_back_what_it_has_written(
    run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api()

    def refuse(*_: Any) -> None:
        raise RefusedError("10.33.192.0/18 is announced by this node alone")

    monkeypatch.setattr(steps, "open_api", lambda _: api)
    monkeypatch.setattr(steps, "refuse_beside_others", refuse)
    with pytest.raises(RefusedError):
        steps.exclude(TASK, run_of(WORKER))
    assert EXCLUDED not in api.node["metadata"]["labels"]
    assert api.node["metadata"]["annotations"] == {DRAINED: None}


def seen(*hops: str) -> RouterSeen:
    return seen_of({"bgp": hops, "rib": hops, "kernel": hops})


BOTH, WITHOUT = seen("10.0.0.1", "10.0.0.2"), seen("10.0.0.2")


@pytest.fixture
def asked(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, quick: None) -> Callable[..., Any]:
    """Let a task ask a router that shows this, then that, the last for ever; gives the result and how often it was asked."""

    def start(task: Any, *shown: Any, **options: Any) -> tuple[Any, int]:
        left, times = list(shown), []

        def answer(*_: Any) -> RouterSeen:
            times.append(1)
            one = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(one, Exception):
                raise one
            found: RouterSeen = one
            return found

        monkeypatch.setattr(routers, "look", answer)
        run = run_of(WORKER, **options)
        run.keep(look.LEAVING, ROUTES)
        return task(ROUTER, run), len(times)

    return start


def test_a_router_is_asked_until_it_has_forgotten_the_node(asked: Callable[..., Any]) -> None:
    result, times = asked(routers.gone, BOTH, UnreachableError("the API is moving"), BOTH, WITHOUT)
    assert (times, result.failed, result.result) == (4, False, "10.33.192.0/18: 1 next hop")
    assert [(one.layer, one.observed) for one in result.findings] == [
        (layer, ("10.0.0.2",)) for layer in ("bgp", "rib", "kernel")
    ]


def test_the_deadline_says_what_was_waited_for_and_seen_last(
    asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "WITHDRAWN_SECONDS", 0.05)
    with pytest.raises(CommandError) as caught:
        asked(routers.gone, BOTH)
    said = str(caught.value)
    assert said.startswith("r1: after 0 s the router still sends to the node: 10.33.192.0/18 in bgp, rib, kernel")
    assert "next hops 10.0.0.1, 10.0.0.2" in said
    assert "undrain.py" in said


def test_a_router_that_cannot_be_read_until_the_deadline_is_its_own_error(
    asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "WITHDRAWN_SECONDS", 0.02)
    with pytest.raises(KubepeerError, match="gone"):
        asked(routers.gone, UnreachableError("gone"))


def test_the_last_next_hop_is_refused_before_anything_is_written(asked: Callable[..., Any]) -> None:
    with pytest.raises(RefusedError, match=r"cannot be drained: .* no next hop would be left .*Nothing was changed"):
        asked(routers.may_go, seen("10.0.0.1"))
    result, times = asked(routers.may_go, BOTH)
    assert (times, result.result) == (1, "10.33.192.0/18: 2 next hops")


def test_it_is_back_when_every_layer_has_it(asked: Callable[..., Any]) -> None:
    result, times = asked(routers.back, WITHOUT, BOTH)
    assert (times, result.result) == (2, "10.33.192.0/18: 2 next hops")


@pytest.mark.parametrize("task", [routers.gone, routers.back, routers.sessions])
def test_a_dry_run_waits_for_nothing(asked: Callable[..., Any], task: Any) -> None:
    result, times = asked(task, BOTH, dry_run=True)
    assert (result.failed, times) == (False, 0)


def test_a_session_is_waited_for_with_what_the_router_says_of_it(
    asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "SESSIONS_SECONDS", 0.02)
    with pytest.raises(CommandError, match=r"no session: 10\.0\.0\.1 not configured"):
        asked(routers.sessions, BOTH)


def command_line(*arguments: str) -> CommandLine:
    return parse("drain", "", arguments, further=selection.for_drain)


@pytest.mark.parametrize("name", [WORKER, NODE])
def test_a_node_is_named_as_in_the_inventory_or_as_in_the_cluster(untouched_intent: Intent, name: str) -> None:
    assert selection.by_name(command_line(name), untouched_intent).hosts == (WORKER,)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody",), "No node is called nobody. Nodes: k8s-calico-master-10-31-90-1, "),
        (("openwrt",), "No node is called openwrt"),
        ((WORKER, "--host", "openwrt"), "--group and --host have no meaning here"),
        ((WORKER, "--group", "worker"), "--group and --host have no meaning here"),
    ],
)
def test_anything_else_is_a_mistake_of_the_command_line(
    untouched_intent: Intent, arguments: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        selection.by_name(command_line(*arguments), untouched_intent)
    assert str(caught.value).startswith(says)
    assert "Nothing was contacted." in str(caught.value)


@pytest.fixture
def untouched_intent(intent_of: Callable[..., Intent]) -> Intent:
    return intent_of()
