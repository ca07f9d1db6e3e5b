"""--intent inventory: what is judged without the API, on recorded answers of a router, and what is said not to be."""

from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.checks import Finding
from kubepeer.errors import UnreachableError
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.platforms.seen import RouterSeen
from tasks.routes import announcing, from_inventory, nodes, reading, tasks
from tasks.routes.checks import Case
from tests.unit.answering import answered
from tests.unit.platforms.recordings import answers

ROUTER = "openwrt"
PODS = "10.33.0.0/17"


class Router:
    """A shell that gives recorded answers; which route the kernel takes is not among them, since other addresses are asked for."""

    def __init__(self, recording: str) -> None:
        self.given = {**answers(recording), "lookups": Answer(0, ""), "hash policy": Answer(0, "1")}

    def run(self, script: str, **_: Any) -> Completed:
        return Completed(0, answered(script, self.given), b"")


@pytest.fixture
def judged(run_of: Any, intent_of: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The run, and the findings about openwrt where it answers so."""

    def no_api(_run: Any) -> None:
        pytest.fail("the API is not asked")

    def judge(
        recording: str, edits: dict[str, Any] | None = None, chosen: Any = None
    ) -> tuple[Any, tuple[Finding, ...]]:
        monkeypatch.setattr(reading, "open_shell", lambda *_: Router(recording))
        monkeypatch.setattr(announcing, "open_api", no_api)
        run = run_of(ROUTER, intent=intent_of(**(edits or {})), chosen=chosen, further={"intent": "inventory"})
        run.filtered = chosen is not None
        task: Any = SimpleNamespace(host=SimpleNamespace(name=ROUTER))
        return run, tasks.verify(task, run).findings  # type: ignore[attr-defined]

    return judge


@pytest.mark.cases("from_inventory")
def test_what_the_inventory_decides_is_judged_and_the_rest_is_said(judged: Any, case: dict[str, Any]) -> None:
    run, findings = judged(case["recording"], case.get("edits"))
    wrong = [finding for finding in findings if not finding.ok]
    if "wrong" in case:
        assert sorted([one.subject, one.layer, list(one.missing)] for one in wrong) == sorted(case["wrong"])
    if "wrong_pods" in case:
        of_pods = {hop for one in wrong if one.subject == PODS for hop in one.missing}
        assert of_pods == set(case["wrong_pods"])
        assert {one.layer for one in wrong if one.subject == PODS} == ({"bgp", "rib", "kernel"} if of_pods else set())
    for subject in case.get("right", []):
        assert {one.layer for one in findings if one.subject == subject and one.ok} == {"bgp", "rib", "kernel"}
    if reason := case.get("reason"):
        (layer,) = [one for one in wrong if one.subject == PODS and one.layer == "bgp"]
        assert reason in layer.reason
    for line in case.get("says", []):
        assert f"--intent inventory: {line}" in run.warnings
    assert f"--intent inventory: {from_inventory.BY_LABEL}" in run.warnings, "never green by silence"


def test_chosen_nodes_alone_are_judged(judged: Any) -> None:
    _, findings = judged("peer-disabled", chosen=["k8s-calico-worker-10-31-90-5"])
    assert all(finding.ok for finding in findings)
    _, findings = judged("peer-disabled", chosen=["k8s-calico-worker-10-31-90-6"])
    (pods,) = [finding for finding in findings if (finding.subject, finding.layer) == (PODS, "bgp")]
    assert (pods.missing, pods.expected) == (("10.31.90.6",), ("10.31.90.6",))


def test_of_metallbs_speakers_the_sessions_alone_are_judged_and_that_is_said(intent_of: Any) -> None:
    intent = intent_of()
    balancer = intent.load_balancer.model_copy(update={"provider": "metallb", "announced_by": "metallb"})
    speaks = intent.model_copy(update={"load_balancer": balancer})
    assert from_inventory.announced(speaks).routes == ()
    assert len(from_inventory.announced(speaks).speakers) == 6
    assert list(from_inventory.not_compared(speaks)) == [from_inventory.SPEAKERS]
    announced = from_inventory.announced(intent)
    assert len(announced.routes) == 2
    case = Case(ROUTER, announced, RouterSeen(), networks=())
    assert list(from_inventory.findings(case, speaks)) == []
    assert len(list(from_inventory.findings(case, intent))) == 3, "of a router that has nothing each layer is wrong"


def test_an_api_that_is_down_tells_of_the_way_to_do_without_it(
    run_of: Any, intent_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_run: Any) -> None:
        raise UnreachableError("the Kubernetes API is not ready", cure="python runbooks/deploy.py")

    monkeypatch.setattr(announcing, "open_api", down)
    with pytest.raises(UnreachableError) as raised:
        announcing.what_is_announced(run_of(ROUTER, intent=intent_of(), further={"intent": "cluster"}))
    assert raised.value.cure.startswith("python runbooks/deploy.py; --intent inventory compares with")
    with pytest.raises(UnreachableError) as raised:
        announcing.what_is_announced(run_of(ROUTER, intent=intent_of()))
    assert raised.value.cure == "python runbooks/deploy.py", "a runbook without the argument does not name it"


def test_the_nodes_ways_to_blocks_are_not_asked_and_that_is_said(
    run_of: Any, intent_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "racks", lambda _: ["a"])
    run = run_of("k8s-calico-worker-10-31-90-6", intent=intent_of(), further={"intent": "inventory"})
    assert list(nodes.nodes_to_ask(run)) == []
    assert any("the nodes' own ways" in line for line in run.warnings)
