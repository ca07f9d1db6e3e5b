"""A worker is taken out, rebooted and brought back under load: no attempt is lost; without drain.py the same reboot loses many."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.load import Load, Verdict
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
MANIFEST = Path(__file__).parent / "manifests" / "drained.yaml"
RATE = 200  # new connections a second
LOAD_SECONDS = 1500  # it ends by itself, whatever becomes of the test
READY_SECONDS = 300
STEADY = 200
STEP_SECONDS = 300
MOVED = 2  # of the connections that are open when the next hops change, as many may break
LABEL, DRAINED = "node.kubernetes.io/exclude-from-external-load-balancers", "kubepeer.io/drained"


def full(name: str) -> str:
    return f"{name}.tinychen.io"


@pytest.fixture(scope="module")
def address(lab: Laboratory, cluster: Kubectl) -> Iterator[str]:
    """The load balancer's address of a workload with a budget and a hook; at the end the workload goes."""
    cluster("apply", "-f", str(MANIFEST), deadline=120)
    wait_for("four replicas are ready", lambda: len(pods(cluster, ready=True)) == 4, READY_SECONDS)
    found = wait_for("the service has its address", lambda: address_of(cluster, "web"), READY_SECONDS)
    local = wait_for("so has the other", lambda: address_of(cluster, "web-local"), READY_SECONDS)
    wait_for("it is announced", lambda: f"{local}" in routes_of_kernel(lab, ROUTERS[0]), READY_SECONDS)
    many = f"curl -sS --http1.0 --max-time 20 'http://{found}/?[1-{STEADY}]'"  # every request is a connection: all nodes let some in
    wait_for(
        "all its connections are answered", lambda: len(lab.inside("client", many).split()) == STEADY, READY_SECONDS
    )
    yield found
    cluster("delete", "namespace", "drained", "--wait=true", "--timeout=180s", deadline=240)


def address_of(cluster: Kubectl, name: str) -> str:
    (service,) = cluster.get("service", name, "-n", "drained")
    given = service["status"].get("loadBalancer", {}).get("ingress") or [{"ip": ""}]
    return str(given[0]["ip"])


def pods(cluster: Kubectl, *, ready: bool = False) -> list[str]:
    """The nodes of the workload's pods, one a pod."""
    return [
        pod["spec"]["nodeName"].partition(".")[0]
        for pod in cluster.get("pods", "-n", "drained", "-l", "app=web")
        if not pod["metadata"].get("deletionTimestamp")
        and (
            not ready
            or any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
        )
    ]


def victim(cluster: Kubectl) -> str:
    """A worker with a pod of the workload."""
    return next(name for name in WORKERS if name in pods(cluster, ready=True))


def node(cluster: Kubectl, name: str) -> dict[str, Any]:
    (found,) = cluster.get("node", full(name))
    return found


def boot(lab: Laboratory, name: str) -> None:
    """Off and on again, as a power cut: what a node that was drained must be able to bear."""
    lab.must("cut", name)
    lab.must("up", name)


@dataclass
class Drained:
    """What was seen of a worker on its way out and back, under load."""

    name: str = ""
    killed: bool = False
    dry_run: Answer | None = None
    drain: Answer | None = None
    again: Answer | None = None
    drift: Answer | None = None
    undrain: Answer | None = None
    routes: dict[str, Any] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    node: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    verdict: Verdict | None = None


