"""The order of upgrade.py, batch after batch; what a failure ends; what is refused before anything is touched."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, RefusedError, UsageError
from kubepeer.intent import Intent
from kubepeer.memory import Memory
from kubepeer.phases import Phase
from kubepeer.run import Run, done
from tasks.cluster.drained import DRAINED, Before
from tasks.control_plane.etcd import Member
from tasks.control_plane.record import SETTINGS, SettingsSeen
from tasks.drain import look as draining
from tasks.drain.look import LEAVING, Cluster
from tasks.drain.safety import Leaving
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.nodes.facts import FACTS
from tasks.nodes.repository import Repository
from tasks.routes.expected import EXCLUDED
from tasks.upgrade import batch, look, network, selection, steps
from tasks.upgrade.seen import STATIC_PODS, VERSIONS, NodeVersions
from tasks.upgrade.turns import in_turn, run_in_turns
from tests.unit.answering import answered
from tests.unit.conftest import Observer
from tests.unit.drain.test_drain_plans import pod
from tests.unit.drain.test_drain_preflight import CLUSTER, NAMES
from tests.unit.nodes.test_preflight import good
from tests.unit.routes.test_expected import objects

OLD, NEW = "1.25.4", "1.26.0"  # of the shipped inventory's seed
EVERYONE = tuple(name.partition(".")[0] for name in NAMES)
MASTERS, WORKERS = EVERYONE[:3], EVERYONE[3:]
ROUTERS = ("openwrt", "tiny-unraid")
LEARNT = Memory[str]("what a phase of the test has learnt")


def has(kubelet: str, pods: str = "", *, unfinished: str = "") -> NodeVersions:
    every = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), kubelet)
    return NodeVersions(every, kubelet, dict.fromkeys(STATIC_PODS, pods) if pods else {}, unfinished=unfinished)


def all_have(version: str) -> dict[str, NodeVersions]:
    return {name: has(version, version if name in MASTERS else "") for name in EVERYONE}


@pytest.fixture
def started(run_of: Callable[..., Run]) -> Callable[..., Run]:
    """A run whose nodes have been seen; keywords are arguments of the command line."""

    def start(
        found: dict[str, NodeVersions], *, chosen: Iterable[str] | None = None, out: Any = (), **further: Any
    ) -> Run:
        everyone = (*EVERYONE, *ROUTERS)
        run = run_of(*everyone, chosen=list(everyone if chosen is None else chosen), further={"batch": "1", **further})
        for name, one in found.items():
            run.keep(VERSIONS, one, of=name)
        run.keep(selection.OUT, frozenset(out))
        return run

    return start


def test_kubeadm_goes_from_the_first_control_plane_on_and_kubelets_follow(started: Callable[..., Run]) -> None:
    run = started(all_have(OLD), batch="2")
    assert selection.each_control_plane(run) == [[name] for name in MASTERS]
    assert selection.each_kubelet_of_a_control_plane(run) == [[name] for name in MASTERS]
    assert selection.batches_of_workers(run) == [list(WORKERS[:2]), list(WORKERS[2:])]
    assert list(selection.one_that_plans(run)) == list(selection.one_that_saves(run)) == [MASTERS[0]]
    assert list(selection.nodes_behind(run)) == list(EVERYONE)


def test_a_run_that_was_cut_off_goes_on_with_what_is_left(started: Callable[..., Run]) -> None:
    found = all_have(OLD) | {
        MASTERS[0]: has(OLD, NEW),
        MASTERS[1]: has(OLD, NEW, unfinished=NEW),
        WORKERS[0]: has(NEW),
        WORKERS[2]: has(NEW),
    }
    run = started(found, out=[WORKERS[2]])
    assert selection.each_control_plane(run) == [[MASTERS[1]], [MASTERS[2]]]
    assert list(selection.one_that_plans(run)) == []
    assert selection.batches_of_workers(run) == [[WORKERS[2]], [WORKERS[1]]], "whoever is out comes back first"


def test_when_all_have_it_nobody_has_a_turn(started: Callable[..., Run]) -> None:
    run = started(all_have(NEW))
    every = (selection.each_control_plane, selection.each_kubelet_of_a_control_plane, selection.batches_of_workers)
    assert [batches(run) for batches in every] == [[], [], []]
    once = (selection.nodes_behind, selection.one_that_saves, selection.one_that_plans, selection.one_that_speaks)
    assert [list(on(run)) for on in once] == [[], [], [], []]


@pytest.mark.parametrize(
    ("asked", "calico", "balancer"),
    [({}, [], []), ({"calico": True}, [MASTERS[0]], []), ({"load_balancer": True}, [], [MASTERS[0]])],
)
def test_calico_and_the_load_balancer_go_on_request_alone(
    started: Callable[..., Run], asked: dict[str, bool], calico: list[str], balancer: list[str]
) -> None:
    run = started(all_have(NEW), **asked)
    assert list(selection.with_calico(run)) == calico
    assert list(selection.routers_after_calico(run)) == (list(ROUTERS) if calico else [])
    assert list(selection.with_load_balancer(run)) == balancer


def test_what_stands_against_the_clusters_objects_is_told_before_anything_is_touched(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole cluster, whichever hosts were chosen; not asked where nobody wants them upgraded."""
    asked = []

    def refuse(run: Run) -> None:
        asked.append(run.chosen)
        raise RefusedError("Calico does not go back. Nothing was changed on any host.", host="k8s-calico")

    monkeypatch.setattr(network.tasks, "refuse_early", refuse)
    assert network.refusal(started(all_have(NEW))) is None
    assert not asked
    refused = network.refusal(started(all_have(NEW), chosen=[WORKERS[0]], calico=True))
    assert "Calico does not go back" in str(refused)
    assert [set(one) for one in asked] == [{*EVERYONE, *ROUTERS}]


