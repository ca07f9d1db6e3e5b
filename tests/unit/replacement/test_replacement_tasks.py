"""What deploy.py finds of a machine that was installed anew, what it takes out and in which order, and the option of the command line."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import parse
from kubepeer.errors import RefusedError, UnreachableError, UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.control_plane import replaced
from tasks.control_plane.etcd import Member
from tasks.control_plane.membership import ADMIN_CONF, KUBELET_CONF, MEMBER, MemberSeen
from tasks.removal import calico, steps
from tasks.removal import look as removal_look
from tasks.replacement import look, selection
from tasks.replacement import tasks as replacement
from tests.unit.drain.test_drain_plans import pod
from tests.unit.removal.test_removal_tasks import CALICO, EVERYONE, Store, ipam, task

FIRST, SECOND, WORKER = "k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2", "k8s-calico-worker-10-31-90-4"
FULL = f"{FIRST}.tinychen.io"
DEAD, *LIVING = (
    Member(number, f"m{number}", f"10.31.90.{number}", learner=False, running=number > 1) for number in (1, 2, 3)
)


class Api(Store):
    """The API of a cluster in which some nodes are what they are said to be; its nodes' metadata as the real one gives it."""

    ca = "PEM"

    def __init__(self, ready: dict[str, str], *pods: dict[str, Any], **further: list[dict[str, Any]]) -> None:
        nodes = [
            {
                "metadata": {"name": f"{name}.tinychen.io", "uid": "u"},
                "status": {"conditions": [{"type": "Ready", "status": status}]},
            }
            for name, status in ready.items()
        ]
        super().__init__({"/api/v1/nodes": nodes, "/api/v1/pods": list(pods), **further})

    def nodes(self) -> dict[str, Any]:
        return {one["metadata"]["name"]: one["metadata"] for one in self.objects["/api/v1/nodes"]}


def holding(*leftovers: str) -> MemberSeen:
    return MemberSeen(leftovers, api_ready=True, admin_conf="", ca="PEM", kubeconfigs=())


Started = Callable[..., Run]


