"""kubeadm join of a control plane dies at each of its phases, or the node is deleted from the API: the next run converges."""

import time
from pathlib import Path

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl, etcd_members, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, NODES, ROUTERS, Laboratory, wait_for
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab
NODE = MASTERS[2]
FULL_NAME = f"{NODE}.tinychen.io"
JOIN_SECONDS = 300
RESET_SECONDS = 300  # kubeadm stops one container after the other
KUBERNETES = "/etc/kubernetes"
# The phases of kubeadm join in the order of 1.36, each with what stands on the node as soon as it has begun or is over.
PHASES = {
    "preflight": "pgrep -x kubeadm",
    "control-plane-prepare download-certs": f"test -e {KUBERNETES}/pki/ca.key",
    "control-plane-prepare certs": f"test -e {KUBERNETES}/pki/apiserver.crt",
    "control-plane-prepare kubeconfig": f"test -e {KUBERNETES}/controller-manager.conf",
    "control-plane-prepare control-plane": f"test -e {KUBERNETES}/manifests/kube-scheduler.yaml",
    "kubelet-start": f"test -e {KUBERNETES}/kubelet.conf",
    "etcd-join": f"test -e {KUBERNETES}/manifests/etcd.yaml",
    "control-plane-join": "curl -skf --max-time 2 https://127.0.0.1:6443/livez",
}
ALWAYS = "etcd-join"


def bare_of_kubernetes(lab: Laboratory, cluster: Kubectl) -> None:
    """The node has left in the orderly way: kubeadm has taken its etcd member along."""
    lab.inside(NODE, "kubeadm reset -f >/dev/null 2>&1", deadline=RESET_SECONDS)
    cluster("delete", "node", FULL_NAME, "--ignore-not-found")
    wait_for("its etcd member is gone", lambda: FULL_NAME not in etcd_members(cluster), 60)


def converged(lab: Laboratory, cluster: Kubectl) -> None:
    """Six nodes, three members of etcd that all have voted their way in, and every route."""
    assert cluster.ready() == set(NODES)
    members = etcd_members(cluster)
    assert set(members) == {f"{name}.tinychen.io" for name in MASTERS}
    assert not any(member.get("isLearner") for member in members.values())
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(cluster.blocks())


@pytest.mark.parametrize(
    "phase",
    [phase if phase == ALWAYS else pytest.param(phase, marks=pytest.mark.long("kills")) for phase in PHASES],
)
def test_a_join_that_dies_in_a_phase_is_made_up_for(
    lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, tmp_path: Path, measure: Measure, phase: str
) -> None:
    bare_of_kubernetes(lab, cluster)
    log = tmp_path / "log"
    process = runbooks.start("--host", NODE, log=log)

    def come_so_far() -> bool:
        alive = lab.try_inside(NODE, "pgrep -x kubeadm").returncode == 0
        return (alive and lab.try_inside(NODE, PHASES[phase]).returncode == 0) or process.poll() is not None

    try:
        wait_for(f"kubeadm join is in {phase}", come_so_far, JOIN_SECONDS, pause=0.05)
        killed = lab.try_inside(NODE, "pkill -KILL -x kubeadm").returncode == 0
        process.wait(JOIN_SECONDS)
    finally:
        process.kill()
    text = log.read_text(encoding="utf-8")
    assert killed, f"kubeadm had ended before it could be killed in {phase}: {text}"
    assert process.returncode == 1, text
    began = time.monotonic()
    runbooks.deploy(deadline=600).ended(0)
    measure(f"deploy.py after kubeadm join was killed in {phase}", time.monotonic() - began)
    converged(lab, cluster)


@pytest.mark.long("kills")
def test_a_control_plane_whose_node_was_deleted_joins_again(
    lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
) -> None:
    """Its etcd and its apiserver run on as if nothing had happened."""
    cluster("delete", "node", FULL_NAME)
    runbooks.deploy(deadline=600).ended(0)
    converged(lab, cluster)


@pytest.mark.long("kills")
def test_a_control_plane_that_was_deleted_and_came_back_bare_joins_again(
    lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
) -> None:
    """Its etcd member is still in the list, and nobody answers for it."""
    cluster("delete", "node", FULL_NAME)
    lab.inside(
        NODE,
        f"kubeadm reset -f --skip-phases=remove-etcd-member >/dev/null 2>&1; ls {KUBERNETES}",
        deadline=RESET_SECONDS,
    )
    assert FULL_NAME in etcd_members(cluster)
    runbooks.deploy(deadline=600).ended(0)
    converged(lab, cluster)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks, cluster: Kubectl) -> None:
    assert cluster
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