@pytest.mark.parametrize("asked", ["calico", "load_balancer"])
@pytest.mark.parametrize("words", [["--host", WORKERS[0]], ["--group", "worker"]])
def test_what_is_of_the_whole_cluster_goes_with_no_filter(intent_of: Any, asked: str, words: list[str]) -> None:
    flag = f"--{asked.replace('_', '-')}"
    given = parse("upgrade", "", [flag, *words], further=selection.arguments)
    with pytest.raises(UsageError, match=f"{flag} is for the whole cluster"):
        selection.checked(given, intent_of())


def test_a_runtime_whose_restart_was_cut_off_is_behind_still(started: Callable[..., Run]) -> None:
    """The package is the newest, and the old program runs."""
    run = started(all_have(NEW), containerd=True)
    node = run.intent.node(WORKERS[0])
    run.keep(FACTS, good(run.intent, 0.0)[node.name], of=node.name)
    run.keep(SETTINGS, SettingsSeen(), of=node.name)
    before = selection.runtime_behind(run, node)
    run.keep(SETTINGS, SettingsSeen(restarts=frozenset({"containerd"})), of=node.name)
    assert not before
    assert selection.runtime_behind(run, node)


def test_the_only_member_of_etcd_is_no_reason_where_its_machine_stays(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(all_have(OLD))
    node = run.intent.node(MASTERS[0])
    cluster = Cluster(node, {"metadata": {"name": node.full_name}}, objects({"nodes": {}}))
    only = [Member(1, node.full_name, str(node.address), learner=False, running=True)]
    monkeypatch.setattr(draining, "Peers", lambda *_: SimpleNamespace(members=only))
    assert cluster.reasons(run, SimpleNamespace(), ()) == ["of etcd's 1 members 0 would be left, and its quorum is 1"]
    assert cluster.reasons(run, SimpleNamespace(), (), stays=True) == []


def test_a_filter_limits_who_has_a_turn(started: Callable[..., Run]) -> None:
    run = started(all_have(OLD) | {name: has(NEW, NEW) for name in MASTERS}, chosen=[WORKERS[1]])
    assert selection.batches_of_workers(run) == [[WORKERS[1]]]
    assert list(selection.nodes_behind(run)) == [WORKERS[1]]


class Listener(Observer):
    """An observer who hears, too, whose turn it is."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, line: str, style: str = "") -> None:  # noqa: ARG002  as it is said
        self.said.append(line.strip())


@pytest.fixture
def observer() -> Listener:
    return Listener()


class Steps:
    """Phases that write down who did what, and fail where they are told to."""

    def __init__(self, fails: tuple[str, str] = ("", "")) -> None:
        self.done: list[tuple[str, str]] = []
        self.fails = fails

    def phase(self, title: str, on: Any, needs: Any = None) -> Phase:
        def task(task: Task, run: Run) -> Result:
            name = task.host.name
            self.done.append((title, name))
            if (title, name) == self.fails:
                raise CommandError("broken", host=name)
            assert run.recall(LEARNT) in (None, "before", f"{title}")
            run.keep(LEARNT, title)
            return done(task)

        return Phase(title, task, on=on, needs=needs)


def two_blocks(steps: Steps) -> list[Phase]:
    batches: Any = lambda run: [[name] for name in WORKERS if name in run.chosen]  # noqa: E731
    return [
        steps.phase("look", lambda _: [MASTERS[0]]),
        *in_turn(batches, steps.phase("out", selection.the_batch), steps.phase("back", selection.the_batch)),
        steps.phase("end", lambda _: [MASTERS[0]], needs=lambda _: EVERYONE),
    ]


def test_each_batch_is_whole_before_the_next_begins(started: Callable[..., Run], observer: Listener) -> None:
    steps = Steps()
    run = started({})
    phases = [replace(one, task=_without_memory(one.task)) for one in two_blocks(steps)]
    outcomes = run_in_turns(run, phases, observer)
    turns = [(title, name) for name in WORKERS for title in ("out", "back")]
    assert steps.done == [("look", MASTERS[0]), *turns, ("end", MASTERS[0])]
    assert [outcome.title for outcome in outcomes] == ["look", *["out", "back"] * 3, "end"]
    assert run.warnings == []
    assert observer.said == list(WORKERS)


def _without_memory(task: Any) -> Any:
    def forgetful(one: Task, run: Run) -> Result:
        run.keep(LEARNT, "before")
        result: Result = task(one, run)
        return result

    return forgetful


def test_what_fails_ends_the_rest_and_says_how_to_go_on(started: Callable[..., Run], observer: Listener) -> None:
    steps = Steps(fails=("out", WORKERS[1]))
    run = started({})
    phases = [replace(one, task=_without_memory(one.task)) for one in two_blocks(steps)]
    outcomes = run_in_turns(run, phases, observer)
    assert ("back", WORKERS[1]) not in steps.done
    assert all(name != WORKERS[2] for _, name in steps.done)
    assert outcomes[-1].skipped_because == f"{WORKERS[1]} failed before"
    (warning,) = run.warnings
    assert warning.startswith(
        f"not upgraded, and running as before: {WORKERS[2]}. When the cause is gone, run upgrade.py"
    )


def test_a_batch_remembers_nothing_of_another(started: Callable[..., Run], observer: Listener) -> None:
    learnt: list[str | None] = []

    def task(task: Task, run: Run) -> Result:
        learnt.append(run.recall(LEARNT))
        run.keep(LEARNT, task.host.name)
        assert run.filtered
        return done(task)

    batches: Any = lambda _: [[name] for name in WORKERS]  # noqa: E731
    run = started({})
    run.keep(LEARNT, "what all know")
    run_in_turns(run, [*in_turn(batches, Phase("x", task, on=selection.the_batch))], observer)
    assert learnt == ["what all know"] * 3
    assert run.recall(LEARNT) == "what all know"


def test_a_router_is_asked_for_every_node_of_the_batch_that_has_not_failed(started: Callable[..., Run]) -> None:
    run = started({}, chosen=WORKERS)
    asked: list[str] = []

    def step(task: Task, own: Run) -> Result:
        (name,) = own.chosen
        asked.append(name)
        own.keep(LEAVING, ())
        return done(task, summary="3 next hops")

    run.nornir.data.failed_hosts.add(WORKERS[1])
    task: Any = SimpleNamespace(host=SimpleNamespace(name="openwrt"))
    assert batch._of_each(task, run, step).result == "3 next hops"
    assert asked == [WORKERS[0], WORKERS[2]]
    assert run.recall(LEAVING) is None, "what a node leaves is its own"


def test_what_a_node_that_is_back_announces_is_asked_anew(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pods may have stayed where they were evicted to: a router would be waited for in vain."""
    services, local = (
        Leaving(ip_network(prefix), frozenset(), frozenset()) for prefix in ("10.33.192.0/18", "10.33.192.2/32")
    )
    run = started({}, chosen=WORKERS)
    own = batch.own_run(run, WORKERS[0])
    own.keep(LEAVING, (services, local))
    monkeypatch.setattr(batch.steps, "include", lambda task, _: done(task))
    monkeypatch.setattr(draining, "open_api", lambda *_, **__: None)
    monkeypatch.setattr(Cluster, "read", lambda *_: SimpleNamespace(leaving=lambda _: (services,)))
    task: Any = SimpleNamespace(host=SimpleNamespace(name=WORKERS[0]))
    batch.include(task, run)
    assert own.recall(LEAVING) == (services,)


def manifest(name: str, *, ready: bool = True, before: Before | None = None) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    annotations = {DRAINED: before.text} if before else {}
    labels = {EXCLUDED: "true"} if before else {}
    return {
        "metadata": {"name": f"{name}.tinychen.io", "labels": labels, "annotations": annotations},
        "spec": {},
        "status": {"conditions": conditions},
    }


@pytest.fixture
def refused(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, intent_of: Any
) -> Callable[..., tuple[str, Run]]:
    """What a preflight says of these versions, nodes and pods; "" where nothing stands against it."""

    def look_at(found: dict[str, NodeVersions], *pods: Any, nodes: Any = None, have: str = NEW, **further: Any) -> Any:
        standing = {name: manifest(name) for name in EVERYONE} | (nodes or {})
        cluster = objects(CLUSTER)
        api = SimpleNamespace(items=lambda _: list(standing.values()))
        monkeypatch.setattr(look, "open_api", lambda *_, **__: api)
        monkeypatch.setattr(look, "read_objects", lambda _: cluster)
        monkeypatch.setattr(look.draining, "pods_on", lambda *_: list(pods))
        monkeypatch.setattr(look, "open_shell", lambda *_: None)
        monkeypatch.setattr(look, "ask", lambda *_, **__: None)
        monkeypatch.setattr(look.etcd_state, "read", lambda _: None)
        monkeypatch.setattr(look.etcd_state, "findings", lambda *_: [])
        run = started(found, **further)
        repository = Repository(dict.fromkeys(("kubeadm", "kubelet", "kubectl"), (f"{have}-1.1",)))
        for name, facts in good(run.intent, 0).items():
            lacking = frozenset(("kubeadm", "kubelet", "kubectl"))
            run.keep(FACTS, replace(facts, member=True, repository=repository, lacking=lacking), of=name)
        refusal = look._refusal(run)
        return str(refusal or ""), run

    return look_at


def test_a_cluster_that_is_well_may_go(refused: Any) -> None:
    said, run = refused(all_have(OLD), pod("web-1", owner="ReplicaSet"))
    assert said == ""
    assert run.recall(selection.OUT) == frozenset()


def test_a_version_that_the_repository_has_not(refused: Any) -> None:
    said, _ = refused(all_have(OLD), have="1.26.1")
    assert "have no kubelet, kubeadm, kubectl 1.26.0, but 1.26.1" in said
    assert "Nothing was changed on any host" in said


def test_every_reason_of_the_cluster_at_once(refused: Any) -> None:
    nodes = {
        WORKERS[0]: manifest(WORKERS[0], ready=False),
        WORKERS[1]: manifest(WORKERS[1], before=Before(None)),
    }
    said, _ = refused(all_have(OLD), pod("alone"), nodes=nodes)
    for reason in (
        f"not Ready: {WORKERS[0]}",
        f"drained by somebody: {WORKERS[1]}",
        f"{MASTERS[0]}: pod shop/alone has no controller",
        "Nothing was changed on any host",
    ):
        assert reason in said, said


def test_whoever_an_earlier_run_has_taken_out_is_none_of_these_reasons(refused: Any) -> None:
    nodes = {WORKERS[0]: manifest(WORKERS[0], ready=False, before=Before(None, by=selection.BY))}
    said, run = refused(all_have(OLD), nodes=nodes)
    assert said == ""
    assert run.recall(selection.OUT) == {WORKERS[0]}


def test_what_somebody_has_drained_is_left_alone_when_it_has_the_version(refused: Any) -> None:
    nodes = {WORKERS[0]: manifest(WORKERS[0], before=Before(None))}
    found = all_have(OLD) | {WORKERS[0]: has(NEW)}
    said, run = refused(found, nodes=nodes)
    assert said == ""
    assert [WORKERS[0]] not in selection.batches_of_workers(run)


def test_control_planes_go_first_and_all_of_them(refused: Any) -> None:
    said, _ = refused(all_have(OLD), chosen=WORKERS)
    assert "are left out and not upgraded yet: the control planes go first, and all of them" in said
    said, _ = refused(all_have(OLD) | {name: has(OLD, NEW) for name in MASTERS}, chosen=WORKERS)
    assert said == ""


def test_whoever_is_no_member_is_deployed_first(refused: Any) -> None:
    said, _ = refused(all_have(OLD) | {WORKERS[2]: NodeVersions(member=False)})
    assert f"{WORKERS[2]} is no member of the cluster: python runbooks/deploy.py makes it one" in said


class Machine:
    """A first control plane on which a snapshot stands, or none."""

    def __init__(self, *, stands: bool) -> None:
        self.stands, self.ran = stands, list[str]()

    def run(self, script: str, **_: Any) -> Completed:
        if "@@kubepeer" in script:
            return Completed(0, answered(script, {"snapshot": Answer(0, "there\n" if self.stands else "")}), b"")
        self.ran.append(script)
        return Completed(0, b"", b"")


@pytest.mark.parametrize(
    ("stands", "first", "saves"),
    [(False, has(OLD, OLD), True), (True, has(OLD, OLD), True), (True, has(OLD, NEW), False), (False, has(OLD, NEW), True),
     (True, has(OLD, OLD, unfinished=NEW), False)],
    ids=["none", "of_an_earlier_upgrade", "of_this_one", "gone_in_the_middle", "of_this_one_that_was_cut_off"],
)  # fmt: skip
def test_the_snapshot_is_of_before(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, *, stands: bool, first: NodeVersions, saves: bool
) -> None:
    machine = Machine(stands=stands)
    monkeypatch.setattr(steps, "open_shell", lambda *_: machine)
    run = started(all_have(OLD) | {MASTERS[0]: first})
    task: Any = SimpleNamespace(host=SimpleNamespace(name=MASTERS[0]))
    result = steps.save_etcd(task, run)
    assert bool(result.changes) is saves
    assert len(machine.ran) == int(saves)


@pytest.mark.parametrize(
    ("version", "ready", "says"),
    [(OLD, True, f"the node still reports {OLD}"), (NEW, False, "the node is not Ready"), (NEW, True, "")],
)
def test_a_node_has_come_back_when_it_reports_the_version(version: str, ready: bool, says: str) -> None:  # noqa: FBT001
    node = manifest(WORKERS[0], ready=ready)
    node["status"]["nodeInfo"] = {"kubeletVersion": f"v{version}"}
    assert steps.reports(node, NEW) == says


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--batch", "3"], "--batch 3 would take all 3 workers out at once"),
        (["--batch", "rack"], "--batch rack: not every worker has a rack"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_before_anything_is_contacted(
    words: list[str], says: str, intent_of: Callable[..., Intent]
) -> None:
    given = parse("upgrade", "", words, further=selection.arguments)
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        selection.checked(given, intent_of())
    assert "Nothing was contacted" in str(caught.value)
