"""Whatever ends a run, the next one goes on: Ctrl-C while packages come; a failure between a file and the restart that it needs; SIGKILL
before a router's change is confirmed, in kubeadm init, and in both kinds of join."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tasks.control_plane.kubeadm import CONTROL_PLANE_LABEL
from tasks.control_plane.membership import ADMIN_CONF
from tasks.linux.state import PENDING_RESTARTS
from tasks.nodes.runtime import CONTAINERD_FILE
from tests.lab.conftest import FIRST_RUN_SECONDS, Measure
from tests.lab.devices import Kubectl, etcd_members, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import TRACES_OF_A_FAULT, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("kills")]
PHASE_SECONDS = 600  # until a run has come to the phase that it is to die in
END_SECONDS = 60
# What stands on a node when kubeadm is in the middle of its work; a moment later the run is killed.
INIT = "pgrep -x kubeadm && test -e /etc/kubernetes/manifests/kube-apiserver.yaml"
CONTROL_PLANE_JOIN = "pgrep -x kubeadm && test -e /etc/kubernetes/pki/ca.crt"
WORKER_JOIN = "pgrep -x kubeadm && test -e /etc/kubernetes/bootstrap-kubelet.conf"


def run_until(
    lab: Laboratory, runbooks: Runbooks, node: str, sign: str, *arguments: str, log: Path
) -> subprocess.Popen[bytes]:
    """Start deploy.py, and give it as soon as the sign is seen on the node."""
    process = runbooks.start(*arguments, log=log)

    def seen() -> bool:
        # what an earlier run has left at work may show the sign, too: this one must have come to the machines itself
        here = log.stat().st_size > 0 and lab.try_inside(node, sign).returncode == 0
        return here or process.poll() is not None

    try:
        wait_for(f"{node}: {sign}", seen, PHASE_SECONDS, pause=0.2)
        assert process.poll() is None, f"the run has ended before it came so far: {log.read_text(encoding='utf-8')}"
    except BaseException:
        process.kill()
        raise
    return process


def killed_in(lab: Laboratory, runbooks: Runbooks, node: str, sign: str, *, log: Path) -> None:
    process = run_until(lab, runbooks, node, sign, log=log)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(END_SECONDS) == -signal.SIGKILL


@pytest.fixture(scope="module")
def bare_again(lab: Laboratory) -> Laboratory:
    """Bare machines, once more."""
    lab.must("reset", deadline=300)
    return lab


def test_ctrl_c_while_packages_are_installed_ends_the_run_at_once(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path
) -> None:
    """Of one node, so that the routers are still to come; and first of all, since an installation that was begun goes on alone."""
    log = tmp_path / "log"
    process = run_until(bare_again, runbooks, WORKERS[0], "pgrep -x dpkg", "--host", WORKERS[0], log=log)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(END_SECONDS) == 130
    text = log.read_text(encoding="utf-8")
    assert text.splitlines()[-1].startswith(
        "Interrupted. What was done stands; a router's unconfirmed change reverts by itself."
    )
    assert not any(trace in text for trace in TRACES_OF_A_FAULT), text


def test_a_run_ends_between_a_file_and_the_restart_that_it_needs(bare_again: Laboratory, runbooks: Runbooks) -> None:
    """A file that has something mounted on it cannot be replaced: the run stops there, each time.

    Containerd runs as its package has started it, without the mirrors; the last run could not bring a single pod up on this node.
    """
    node, next_file = WORKERS[1], "/etc/crictl.yaml"
    bare_again.inside(node, f"touch {next_file} && mount --bind {next_file} {next_file}")
    try:
        answer = runbooks.deploy("--host", node, "--output", "json", deadline=PHASE_SECONDS).ended(1)
    finally:
        bare_again.inside(node, f"umount {next_file}")
    assert f"{next_file}: exit 1" in answer.errors[node]
    assert (node, CONTAINERD_FILE) in answer.changes  # told, although the run has failed
    assert bare_again.inside(node, PENDING_RESTARTS).split() == ["containerd"]


def test_a_run_is_killed_before_it_has_confirmed_the_first_routers_change(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path
) -> None:
    killed_in(bare_again, runbooks, ROUTERS[0], DEVICES[ROUTERS[0]].pending, log=tmp_path / "log")


def test_a_run_is_killed_before_it_has_confirmed_the_second_routers_change(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path
) -> None:
    """It comes to that only when the first router has taken the change of the first run back: the nodes are prepared meanwhile."""
    killed_in(bare_again, runbooks, ROUTERS[1], DEVICES[ROUTERS[1]].pending, log=tmp_path / "log")


def test_a_run_goes_on_where_the_last_one_stopped_and_is_killed_in_kubeadm_init(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path
) -> None:
    killed_in(bare_again, runbooks, MASTERS[0], INIT, log=tmp_path / "log")


def test_kubeadm_init_may_have_failed_in_its_last_phase(bare_again: Laboratory) -> None:
    """It goes on without its controller, and completes. So what it does last is undone; the next run has to make up for it."""
    ended = "! pgrep -x kubeadm"
    wait_for("kubeadm init has ended", lambda: bare_again.try_inside(MASTERS[0], ended).returncode == 0, PHASE_SECONDS)
    remove = f"kubectl --kubeconfig {ADMIN_CONF} -n kube-system delete daemonset kube-proxy"
    wait_for("the API answers", lambda: bare_again.inside(MASTERS[0], remove), 60)


@pytest.mark.parametrize(
    ("node", "sign"), [(MASTERS[1], CONTROL_PLANE_JOIN), (WORKERS[1], WORKER_JOIN)],
    ids=["a control plane's join", "a worker's join"],
)  # fmt: skip
def test_a_run_goes_on_where_the_last_one_stopped_and_is_killed_in(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path, node: str, sign: str
) -> None:
    killed_in(bare_again, runbooks, node, sign, log=tmp_path / "log")


def test_the_last_run_completes_the_cluster(
    bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
) -> None:
    began = time.monotonic()
    runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    measure("deploy.py after one Ctrl-C and five kills, to a verified cluster", time.monotonic() - began)
    cluster = Kubectl.of(bare_again, tmp_path)
    assert cluster.ready() == set(NODES)
    proxies = cluster.get("daemonsets", "-n", "kube-system", "-l", "k8s-app=kube-proxy")
    assert [proxy["status"]["numberReady"] for proxy in proxies] == [len(NODES)]
    for router in ROUTERS:
        assert routes_of_kernel(bare_again, router) == expected_routes(cluster.blocks())
        device = DEVICES[router]
        assert device.mark in device.startup(bare_again, router)
        device.assert_starts_as_it_runs(bare_again, router)
        assert bare_again.try_inside(router, device.pending).returncode != 0
    assert_every_control_plane_is_a_member(cluster)
    secrets = {secret["metadata"]["name"] for secret in cluster.get("secrets", "-n", "kube-system")}
    assert not {name for name in secrets if name.startswith("bootstrap-token-") or name == "kubeadm-certs"}
    for node in NODES:
        assert (
            bare_again.inside(node, f"ls /run/kubepeer-kubeadm.* /tmp/kubepeer-* 2>/dev/null; {PENDING_RESTARTS}") == ""
        )


def assert_every_control_plane_is_a_member(cluster: Kubectl) -> None:
    """Of etcd, and by its label and taint."""
    members = etcd_members(cluster)
    assert sorted(members) == [f"{name}.tinychen.io" for name in MASTERS]
    assert not any(member.get("isLearner") for member in members.values())
    marked = cluster.get("nodes", "-l", CONTROL_PLANE_LABEL)
    assert [[taint["effect"] for taint in node["spec"]["taints"]] for node in marked] == [["NoSchedule"]] * len(MASTERS)


def test_joins_that_failed_half_way_are_made_up_for(bare_again: Laboratory, runbooks: Runbooks, tmp_path: Path) -> None:
    """One before kubeadm had marked the node, its last step; one before etcd, while its kubelet is at work and the node Ready."""
    cluster = Kubectl.of(bare_again, tmp_path)
    unmarked = f"{MASTERS[1]}.tinychen.io"
    cluster("label", "node", unmarked, f"{CONTROL_PLANE_LABEL}-")
    cluster("taint", "node", unmarked, f"{CONTROL_PLANE_LABEL}-")
    bare_again.inside(MASTERS[2], "rm /etc/kubernetes/manifests/etcd.yaml")
    answer = runbooks.deploy("--output", "json", deadline=PHASE_SECONDS).ended(0)
    assert {(MASTERS[1], "control plane's label and taint"), (MASTERS[2], "kubeadm join")} <= set(answer.changes)
    assert cluster.ready() == set(NODES)
    assert_every_control_plane_is_a_member(cluster)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks) -> None:
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
