"""A node is removed at both ends, and deploy.py adds it back: a worker always; control planes, dead machines, killed runs in PART=kills."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import ETCDCTL, LOAD_BALANCERS, SERVICES, Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, VIRTUAL_IP, WORKERS, Laboratory, wait_for
from tests.lab.router import Routes
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Runbooks
from tests.lab.test_power_cut import holder

pytestmark = pytest.mark.lab
WORKER = WORKERS[1]
GIVEN = ("--delete-emptydir-data",)  # of Calico's own pods and CoreDNS'
DEPLOY_SECONDS = 600
STEP_SECONDS = 600
BACK_SECONDS = 240
STORE = "crd.projectcalico.org"
LEFT = r"""ls -d /etc/kubernetes/*.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/*.yaml /var/lib/etcd/member \
    /etc/cni/net.d/10-calico.conflist /root/.kube/config /etc/haproxy/haproxy.cfg /etc/keepalived/keepalived.conf 2>/dev/null
for c in iptables iptables-legacy ip6tables; do ! command -v $c-save >/dev/null || $c-save 2>/dev/null | grep -E 'KUBE-|cali'; done
ip -o link show | grep -oE '(vxlan\.calico|kube-ipvs0|cali[0-9a-f]{11})'
ip route show root 10.33.0.0/16
pgrep -ax kubelet; true"""


def full(name: str) -> str:
    return f"{name}.tinychen.io"


def members(cluster: Kubectl, of: str) -> set[str]:
    """Etcd's members as a control plane that stays tells them, without the domain."""
    said = cluster("exec", "-n", "kube-system", f"etcd-{full(of)}", "--", *ETCDCTL, "member", "list", "-w", "json")
    return {str(member.get("name", "")).partition(".")[0] for member in json.loads(said)["members"]}


def holders_of_blocks(cluster: Kubectl) -> set[str]:
    """The nodes that Calico's IPAM knows, by affinity, block or address."""
    found = {str(one["spec"]["node"]) for one in cluster.get(f"blockaffinities.{STORE}")}
    for block in cluster.get(f"ipamblocks.{STORE}"):
        found.add(str(block["spec"].get("affinity") or "").removeprefix("host:"))
        found |= {str((one.get("secondary") or {}).get("node", "")) for one in block["spec"]["attributes"]}
    return {name.partition(".")[0] for name in found} - {""}


def routes_without(cluster: Kubectl, name: str) -> Routes:
    """What each router should have of the others."""
    left = set(ADDRESSES.values()) - {ADDRESSES[name]}
    return expected_routes(cluster.blocks()) | {SERVICES: left, LOAD_BALANCERS: left}


def assert_gone(lab: Laboratory, cluster: Kubectl, name: str, *, clean: bool = True) -> None:
    """Nobody knows the node any more, and its machine knows no cluster."""
    wait_for("the API answers", cluster.ready, STEP_SECONDS)  # load balancers have begun anew without it
    assert name not in {node["metadata"]["name"].partition(".")[0] for node in cluster.get("nodes")}
    assert cluster.get("pods", "-A", "--field-selector", f"spec.nodeName={full(name)}") == []
    assert name not in holders_of_blocks(cluster)
    for router in ROUTERS:
        assert DEVICES[router].session(lab, router, ADDRESSES[name]) is None, router
        assert ADDRESSES[name] not in DEVICES[router].running(lab, router), router
        assert routes_of_kernel(lab, router) == routes_without(cluster, name), router
    if name in MASTERS:
        others = tuple(one for one in MASTERS if one != name)
        assert members(cluster, others[0]) == set(others)
        assert holder(lab, others)
        for other in others:
            assert ADDRESSES[name] not in lab.inside(other, "cat /etc/haproxy/haproxy.cfg"), other
    if clean:
        assert lab.inside(name, LEFT) == ""
        assert f" {VIRTUAL_IP}/" not in lab.inside(name, "ip -o -4 addr show")


def assert_back(lab: Laboratory, cluster: Kubectl) -> None:
    """Six nodes, three members of etcd, every route, and nobody else."""
    assert cluster.ready() == set(NODES)
    assert members(cluster, MASTERS[1]) == set(MASTERS)
    assert set(NODES) <= holders_of_blocks(cluster)
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(cluster.blocks())


@pytest.fixture
def whole(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks) -> Iterator[Kubectl]:
    """A cluster of which a test removes a node; whatever became of it, deploy.py adds it back."""
    yield cluster
    lab.must("up", *NODES)
    runbooks.deploy(deadline=DEPLOY_SECONDS).ended(0)


def subjects(answer: Answer) -> list[str]:
    return [what for _, what in answer.changes]


@dataclass
class Removed:
    """A worker that was removed, and what was said of it on the way."""

    refused: Answer
    dry_run: Answer
    answer: Answer
    again: Answer
    verified: Answer


class TestAWorker:
    """What always runs."""

    @pytest.fixture(scope="class")
    def removed(self, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, measure: Measure) -> Iterator[Removed]:
        try:
            refused = runbooks.remove(WORKER, "--dead", "--dry-run")
            dry_run = runbooks.remove(WORKER, *GIVEN, "--dry-run", "--output", "json")
            began = time.monotonic()
            answer = runbooks.remove(WORKER, *GIVEN, "--output", "json")
            measure("remove_node.py of a worker", time.monotonic() - began)
            if answer.code == 0:
                assert_gone(lab, cluster, WORKER)
            again = runbooks.remove(full(WORKER), "--output", "json")
            verified = runbooks.verify("--output", "json")
            yield Removed(refused, dry_run, answer, again, verified)
        finally:
            began = time.monotonic()
            back = runbooks.deploy(deadline=DEPLOY_SECONDS)
            measure("deploy.py that adds a removed worker back", time.monotonic() - began)
        back.ended(0)

    def test_one_that_lives_is_not_dead(self, removed: Removed) -> None:
        assert (
            "it answers, and --dead is for a machine that is gone. Nothing was changed" in removed.refused.ended(1).text
        )

    def test_a_dry_run_shows_the_whole_order_and_changes_nothing(self, removed: Removed) -> None:
        shown = subjects(removed.dry_run.ended(0))
        done = subjects(removed.answer.ended(0))
        for what in (
            "kubeadm reset",
            f"Node {full(WORKER)}",
            f"Node {full(WORKER)}: unschedulable",
            "iptables rules",
            "files",
        ):
            assert what in shown, shown
        for router in ROUTERS:
            assert (router, DEVICES[router].change) in removed.dry_run.changes
        assert [what for what in shown if not what.startswith("pod ")] == [
            what for what in done if not what.startswith("pod ")
        ]

    def test_it_is_gone_at_both_ends_and_what_is_left_is_proved(self, removed: Removed) -> None:
        document = removed.answer.ended(0).json
        assert document["ok"]
        assert {check["host"] for check in document["checks"] if check["check"] == "session"} == set(ROUTERS)
        assert all(check["ok"] for check in document["checks"])

    def test_the_inventory_that_still_has_it_is_told(self, removed: Removed) -> None:
        said = " ".join(removed.answer.json["warnings"])
        assert (
            f"hosts.yaml still has {WORKER}: take that key out, or the next deploy.py makes it a member again" in said
        )

    def test_a_second_run_changes_nothing(self, removed: Removed) -> None:
        assert removed.again.ended(0).changes == {}

    def test_a_verification_by_that_inventory_misses_it_and_nothing_else(self, removed: Removed) -> None:
        failures = list(removed.verified.ended(1).failures())
        assert {check["subject"] for check in failures} == {ADDRESSES[WORKER]}
        assert {check["check"] for check in failures} == {"session"}


def test_deploy_has_added_it_back(lab: Laboratory, cluster: Kubectl) -> None:
    assert_back(lab, cluster)


@pytest.mark.long("kills")
@pytest.mark.parametrize("name", [MASTERS[0], MASTERS[1]], ids=["the_first_with_the_address", "another"])
def test_a_control_plane_goes_with_its_member_and_comes_back(
    lab: Laboratory, whole: Kubectl, runbooks: Runbooks, measure: Measure, name: str
) -> None:
    began = time.monotonic()
    answer = runbooks.remove(name, *GIVEN, "--output", "json").ended(0)
    measure(f"remove_node.py of {name}", time.monotonic() - began)
    assert f"etcd member {full(name)}" in subjects(answer)
    assert "2 control planes are left" in " ".join(answer.json["warnings"])
    assert_gone(lab, whole, name)
    assert runbooks.remove(name, "--output", "json").ended(0).changes == {}
    began = time.monotonic()
    runbooks.deploy(deadline=DEPLOY_SECONDS).ended(0)
    measure(f"deploy.py that adds {name} back", time.monotonic() - began)
    assert_back(lab, whole)


@pytest.mark.long("kills")
@pytest.mark.parametrize("name", [WORKERS[2], MASTERS[2]], ids=["a_worker", "a_control_plane"])
def test_a_dead_machine_is_removed_and_cleaned_when_it_is_back(
    lab: Laboratory, whole: Kubectl, runbooks: Runbooks, name: str
) -> None:
    """It comes back with its old disk, whose kubelet makes it a Node again: the very thing that the run warns of.

    Not that of a control plane: it asks the apiserver beside it (kubeadm, ControlPlaneKubeletLocalMode), whose etcd is no member any more.
    """
    lab.must("cut", name)
    answer = runbooks.remove(name, *GIVEN).ended(3)
    assert "if the machine is gone for good, --dead removes it" in answer.text
    answer = runbooks.remove(name, "--dead", "--output", "json").ended(0)
    said = " ".join(answer.json["warnings"])
    assert f"{name} was not cleaned: on its disk" in said
    assert_gone(lab, whole, name, clean=False)
    lab.must("up", name)
    if name in WORKERS:
        wait_for("its kubelet has registered it again", lambda: name in _nodes(whole), BACK_SECONDS, pause=2)
    runbooks.remove(name, *GIVEN).ended(0)
    assert_gone(lab, whole, name)
    runbooks.deploy(deadline=DEPLOY_SECONDS).ended(0)
    assert_back(lab, whole)


def _nodes(cluster: Kubectl) -> set[str]:
    return {node["metadata"]["name"].partition(".")[0] for node in cluster.get("nodes")}


def excluded(_: Laboratory, cluster: Kubectl) -> bool:
    (node,) = cluster.get("node", full(WORKER))
    return "kubepeer.io/drained" in node["metadata"].get("annotations", {})


def without_neighbour(lab: Laboratory, _: Kubectl) -> bool:
    return DEVICES[ROUTERS[0]].session(lab, ROUTERS[0], ADDRESSES[WORKER]) is None


def resetting(lab: Laboratory, _: Kubectl) -> bool:
    return lab.try_inside(WORKER, "pgrep -x kubeadm").returncode == 0


def no_node(_: Laboratory, cluster: Kubectl) -> bool:
    return WORKER not in _nodes(cluster)


@pytest.mark.long("kills")
@pytest.mark.parametrize("moment", [excluded, without_neighbour, resetting, no_node], ids=lambda one: str(one.__name__))
def test_a_run_that_was_killed_is_made_up_for(
    lab: Laboratory,
    whole: Kubectl,
    runbooks: Runbooks,
    tmp_path: Path,
    moment: Callable[[Laboratory, Kubectl], bool],
) -> None:
    log = tmp_path / "log"
    process = runbooks.start(WORKER, *GIVEN, log=log, runbook="remove_node")
    try:
        wait_for("it has come so far", lambda: moment(lab, whole), STEP_SECONDS, pause=0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert process.returncode == -signal.SIGKILL, log.read_text(encoding="utf-8")
    runbooks.remove(WORKER, *GIVEN).ended(0)
    assert_gone(lab, whole, WORKER)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks, cluster: Kubectl) -> None:
    assert cluster
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
