"""What remove_node.py finds before it begins, what its steps write and in which order, and the runbook as a command."""

import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, LoginRefusedError, RefusedError, UnreachableError
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.cluster.drained import Before
from tasks.cluster.refusal import ApiRefusal
from tasks.control_plane import endpoint
from tasks.control_plane.etcd import Member
from tasks.control_plane.membership import KUBELET_CONF, MEMBER, MemberSeen
from tasks.drain.look import LEAVING
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.platforms.seen import RouterSeen, Session
from tasks.removal import both_ends, calico, look, selection, steps
from tasks.removal.selection import STANDS, for_removal
from tests.conftest import CHECKOUT
from tests.unit.drain.test_drain_plans import pod
from tests.unit.drain.test_drain_preflight import CLUSTER, NAMES, with_node
from tests.unit.removal.test_removal_plans import affinity, block
from tests.unit.routes.test_expected import objects

WORKER, MASTER = "k8s-calico-worker-10-31-90-4", "k8s-calico-master-10-31-90-2"
FULL = f"{WORKER}.tinychen.io"
EVERYONE = (*(name.partition(".")[0] for name in NAMES), "openwrt", "tiny-unraid")
MEMBERS = tuple(Member(number, f"m{number}", f"10.31.90.{number}", learner=False, running=True) for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)


@pytest.fixture
def started(run_of: Callable[..., Run]) -> Callable[..., Run]:
    """A run that removes a node; keywords are arguments of the command line, and dry_run."""

    def start(name: str, *, dry_run: bool = False, **further: Any) -> Run:
        return run_of(*EVERYONE, chosen=[name], dry_run=dry_run, further=further)

    return start