@pytest.fixture
def started(run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Started:
    """A run of deploy.py beside an API; keywords: which machines hold what, etcd's members, what the command line names."""
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(look, "preflight_with_cluster", lambda *_: "all clear")

    def start(
        api: Any,
        *names: str,
        held: dict[str, tuple[str, ...]] | None = None,
        members: Any = (DEAD, *LIVING),
        **options: Any,
    ) -> Run:
        for module in (look, steps, calico, replacement):
            monkeypatch.setattr(module, "open_api", lambda *_, **__: api)
        monkeypatch.setattr(look, "api_if_there", lambda _: api)
        monkeypatch.setattr(look, "Peers", lambda *_: SimpleNamespace(members=members))
        run = run_of(*EVERYONE, further={replaced.OPTION: list(names)}, **options)
        for name in EVERYONE:
            run.keep(MEMBER, holding(KUBELET_CONF, ADMIN_CONF), of=name)
        for name, files in (held or {FIRST: ()}).items():
            run.keep(MEMBER, holding(*files), of=name)
        return run

    return start


def refused(run: Run) -> str:
    with pytest.raises(RefusedError) as caught:
        look.preflight(task(FIRST), run)
    return str(caught.value)


def test_a_bare_machine_whose_node_is_there_is_refused_by_naming_the_option(started: Started) -> None:
    said = refused(started(Api({FIRST: "Unknown", SECOND: "True"})))
    assert said == (
        f"k8s-calico: {FIRST}: the machine is bare, and k8s-calico still has a Node of that name. Nothing was changed on any host."
        f" Cure: if it died and was installed anew: python runbooks/deploy.py --replace {FIRST}"
    )
    assert "\n" not in said


def test_a_bare_machine_that_the_cluster_does_not_know_joins_as_ever(started: Started) -> None:
    assert look.preflight(task(FIRST), started(Api({SECOND: "True"}))) == "all clear"
    assert look.preflight(task(FIRST), started(None)) == "all clear", "there is no cluster yet"


def test_where_no_machine_is_bare_nobody_is_asked(started: Started) -> None:
    run = started(SimpleNamespace(), held={FIRST: (KUBELET_CONF,)})
    assert look.preflight(task(FIRST), run) == "all clear"


def test_what_is_named_is_replaced_and_another_bare_one_must_be_named_too(started: Started) -> None:
    api = Api({FIRST: "Unknown", WORKER: "Unknown", SECOND: "True"})
    assert look.preflight(task(FIRST), started(api, FIRST)) == "all clear"
    both = {FIRST: (), WORKER: ()}
    assert f"--replace {WORKER}" in refused(started(api, FIRST, held=both))
    assert look.preflight(task(FIRST), started(api, f"{FIRST}.tinychen.io", WORKER, held=both)) == "all clear"


def test_what_is_well_or_cannot_be_asked_or_is_left_out_is_not_replaced(started: Started) -> None:
    api = Api({FIRST: "True", WORKER: "True"})
    run = started(api, WORKER, held={WORKER: (KUBELET_CONF,)})
    assert f"{WORKER} is a member of k8s-calico and Ready: there is nothing to replace" in refused(run)
    run = started(api, WORKER, chosen=[FIRST])
    assert f"{WORKER}: to be replaced, and not among the hosts that may be changed" in refused(run)
    run = started(api, WORKER)
    run._kept.pop((MEMBER, WORKER))
    assert f"{WORKER} is to be replaced, and does not answer" in refused(run)


def test_the_api_calls_a_machine_silent_a_while_after_its_death(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api({FIRST: "True"})
    monkeypatch.setattr(removal_look, "SILENT_SECONDS", 0.01)
    assert "a kubelet still reports as that node" in refused(started(api, FIRST))
    run = started(api, FIRST, dry_run=True)
    assert look.preflight(task(FIRST), run) == "all clear"
    assert run.warnings == [f"{FIRST} is still Ready: a run waits until the API calls it silent, at most 0.01 s"]
    looks = iter(["True", "Unknown"])
    node = api.objects["/api/v1/nodes"][0]

    def get(path: str, query: Any = None) -> Any:
        if path == f"/api/v1/nodes/{FULL}":
            node["status"]["conditions"][0]["status"] = next(looks, "Unknown")
        return Store.get(api, path, query)

    monkeypatch.setattr(api, "get", get)
    monkeypatch.setattr(removal_look, "SILENT_SECONDS", 5)
    assert look.preflight(task(FIRST), started(api, FIRST)) == "all clear"


def test_etcd_keeps_its_quorum_or_nothing_begins(started: Started) -> None:
    silent = Member(3, "m3", "10.31.90.3", learner=False, running=False)
    run = started(Api({FIRST: "Unknown"}), FIRST, members=(DEAD, LIVING[0], silent))
    assert f"{FIRST} cannot be replaced: of etcd's 3 members 1 answer" in refused(run)


def test_an_api_that_does_not_answer_is_told(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(None, FIRST)

    def fail(*_: Any, **__: Any) -> None:
        raise UnreachableError("the Kubernetes API at 10.31.90.0:8443 is not ready", cure="bring it back")

    monkeypatch.setattr(look, "open_api", fail)
    said = refused(run)
    assert (
        "the Kubernetes API at 10.31.90.0:8443 is not ready. Nothing was changed on any host. Cure: bring it back"
        in said
    )


def dead(node: str = FULL) -> Api:
    lost = pod("web", empty_dir=["cache"])
    lost["spec"]["nodeName"] = node
    return Api({FIRST: "Unknown", SECOND: "True"}, lost, **ipam(node))


def test_node_and_pods_go_and_then_what_calico_has_of_it(started: Started) -> None:
    api = dead()
    dry: Any = replacement.take_out(task(FIRST), started(api, FIRST, dry_run=True))
    assert api.written == []
    run = started(api, FIRST)
    result: Any = replacement.take_out(task(FIRST), run)
    assert [change.what for change in result.changes] == [change.what for change in dry.changes] == [
        f"Node {FULL}", "pod shop/web", "IPAMBlock 10.33.5.0/30", "BlockAffinity 10.33.5.0/30",
    ]  # fmt: skip
    assert [path for _, path in api.written] == [
        f"/api/v1/nodes/{FULL}",
        "/api/v1/namespaces/shop/pods/web",
        f"{CALICO}/ipamblocks/10-33-5-0-30",
        f"{CALICO}/blockaffinities/{FULL}-10-33-5-0-30",
    ]
    assert run.warnings[0].startswith(f"lost with {FIRST}: pod shop/web")
    again: Any = replacement.take_out(task(FIRST), started(api, FIRST))
    assert again.changes == (), "a run that was cut off goes on"


def test_what_has_begun_to_join_is_the_joins(started: Started) -> None:
    api = dead()
    result: Any = replacement.take_out(task(FIRST), started(api, FIRST, held={FIRST: (ADMIN_CONF,)}))
    assert (result.result, result.changes, api.written) == ("has begun to join", (), [])


def test_nothing_is_taken_out_where_another_member_has_gone_since(started: Started) -> None:
    silent = Member(3, "m3", "10.31.90.3", learner=False, running=False)
    api = dead()
    with pytest.raises(RefusedError, match=r"cannot be replaced: of etcd's 3 members 1 answer"):
        replacement.take_out(task(FIRST), started(api, FIRST, members=(DEAD, LIVING[0], silent)))
    assert api.written == []


def test_a_dry_run_plans_the_join_without_what_a_run_has_taken_out_by_then(started: Started) -> None:
    registered = Api({FIRST: "Unknown", SECOND: "True"}).nodes()
    assert list(replaced.left(started(None, FIRST, dry_run=True), registered)) == [f"{SECOND}.tinychen.io"]
    assert replaced.left(started(None, FIRST), registered) == registered
    half = started(None, FIRST, held={FIRST: (ADMIN_CONF,)}, dry_run=True)
    assert replaced.left(half, registered) == registered


def test_the_option_names_nodes_and_may_be_given_several_times(intent_of: Callable[..., Intent]) -> None:
    given = parse(
        "deploy",
        "",
        ["--replace", FIRST, "--replace", f"{WORKER}.tinychen.io"],
        plans=True,
        further=selection.arguments,
    )
    assert selection.checked(given, intent_of()) == given
    assert (given.replace, list(given.further[replaced.OPTION])) == (False, [FIRST, f"{WORKER}.tinychen.io"])
    assert parse("deploy", "", [], plans=True, further=selection.arguments).further == {
        replaced.OPTION: [],
        "batch": None,
    }
    with pytest.raises(UsageError, match="No node is called openwrt"):
        selection.checked(parse("deploy", "", ["--replace", "openwrt"], further=selection.arguments), intent_of())


def test_the_phase_is_for_those_that_are_named_in_the_inventorys_order(started: Started) -> None:
    run = started(None, WORKER, FIRST)
    assert list(selection.replaced_nodes(run)) == [FIRST, WORKER]
    assert list(selection.replaced_nodes(started(None))) == []
    only = selection.alone(run, FIRST)
    assert (only.chosen, only.options.further) == ({FIRST}, {"dead": True})