@pytest.fixture(scope="module")
def drained(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    address: str,
    tmp_path_factory: pytest.TempPathFactory,
    measure: Measure,
) -> Iterator[Drained]:
    """Drain (the first run of it is killed when the label is on), look, boot, undrain; the load goes on all the time."""
    folder, found = tmp_path_factory.mktemp("drain"), Drained(victim(cluster))
    try:
        with Load(lab, folder, address, LOAD_BALANCERS, rate=RATE, seconds=LOAD_SECONDS) as load:
            found.dry_run = runbooks.drain(found.name, "--dry-run", "--output", "json")
            found.killed = kill_when_excluded(runbooks, cluster, found.name, folder)
            began = time.monotonic()
            found.drain = runbooks.drain(found.name, "--output", "json")
            measure("drain.py of a worker under load", time.monotonic() - began)
            found.routes = {router: routes_of_kernel(lab, router) for router in ROUTERS}
            found.blocks, found.node, found.left = cluster.blocks(), node(cluster, found.name), pods(cluster)
            found.again = runbooks.drain(full(found.name), "--output", "json")
            found.drift = runbooks.drift("--output", "json")
            boot(lab, found.name)
            began = time.monotonic()
            found.undrain = runbooks.undrain(found.name, "--output", "json")
            measure("undrain.py of a worker that has just been switched on", time.monotonic() - began)
            found.verdict = load.stop()
        measure(f"the load during drain, reboot and undrain: {found.verdict}", 0.0)
        yield found
    finally:
        lab.must("up", found.name)
        runbooks.undrain(found.name)