def task(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


Found = Callable[..., tuple[Any, Run]]


@pytest.fixture
def found(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Found:
    """Let the preflight look at a cluster of these objects, pods and etcd members; gives its result and the run."""

    def start(
        name: str, cluster: Any, *pods: Any, members: Any = MEMBERS, api: Any = None, data: str = "", **options: Any
    ) -> Any:
        said = Seen({"entries": Answer(0, data), "wal": Answer(0, "")}, {})
        monkeypatch.setattr(look, "open_shell", lambda *_: None)
        monkeypatch.setattr(look, "ask", lambda *_: said)
        monkeypatch.setattr(look, "open_api", lambda *_, **__: api)
        monkeypatch.setattr(look, "read_objects", lambda _: cluster)
        monkeypatch.setattr(look.look, "pods_on", lambda *_: list(pods))
        monkeypatch.setattr(look, "Peers", lambda *_: SimpleNamespace(members=members, cluster=7))
        run = started(name, **options)
        return look.preflight(task(name), run), run

    return start


def test_a_worker_may_go_and_what_leaves_with_it_is_told(found: Found) -> None:
    result, run = found(WORKER, objects(CLUSTER), pod("web-1", owner="ReplicaSet"))
    assert result.result == "pods: 1 to evict, 0 stay; prefixes: 2"
    assert len(run.recall(LEAVING) or ()) == 2
    assert run.recall(STANDS) is True
    assert list(selection.the_member(run)) == [WORKER]
    assert list(selection.other_control_planes(run)) == []


def test_every_reason_against_it_is_told_at_once(found: Found) -> None:
    cluster = objects({"nodes": {FULL: "10.31.90.4"}, "loadBalancerIPs": ["10.33.192.0/18"]})
    with pytest.raises(RefusedError) as caught:
        found(WORKER, cluster, pod("alone"))
    said = str(caught.value)
    for reason in ("it is the last node", "10.33.192.0/18", "pod shop/alone has no controller", "Nothing was changed."):
        assert reason in said


def test_a_control_plane_may_not_go_beside_one_that_is_drained(found: Found) -> None:
    result, run = found(MASTER, objects(CLUSTER))
    assert not result.failed
    assert [line for line in run.warnings if line.startswith("2 control planes are left")]
    assert len(list(selection.other_control_planes(run))) == 2
    drained = with_node(objects(CLUSTER), "k8s-calico-master-10-31-90-3", before=Before(""))
    with pytest.raises(RefusedError, match=r"of the 2 members of etcd .* 1 answer \(\S+10-31-90-3 is drained\)"):
        found(MASTER, drained)


def test_a_node_that_the_cluster_has_no_more_is_not_drained_again(found: Found) -> None:
    cluster = objects({**CLUSTER, "nodes": {name: one for name, one in NAMES.items() if name != FULL}})
    result, run = found(WORKER, cluster)
    assert result.result == "is no node of the cluster any more"
    assert (run.recall(STANDS), run.recall(LEAVING)) == (False, ())
    assert (list(selection.the_member(run)), list(selection.the_machine(run))) == ([], [WORKER])


@pytest.mark.parametrize("name", [WORKER, MASTER])
def test_a_machine_that_holds_somebody_elses_etcd_is_not_reset(found: Found, name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        found(name, objects(CLUSTER), data="default\n")
    said = str(caught.value)
    assert "/var/lib/etcd holds default, which is not this cluster's; kubeadm reset would empty /var/lib/etcd" in said
    assert said.endswith("Nothing was changed.")


@pytest.mark.parametrize("name", [WORKER, MASTER])
def test_copies_of_ours_hold_nothing_up_and_are_told_as_lost(found: Found, name: str) -> None:
    result, run = found(name, objects(CLUSTER), data="before-restore-4f\nkubepeer-snapshot.part\n")
    assert not result.failed
    said = f"lost with {name}: /var/lib/etcd/before-restore-4f, /var/lib/etcd/kubepeer-snapshot.part"
    assert said in run.warnings


def test_of_a_dead_machine_nothing_is_asked(found: Found) -> None:
    result, _ = found(WORKER, with_node(objects(CLUSTER), WORKER), api=Nodes(0), data="default\n", dead=True)
    assert not result.failed


def ready(state: str) -> dict[str, Any]:
    return {"metadata": {"name": FULL}, "status": {"conditions": [{"type": "Ready", "status": state}]}}


class Nodes:
    """An API whose node is Ready for so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def get(self, path: str) -> Any:
        assert path == f"/api/v1/nodes/{FULL}"
        self.looks -= 1
        return ready("Unknown" if self.looks < 0 else "True")


def test_of_a_dead_node_nothing_is_drained_and_what_is_lost_is_told(found: Found) -> None:
    cluster = with_node(objects(CLUSTER), WORKER)
    result, run = found(
        WORKER, cluster, pod("alone", empty_dir=["cache"]), pod("net", owner="DaemonSet"), api=Nodes(2), dead=True
    )
    assert result.result == "pods: 2 are lost"
    assert run.warnings == [
        f"lost with {WORKER}: pod shop/alone has no controller that would start it elsewhere; pod shop/alone would lose its emptyDir cache"
    ]
    assert (list(selection.the_member(run)), list(selection.the_machine(run))) == ([], [])
    assert next(iter(selection.all_of_them(run))) == WORKER


def test_a_node_that_reports_to_the_api_is_not_dead(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "SILENT_SECONDS", 0.02)
    with pytest.raises(RefusedError, match=r"its kubelet has reported to the API for 0 s more: the machine lives"):
        found(WORKER, objects(CLUSTER), api=Nodes(10**9), dead=True)


def test_what_answers_is_not_dead(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "answers", lambda _: True)
    with pytest.raises(RefusedError, match="it answers, and --dead is for a machine that is gone"):
        look.observe(task(WORKER), started(WORKER, dead=True))
    monkeypatch.setattr(look, "answers", lambda _: False)
    result: Any = look.observe(task(WORKER), started(WORKER, dead=True))
    assert result.result == "does not answer, as was said"


@pytest.mark.parametrize(
    ("error", "told"),
    [(UnreachableError("no answer", cure="is it up?"), True), (LoginRefusedError("refused", cure="is it up?"), False)],
)
def test_who_does_not_answer_and_is_not_said_to_be_dead_is_an_error(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, error: UnreachableError, *, told: bool
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(look, "observe_host", fail)
    with pytest.raises(UnreachableError) as caught:
        look.observe(task(WORKER), started(WORKER))
    assert ("--dead removes it" in caught.value.cure) is told
    assert caught.value.cure.startswith("is it up?")


def test_the_machines_that_are_changed_are_those_that_are_locked(started: Callable[..., Run]) -> None:
    assert selection.changing(started(WORKER)).chosen == {WORKER}
    assert selection.changing(started(WORKER, dead=True)).chosen == frozenset()
    others = {"k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-3"}
    assert selection.changing(started(MASTER)).chosen == {MASTER, *others}
    assert selection.changing(started(MASTER, dead=True)).chosen == others


def test_what_is_left_is_a_run_of_all_other_hosts_that_shares_its_memory(started: Callable[..., Run]) -> None:
    run = started(WORKER)
    left = selection.remaining(run)
    assert left.chosen == {name for name in EVERYONE if name != WORKER}
    assert not left.filtered
    assert WORKER not in [node.name for node in left.intent.nodes]
    left.keep(STANDS, value=True)
    assert run.recall(STANDS) is True
    assert list(selection.all_routers(run)) == ["openwrt", "tiny-unraid"]


def test_a_control_plane_that_could_not_be_reached_holds_nothing_up(started: Callable[..., Run]) -> None:
    run = started(MASTER, dead=True)
    run.keep(
        MEMBER, MemberSeen((), api_ready=True, admin_conf="", ca="", kubeconfigs=()), of="k8s-calico-master-10-31-90-1"
    )
    assert "k8s-calico-master-10-31-90-1" in selection.all_of_them(run)
    assert "k8s-calico-master-10-31-90-3" not in selection.all_of_them(run)


class Store:
    """Objects by path; a conflict for each that is due, and what is written."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], conflicts: int = 0) -> None:
        self.objects, self.conflicts = objects, conflicts
        self.written: list[tuple[str, str]] = []

    def get(self, path: str, query: Any = None) -> Any:
        for prefix, items in self.objects.items():
            if path == prefix:
                return {
                    "items": [one for one in items if not query or "fieldSelector" not in query or self._on(one, query)]
                }
            if path.startswith(f"{prefix}/"):
                return next((one for one in items if one["metadata"]["name"] == path.rpartition("/")[2]), None)
        return None

    @staticmethod
    def _on(one: dict[str, Any], query: Any) -> bool:
        return query["fieldSelector"] == f"spec.nodeName={one['spec']['nodeName']}"

    def call(self, method: str, path: str, *, body: Any = None) -> Any:
        self._conflict(method, path)
        self.written.append((method, path))
        for prefix, items in self.objects.items():
            if path.startswith(f"{prefix}/"):
                items[:] = [body if one["metadata"]["name"] == body["metadata"]["name"] else one for one in items]

    def delete(self, path: str, options: Any = None) -> None:
        self._conflict("DELETE", path)
        name = path.rpartition("/")[2]
        for items in self.objects.values():
            for one in list(items):
                if one["metadata"]["name"] == name:
                    assert options["preconditions"]["uid"] == one["metadata"]["uid"]
                    items.remove(one)
        self.written.append(("DELETE", path))

    def _conflict(self, method: str, path: str) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise ApiRefusal(409, f"{method} {path}", "the object has been modified")


CALICO = "/apis/crd.projectcalico.org/v1"


def ipam(node: str = FULL) -> dict[str, list[dict[str, Any]]]:
    name = "10-33-5-0-30"
    mine = block(name, "10.33.5.0/30", node, [0, None, None, None], [{"handle_id": "a", "node": node}])
    return {
        f"{CALICO}/blockaffinities": [affinity(f"{node}-{name}", "10.33.5.0/30", node)],
        f"{CALICO}/ipamblocks": [mine],
    }


def test_calicos_objects_are_given_back_and_planned_anew_where_somebody_writes_in_between(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(ipam(), conflicts=2)
    monkeypatch.setattr(calico, "open_api", lambda _: store)
    dry: Any = calico.release(task(WORKER), started(WORKER, dry_run=True))
    assert (len(dry.changes), store.written) == (2, [])
    result: Any = calico.release(task(WORKER), started(WORKER))
    assert [change.what for change in result.changes] == ["IPAMBlock 10.33.5.0/30", "BlockAffinity 10.33.5.0/30"]
    assert [path for _, path in store.written] == [
        f"{CALICO}/ipamblocks/10-33-5-0-30",
        f"{CALICO}/blockaffinities/{FULL}-10-33-5-0-30",
    ]
    again: Any = calico.release(task(WORKER), started(WORKER))
    assert again.changes == ()


def test_blocks_that_come_back_again_and_again_are_an_error(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(ipam(), conflicts=10**9)
    monkeypatch.setattr(calico, "open_api", lambda _: store)
    with pytest.raises(CommandError, match=r"Calico still has IPAMBlock 10\.33\.5\.0/30, BlockAffinity"):
        calico.release(task(WORKER), started(WORKER))


def test_the_blocks_of_others_are_left_alone(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(ipam("another"))
    monkeypatch.setattr(calico, "open_api", lambda _: store)
    result: Any = calico.release(task(WORKER), started(WORKER))
    assert (result.changes, store.written) == ((), [])


def cluster_with_node() -> Store:
    node = {"metadata": {"name": FULL, "uid": "u"}}
    here, there = pod("net", owner="DaemonSet"), pod("web", owner="ReplicaSet")
    here["spec"]["nodeName"], there["spec"]["nodeName"] = FULL, "another"
    return Store({"/api/v1/nodes": [node], "/api/v1/pods": [here, there]})


def test_the_node_goes_and_then_the_pods_that_the_api_still_has_there(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = cluster_with_node()
    monkeypatch.setattr(steps, "open_api", lambda _: store)
    dry: Any = steps.forget(task(WORKER), started(WORKER, dry_run=True))
    assert [change.what for change in dry.changes] == [f"Node {FULL}", "pod shop/net"]
    assert store.written == []
    steps.forget(task(WORKER), started(WORKER))
    assert store.written == [("DELETE", f"/api/v1/nodes/{FULL}"), ("DELETE", "/api/v1/namespaces/shop/pods/net")]
    again: Any = steps.forget(task(WORKER), started(WORKER))
    assert again.changes == ()


def test_a_node_that_stays_is_an_error(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    store = cluster_with_node()
    monkeypatch.setattr(store, "delete", lambda *_: None)
    monkeypatch.setattr(steps, "open_api", lambda _: store)
    monkeypatch.setattr(steps, "GONE_SECONDS", 0.01)
    with pytest.raises(CommandError, match=rf"still there: Node {FULL}, pod shop/net"):
        steps.forget(task(WORKER), started(WORKER))


class Etcd:
    """Members, which lose one where it is removed."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, members: tuple[Member, ...], *, host: str = EVERYONE[0]
    ) -> None:
        self.members, self.host, self.removed = members, host, 0
        api = SimpleNamespace(nodes=lambda: NAMES)
        monkeypatch.setattr(steps, "open_api", lambda _: api)
        monkeypatch.setattr(
            steps, "Peers", lambda *_: SimpleNamespace(members=self.members, shell=SimpleNamespace(host=self.host))
        )
        monkeypatch.setattr(steps, "apply", self.apply)

    def apply(self, shell: Any, changes: Any) -> None:
        assert shell.host != MASTER
        for change in changes:
            self.removed += 1
            self.members = tuple(one for one in self.members if change.what != f"etcd member {one}")


def test_the_member_goes_by_the_word_of_another(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(monkeypatch, MEMBERS)
    dry: Any = steps.leave_etcd(task(MASTER), started(MASTER, dry_run=True))
    assert ([change.what for change in dry.changes], etcd.removed) == (["etcd member m2"], 0)
    result: Any = steps.leave_etcd(task(MASTER), started(MASTER))
    assert [(change.what, change.before) for change in result.changes] == [
        ("etcd member m2", f"answers; {MASTER} is removed")
    ]
    again: Any = steps.leave_etcd(task(MASTER), started(MASTER))
    assert (again.changes, again.result, etcd.removed) == ((), "2 members, none of it", 1)


def test_another_member_that_has_died_since_ends_it(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Member(3, "m3", "10.31.90.3", learner=False, running=False)
    etcd = Etcd(monkeypatch, (*MEMBERS[:2], dead))
    with pytest.raises(RefusedError, match=r"cannot be removed: of the 2 members of etcd that would be left 1 answer"):
        steps.leave_etcd(task(MASTER), started(MASTER))
    assert etcd.removed == 0


def test_a_member_does_not_remove_itself(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    etcd = Etcd(monkeypatch, MEMBERS, host=MASTER)
    with pytest.raises(CommandError, match="no other control plane's etcd could be asked"):
        steps.leave_etcd(task(MASTER), started(MASTER))
    assert etcd.removed == 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine that is asked and told: `answers` by question, each a list of which the last counts for ever; `told` what was applied."""
    found = SimpleNamespace(answers={}, files={}, told=[])

    def ask(_: Any, questions: Any, paths: Any = (), **__: Any) -> Seen:
        def answer(name: str) -> str:
            left = found.answers.get(name, [""])
            return str(left.pop(0) if len(left) > 1 else left[0])

        return Seen(
            {name: Answer(0, answer(name)) for name in questions}, {path: found.files.get(path) for path in paths}
        )

    monkeypatch.setattr(steps, "ask", ask)
    monkeypatch.setattr(steps, "open_shell", lambda *_: None)
    monkeypatch.setattr(steps, "apply", lambda _, changes: found.told.extend(change.what for change in changes))
    monkeypatch.setattr(steps, "open_api", lambda _: SimpleNamespace(ca="PEM"))
    return found


def test_kubeadm_resets_what_it_has_made_and_nothing_else(
    started: Callable[..., Run], machine: SimpleNamespace
) -> None:
    run = started(WORKER)
    run.keep(MEMBER, MemberSeen((KUBELET_CONF,), api_ready=False, admin_conf="", ca="", kubeconfigs=()), of=WORKER)
    result: Any = steps.reset(task(WORKER), run)
    assert [(change.what, change.before, change.after) for change in result.changes] == [
        ("kubeadm reset", "worker of k8s-calico", "no member")
    ]
    assert machine.told == ["kubeadm reset"]
    run.keep(MEMBER, MemberSeen((), api_ready=False, admin_conf="", ca="", kubeconfigs=()), of=WORKER)
    again: Any = steps.reset(task(WORKER), run)
    assert (again.changes, machine.told) == ((), ["kubeadm reset"])


def test_a_machine_is_looked_at_again_when_it_was_cleaned(
    started: Callable[..., Run], machine: SimpleNamespace
) -> None:
    machine.answers = {"devices": ["vxlan.calico\n", ""], "kubeconfigs": ["shared /root/.kube/config\n"]}
    run = started(WORKER)
    result: Any = steps.clean(task(WORKER), run)
    assert ([change.what for change in result.changes], machine.told) == (["network devices"], ["network devices"])
    assert run.warnings == [
        f"/root/.kube/config on {WORKER} knows other clusters beside this one, and stays: take k8s-calico out of it"
    ]


def test_what_is_still_there_is_an_error(started: Callable[..., Run], machine: SimpleNamespace) -> None:
    machine.answers = {"rules": ["iptables: 4 lines"], "leftovers": ["/etc/kubernetes/kubelet.conf"]}
    with pytest.raises(
        CommandError, match=r"still there after it was cleaned: iptables rules, /etc/kubernetes/kubelet\.conf"
    ):
        steps.clean(task(WORKER), started(WORKER))


ADDRESS = "2: eth0    inet 10.31.90.0/32 scope global eth0\n"


def test_the_address_is_given_up_before_haproxy_ends(started: Callable[..., Run], machine: SimpleNamespace) -> None:
    machine.files = dict.fromkeys(endpoint.FILES["keepalived"], FileSeen("644", "root:root", f"# {endpoint.WRITTEN}\n"))
    machine.answers = {"addresses": [ADDRESS, ADDRESS, ""]}
    result: Any = steps.leave_endpoint(task(MASTER), started(MASTER))
    assert machine.told[:2] == [endpoint.KEEPALIVED_POD, endpoint.HAPROXY_POD]
    assert [change.what for change in result.changes] == machine.told


def test_an_address_that_stays_ends_it(
    started: Callable[..., Run], machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LEAVE_SECONDS", 0.01)
    machine.files = dict.fromkeys(endpoint.FILES["keepalived"], FileSeen("644", "root:root", f"# {endpoint.WRITTEN}\n"))
    machine.answers = {"addresses": [ADDRESS]}
    with pytest.raises(CommandError, match=r"it still has 10\.31\.90\.0"):
        steps.leave_endpoint(task(MASTER), started(MASTER))
    assert machine.told == [endpoint.KEEPALIVED_POD], "haproxy still answers those who come by the address"


def test_a_router_is_asked_until_the_neighbour_is_gone(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(WORKER)
    (address,) = run.intent.node(WORKER).addresses
    with_it, without_it = RouterSeen(sessions={address: Session(address, "Active")}), RouterSeen()
    shown: list[Any] = [CommandError("it reads its configuration"), with_it, without_it]

    def answer(*_: Any) -> RouterSeen:
        one = shown.pop(0) if len(shown) > 1 else shown[0]
        if isinstance(one, Exception):
            raise one
        found: RouterSeen = one
        return found

    monkeypatch.setattr(both_ends.routes, "look", answer)
    result: Any = both_ends.no_neighbour(task("openwrt"), run)
    assert (result.result, shown) == ("none of 10.31.90.4", [without_it])
    monkeypatch.setattr(both_ends, "FORGOTTEN_SECONDS", 0.01)
    shown[:] = [with_it]
    with pytest.raises(CommandError, match=r"openwrt: after 0 s: still has the neighbour 10\.31\.90\.4 \(Active\)"):
        both_ends.no_neighbour(task("openwrt"), run)


@pytest.mark.parametrize("further", [{}, {"dead": True}])
def test_the_end_says_what_is_to_be_done_by_hand(started: Callable[..., Run], further: dict[str, Any]) -> None:
    run = started(WORKER, **further)
    both_ends.remind(task(WORKER), run)
    assert run.warnings[0].startswith(
        f"inventory/hosts.yaml still has {WORKER}: take that key out, or the next deploy.py"
    )
    assert [line for line in run.warnings if "was not cleaned" in line and "kubelet's certificate" in line] == (
        run.warnings[1:] if further else []
    )
    assert len(run.warnings) == 1 + len(further)


def test_it_takes_what_drain_takes_and_that_a_machine_is_gone() -> None:
    given = parse("remove_node", "", [WORKER, "--dead", "--force"], further=for_removal)
    assert (given.further["node"], given.further["dead"], given.further["force"]) == (WORKER, True, True)
    assert given.further["timeout"] == 300


@pytest.fixture
def command(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """The runbook as a command, on an inventory without a namespace."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    config = project(config={"user_defined": {"host_keys": "strict"}}).config_file

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["remove_node.py", "--config", str(config), *arguments])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(CHECKOUT / "runbooks" / "remove_node.py"), run_name="__main__")
        return int(caught.value.code or 0)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("arguments", [(), ("nobody",), (WORKER, "--host", WORKER), ("openwrt",)])
def test_a_mistake_of_the_command_line_is_exit_2(command: Callable[..., int], arguments: tuple[str, ...]) -> None:
    assert command(*arguments) == 2


def test_a_node_that_was_removed_before_and_is_in_the_inventory_still_does_not_come_back(found: Found) -> None:
    """Neither as a neighbour nor as a backend, and nothing of it is missed in the proof."""
    gone = ("k8s-calico-worker-10-31-90-5", "k8s-calico-master-10-31-90-3")
    nodes = {name: one for name, one in NAMES.items() if name.partition(".")[0] not in gone}
    _, run = found(MASTER, objects({**CLUSTER, "nodes": nodes}), members=MEMBERS[:2])
    left = selection.remaining(run)
    assert not {node.name for node in left.intent.nodes} & {*gone, MASTER}
    assert not left.chosen & {*gone, MASTER}
    assert list(selection.other_control_planes(run)) == ["k8s-calico-master-10-31-90-1"]
    assert [
        line
        for line in run.warnings
        if line.startswith("k8s-calico-master-10-31-90-3, k8s-calico-worker-10-31-90-5: in the inventory")
    ]
