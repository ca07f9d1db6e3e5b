"""What reset.py finds before it begins, what its steps write and look at again, and how a router's end is told."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import CommandError, LoginRefusedError, RefusedError, UnreachableError
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import action
from tasks.removal.etcd_data import EtcdData
from tasks.reset import look, machine, selection
from tasks.reset.look import BELONGS
from tasks.reset.safety import Belongs
from tasks.reset.selection import DEAD
from tasks.routers import withdrawal
from tasks.routers.backups import finish, new_backup

WORKER, MASTER = "k8s-calico-worker-10-31-90-4", "k8s-calico-master-10-31-90-1"
CA = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"


def task(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(withdrawal, "GONE_SECONDS", 0.01)


@pytest.fixture
def started(run_of: Callable[..., Run], intent_of: Callable[..., Any]) -> Callable[..., Run]:
    """A run over all hosts; keywords are arguments of the command line, and dry_run."""

    def start(*, dry_run: bool = False, **further: Any) -> Run:
        intent = intent_of()
        names = [host.name for host in (*intent.nodes, *intent.routers)]
        return run_of(*names, dry_run=dry_run, further={"packages": False, "dead": False} | further)

    return start


class Api:
    """An API that has so many of each kind."""

    ca = CA

    def __init__(self, count: int) -> None:
        self.count = count

    def items(self, _path: str) -> list[Any]:
        return [{"metadata": {"name": f"stranger-{number}"}} for number in range(self.count)]


def judged(run: Run, monkeypatch: pytest.MonkeyPatch, api: Any, **others: Belongs) -> Any:
    monkeypatch.setattr(look, "api_if_there", lambda _: api)
    for node in run.intent.nodes:
        run.keep(BELONGS, others.get(node.name.rpartition("-")[2], Belongs(ca=CA)), of=node.name)
    return look.preflight(task(MASTER), run)


def test_what_is_lost_is_told(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = started()
    said = judged(run, monkeypatch, Api(3)).result
    assert said == ("lost: 3 nodes, 3 deployments, 3 stateful sets, 3 daemon sets, 3 pods, 3 persistent volumes")
    assert [line for line in run.warnings if line.startswith("3 persistent volumes are no more known")]
    unknown = "nodes that the cluster has and the inventory has not: stranger-0, stranger-1, stranger-2. "
    assert [line for line in run.warnings if line.startswith(unknown)]


def test_copies_of_etcd_that_go_are_told(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = started()
    judged(run, monkeypatch, None, **{"1": Belongs(ca=CA, etcd=EtcdData(copies=("before-restore-a", "kubepeer-b.db")))})
    assert f"lost with {MASTER}: /var/lib/etcd/before-restore-a, /var/lib/etcd/kubepeer-b.db" in run.warnings


def test_it_works_without_an_api(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no API answers" in judged(started(), monkeypatch, None).result


def test_a_machine_of_another_cluster_holds_everything_up(
    started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError) as caught:
        judged(
            started(),
            monkeypatch,
            Api(1),
            **{"4": Belongs(("https://other:6443",), ca=CA), "5": Belongs(etcd=EtcdData(("default",)))},
        )
    said = str(caught.value)
    assert f"{WORKER}: it is a member of another cluster" in said
    assert "k8s-calico-worker-10-31-90-5: /var/lib/etcd holds default" in said
    assert said.endswith("Nothing was changed on any host.")
    with pytest.raises(RefusedError, match="10-31-90-6: its CA is not that of k8s-calico"):
        judged(started(), monkeypatch, None, **{"6": Belongs(ca="another")})


def test_where_no_node_answers_nothing_is_begun(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(dead=True)
    for node in run.intent.nodes:
        run.keep(DEAD, True, of=node.name)  # noqa: FBT003  what is kept
    with pytest.raises(RefusedError, match="no node answers"):
        judged(run, monkeypatch, None)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise UnreachableError("does not answer", cure="is it up?")

    monkeypatch.setattr(look, "open_shell", refuse)
    monkeypatch.setattr(look, "answers", lambda _: False)


@pytest.mark.usefixtures("silent")
def test_a_node_that_does_not_answer_is_a_reason_not_to_begin(started: Callable[..., Run]) -> None:
    with pytest.raises(UnreachableError, match="is it up\\?; if the machine is gone for good, --dead leaves it out"):
        look.observe(task(WORKER), started())


@pytest.mark.usefixtures("silent")
def test_one_that_is_said_to_be_gone_is_left_out_and_told(started: Callable[..., Run]) -> None:
    run = started(dead=True)
    assert not look.observe(task(WORKER), run).failed
    assert WORKER not in selection.machines(run)
    assert WORKER not in selection.of_workers(run)
    assert [
        line for line in run.warnings if line.startswith(f"{WORKER} does not answer and is not cleaned: on its disk")
    ]


def test_one_that_refuses_the_login_is_not_gone(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise LoginRefusedError("refused")

    monkeypatch.setattr(look, "open_shell", refuse)
    with pytest.raises(LoginRefusedError):
        look.observe(task(WORKER), started(dead=True))


def test_the_first_control_plane_is_a_phase_of_its_own(started: Callable[..., Run]) -> None:
    run = started()
    assert list(selection.of_first_control_plane(run)) == [MASTER]
    assert MASTER not in selection.of_other_control_planes(run)
    assert len(list(selection.machines(run))) == 6


def test_a_step_looks_again_and_says_what_is_left(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "open_shell", lambda *_: None)
    monkeypatch.setattr(machine, "ask", lambda *_, **__: Seen({}, {}))
    applied: list[str] = []
    monkeypatch.setattr(machine, "apply", lambda _, changes: applied.extend(one.what for one in changes))
    left = [(action("thing", "gone", "true"),), ()]
    run = started()
    assert len(machine._bring_about(task(WORKER), run, lambda _: left.pop(0), {}).changes) == 1
    assert applied == ["thing"]
    with pytest.raises(CommandError, match="still there after it was taken away: thing"):
        machine._bring_about(task(WORKER), run, lambda _: (action("thing", "gone", "true"),), {})
    dry = started(dry_run=True)
    applied.clear()
    assert machine._bring_about(task(WORKER), dry, lambda _: (action("thing", "gone", "true"),), {}).changes
    assert applied == []


def test_what_still_runs_on_a_machine_is_told(started: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "open_shell", lambda *_: None)
    bare = dict.fromkeys(machine.QUESTIONS, Answer(0, ""))
    answers = bare | {"secrets": Answer(0, "/var/lib/kubepeer/etcd\n"), "runs": Answer(0, "77 /usr/bin/kubelet\n")}
    monkeypatch.setattr(machine, "ask", lambda *_, **__: Seen(answers, {}))
    with pytest.raises(CommandError, match="still there: secrets: /var/lib/kubepeer/etcd; runs: 77 /usr/bin/kubelet"):
        machine.verify(task(WORKER), started())
    monkeypatch.setattr(machine, "ask", lambda *_, **__: Seen(bare, {}))
    assert machine.verify(task(WORKER), started()).result == "bare"


def test_the_newest_backup_without_anything_of_ours_is_what_was_before(started: Callable[..., Run]) -> None:
    run = started()
    router = run.intent.router("openwrt")
    assert withdrawal.before_us(run, router) is None
    bare = "frr version 8.4.4\nrouter bgp 64512\n neighbor 10.32.0.10 remote-as 64999\nexit\n"
    ours = bare.replace("exit\n", " neighbor KUBEPEER peer-group\nexit\n")
    for text in (bare, f"{bare}ip route 192.0.2.0/24 10.32.0.10\n", ours):
        part = new_backup(run.settings.state / "backups", router.name)
        part.write_text(text)
        finish(part)
    before = withdrawal.before_us(run, router)
    assert before is not None
    assert before.text.startswith(f"{bare}ip route")


class Device:
    """A router that runs with this, and has sessions with these."""

    def __init__(self, running: str, *peers: str) -> None:
        self.running, self.peers = running, peers

    def get_config(self, retrieve: str) -> dict[str, str]:
        return {retrieve: self.running}

    def get_bgp_neighbors(self) -> dict[str, Any]:
        return {"global": {"peers": {peer: {"is_up": True, "address_family": {}} for peer in self.peers}}}


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_up(running: str, *peers: str, left: tuple[Any, ...] = ()) -> None:
        monkeypatch.setattr(withdrawal, "connection", lambda *_: Device(running, *peers))
        monkeypatch.setattr(withdrawal, "change_safely", lambda *_: left)

    return set_up


def test_a_router_that_runs_with_what_it_ran_with_is_told_so(
    started: Callable[..., Run], device: Callable[..., None]
) -> None:
    run = started()
    device("as it was", "10.32.0.10")
    assert "no backup is older than Kubepeer's part" in " ".join(
        [withdrawal.verify(task("openwrt"), run).result, *run.warnings]
    )
    part = new_backup(run.settings.state / "backups", "openwrt")
    part.write_text("as it was")
    finish(part)
    assert withdrawal.verify(task("openwrt"), run).result.startswith("runs with what it ran with before (openwrt/")
    device("its owner has changed it since")
    assert "its owner's part is another" in withdrawal.verify(task("openwrt"), run).result


def test_a_router_that_still_has_something_of_ours_ends_the_run(
    started: Callable[..., Run], device: Callable[..., None]
) -> None:
    device("x", "10.31.90.4")
    with pytest.raises(CommandError, match=r"still has a session with 10\.31\.90\.4"):
        withdrawal.verify(task("openwrt"), started())
    device("x", left=(action("FRR configuration", "none", "", before="KUBEPEER"),))
    with pytest.raises(CommandError, match="still has what is ours"):
        withdrawal.verify(task("openwrt"), started())