def kill_when_excluded(runbooks: Runbooks, cluster: Kubectl, name: str, folder: Path) -> bool:
    """Begin a drain and kill it as soon as its label is seen; whether it was killed so."""
    process = runbooks.start(name, log=folder / "killed.log", runbook="drain")
    try:
        wait_for(
            "the label is on",
            lambda: node(cluster, name)["metadata"]["labels"].get(LABEL) == "true",
            STEP_SECONDS,
            pause=0.1,
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    return process.returncode == -signal.SIGKILL


def test_a_dry_run_shows_label_cordon_and_pods_and_changes_nothing(drained: Drained) -> None:
    assert drained.dry_run
    changes = drained.dry_run.ended(0).changes
    subjects = [what for _, what in changes]
    for what in (f"annotation {DRAINED}", f"label {LABEL}", "unschedulable"):
        assert f"Node {full(drained.name)}: {what}" in subjects
    assert any(what.startswith("pod drained/web-") for what in subjects)


def test_a_drain_that_was_killed_goes_on(drained: Drained) -> None:
    assert drained.killed
    assert drained.drain
    subjects = [what for _, what in drained.drain.ended(0).changes]
    assert f"Node {full(drained.name)}: unschedulable" in subjects
    assert f"Node {full(drained.name)}: annotation {DRAINED}" not in subjects
    assert any(what.startswith("pod drained/web-") for what in subjects)


def test_every_router_shows_one_next_hop_less_in_all_three_layers(drained: Drained) -> None:
    assert drained.drain
    checks = drained.drain.json["checks"]
    own = ADDRESSES[drained.name]
    for router in ROUTERS:
        for prefix in (SERVICES, LOAD_BALANCERS):
            found = {
                one["layer"]: one["observed"] for one in checks if (one["host"], one["subject"]) == (router, prefix)
            }
            assert {layer: len(hops) for layer, hops in found.items()} == {"bgp": 5, "rib": 5, "kernel": 5}
            assert not any(own in hops for hops in found.values())


def test_only_its_services_are_gone_and_its_pod_blocks_stay(drained: Drained) -> None:
    own = ADDRESSES[drained.name]
    blocks = {prefix for prefix, address in drained.blocks.items() if address == own}
    assert blocks
    for router, routes in drained.routes.items():
        assert {prefix for prefix, hops in routes.items() if own in hops} == blocks, router


def test_what_stood_is_remembered_and_no_pod_is_left_but_those_that_stay(drained: Drained) -> None:
    metadata = drained.node["metadata"]
    assert metadata["labels"][LABEL] == "true"
    assert metadata["annotations"][DRAINED] == '{"label":null,"unschedulable":false}'
    assert drained.node["spec"]["unschedulable"] is True
    assert drained.name not in drained.left
    assert len(drained.left) == 4


def test_a_second_drain_changes_nothing_and_a_drained_node_is_no_drift(drained: Drained) -> None:
    assert drained.again
    assert drained.again.ended(0).changes == {}
    assert drained.drift
    assert drained.drift.ended(0).changes == {}
    assert f"{full(drained.name)} is drained" in " ".join(drained.drift.json["warnings"])


def test_undrain_puts_back_what_stood_and_the_routes_are_those_of_before(
    drained: Drained, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
) -> None:
    assert drained.undrain
    subjects = [what for _, what in drained.undrain.ended(0).changes]
    assert subjects == [f"Node {full(drained.name)}: unschedulable", f"Node {full(drained.name)}: label {LABEL}"]
    found = node(cluster, drained.name)
    assert LABEL not in found["metadata"]["labels"]
    assert DRAINED not in found["metadata"]["annotations"]
    assert "unschedulable" not in found["spec"]
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
    everyone = set(ADDRESSES.values())
    for router in ROUTERS:
        routes = routes_of_kernel(lab, router)
        assert (routes[SERVICES], routes[LOAD_BALANCERS]) == (everyone, everyone)


def test_no_attempt_was_refused_or_unanswered(drained: Drained) -> None:
    verdict = drained.verdict
    assert verdict
    assert verdict.attempts > RATE * 20, str(verdict)
    assert verdict.lost == (), f"{verdict}: {verdict.lost[:5]}"
    assert verdict.broken == (), f"{verdict}: {verdict.broken[:5]}"


def test_next_hops_changed_out_and_back_and_few_of_the_open_connections_broke(drained: Drained) -> None:
    """A busy machine holds more of them open at any moment: twice the average is allowed there."""
    verdict = drained.verdict
    assert verdict
    assert len(verdict.moved) >= 2, str(verdict)
    allowed = max(MOVED, math.ceil(2 * verdict.open_on_average))
    assert all(len(one) <= allowed for one in verdict.moved), f"{verdict}, {allowed} are allowed"


@pytest.fixture
def drained_by_hand(cluster: Kubectl) -> Iterator[Callable[[str], None]]:
    """Say of a node that it is drained, as a drain does before it goes on; taken back at the end."""
    names: list[str] = []

    def mark(name: str) -> None:
        names.append(name)
        cluster("annotate", "node", full(name), f'{DRAINED}={{"label":"","unschedulable":false}}')

    yield mark
    for name in names:
        cluster("annotate", "node", full(name), f"{DRAINED}-")


def test_etcd_keeps_its_quorum(
    drained: Drained, cluster: Kubectl, runbooks: Runbooks, drained_by_hand: Callable[[str], None]
) -> None:
    assert drained
    runbooks.drain(MASTERS[1], "--dry-run", "--delete-emptydir-data").ended(0)
    drained_by_hand(MASTERS[2])
    answer = runbooks.drain(MASTERS[1], "--delete-emptydir-data").ended(1)
    assert f"of etcd's 3 members 1 would be left ({MASTERS[2]} is drained), and its quorum is 2" in answer.text
    assert "Nothing was changed" in answer.text
    assert DRAINED not in node(cluster, MASTERS[1])["metadata"].get("annotations", {})


def test_the_last_next_hop_stays(drained: Drained, runbooks: Runbooks, drained_by_hand: Callable[[str], None]) -> None:
    assert drained
    for name in NODES:
        if name != drained.name:
            drained_by_hand(name)
    answer = runbooks.drain(drained.name).ended(1)
    assert f"{LOAD_BALANCERS} (service network) is announced by this node alone" in answer.text


@pytest.mark.long("faults")
def test_without_drain_the_same_reboot_loses_attempts(
    lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, address: str, tmp_path: Path, measure: Measure
) -> None:
    """The figure that docs/drain.md compares with: a worker with a pod of the workload is switched off and on, and nobody is told."""
    name = victim(cluster)
    with Load(lab, tmp_path, address, LOAD_BALANCERS, rate=RATE, seconds=LOAD_SECONDS) as load:
        time_of_routes(lab, cluster)
        boot(lab, name)
        wait_for("it is Ready", lambda: cluster.ready() == set(NODES), READY_SECONDS, pause=2)
        runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
        verdict = load.stop()
    measure(f"the load during the same reboot without drain: {verdict}", 0.0)
    assert len(verdict.lost) > 0, str(verdict)


def time_of_routes(lab: Laboratory, cluster: Kubectl) -> None:
    """All routes are there before the load counts."""
    for router in ROUTERS:
        assert expected_routes(cluster.blocks()).items() <= routes_of_kernel(lab, router).items()
