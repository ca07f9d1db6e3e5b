"""The whole cluster goes: routers to the byte what they were, bare machines; in PART=kills after a SIGKILL, and then a cluster again."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.bare import Bare, strangers
from tests.lab.conftest import FIRST_RUN_SECONDS, Measure, OwnersState, owners_state
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, VIRTUAL_IP, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
NAME = "k8s-calico"
ALL = ("--cluster", NAME, "--packages")
RESET_SECONDS = 1200
STEP_SECONDS = 600
GONE_SECONDS = 60
# the packages go as well, and the runtime with them
RUNS = "ps -eo comm= | grep -E '^(kube|etcd|containerd|haproxy|keepalived)'; true"
SYSCTL = "/etc/sysctl.d/90-kubepeer.conf"


def assert_routers_are_their_owners(lab: Laboratory, before: dict[str, OwnersState]) -> None:
    """To the byte, as they run and as they start; and no route of the cluster is left."""
    for router in ROUTERS:
        now = owners_state(lab, router)
        assert now.running == before[router].running, router
        assert now.startup == before[router].startup, router
        assert now.session.established, router
        assert all(DEVICES[router].session(lab, router, address) is None for address in ADDRESSES.values())
        wait_for(
            f"{router}: no route of the cluster",
            lambda router=router: routes_of_kernel(lab, router) == {},
            GONE_SECONDS,
        )
        assert lab.try_inside(router, f"test -e {SYSCTL}").returncode != 0
        assert lab.inside(router, "sysctl -n net.ipv4.fib_multipath_hash_policy").strip() == "0"


def assert_bare(lab: Laboratory, before: dict[str, Bare]) -> None:
    """Nothing of the cluster runs, and no file is there that was not there before."""
    for node in NODES:
        assert lab.inside(node, RUNS).split() == [], node
        assert f" {VIRTUAL_IP}/" not in lab.inside(node, "ip -o addr show"), node
    assert {node: list(strangers(lab, node, before[node])) for node in NODES} == {node: [] for node in NODES}


@dataclass
class Reset:
    """A cluster that has gone, and what was said of it on the way."""

    refused: Answer
    dry_run: Answer
    answer: Answer
    again: Answer


class TestAWholeCluster:
    """What always runs, as the last of all."""

    @pytest.fixture(scope="class")
    def gone(self, cluster: Kubectl, bare_nodes: dict[str, Bare], runbooks: Runbooks, measure: Measure) -> Reset:
        assert cluster
        if not all(one.is_bare for one in bare_nodes.values()):
            pytest.skip("the standing cluster is to stay: its machines were not seen bare")
        refused = runbooks.reset("--cluster", "another")
        dry_run = runbooks.reset(*ALL, "--dry-run", "--output", "json")
        began = time.monotonic()
        answer = runbooks.reset(*ALL, "--output", "json", deadline=RESET_SECONDS)
        measure("reset.py of the whole cluster", time.monotonic() - began)
        began = time.monotonic()
        again = runbooks.reset(*ALL, "--output", "json", deadline=RESET_SECONDS)
        measure("reset.py where nothing is left", time.monotonic() - began)
        return Reset(refused, dry_run, answer, again)

    def test_another_name_is_one_line_and_nothing_is_contacted(self, gone: Reset) -> None:
        (line,) = gone.refused.ended(2).lines
        assert line == f"the inventory has no cluster another; it has {NAME}. Nothing was contacted."

    def test_a_dry_run_shows_each_routers_diff_and_every_machines_end(self, gone: Reset) -> None:
        shown, done = gone.dry_run.ended(0).changes, gone.answer.ended(0).changes
        for router in ROUTERS:
            assert shown[router, DEVICES[router].change] == done[router, DEVICES[router].change]
            assert DEVICES[router].mark in shown[router, DEVICES[router].change]
        for node in NODES:
            assert {(node, "kubeadm reset"), (node, "unit kubelet"), (node, "packages"), (node, "/etc/hosts")} <= set(
                shown
            )
        # folders are empty only then, and who holds the address while the others go is keepalived's to say
        missing = [one for one in done if one not in shown and one[1] not in ("empty folders", f"address {VIRTUAL_IP}")]
        assert missing == []
        titles = [phase["title"] for phase in gone.dry_run.json["phases"]]
        assert titles == [phase["title"] for phase in gone.answer.json["phases"]]

    def test_the_routers_are_to_the_byte_what_they_were(
        self, lab: Laboratory, gone: Reset, owners_states: dict[str, OwnersState]
    ) -> None:
        gone.answer.ended(0)
        assert_routers_are_their_owners(lab, owners_states)

    def test_no_machine_has_a_file_that_it_had_not_before(
        self, lab: Laboratory, gone: Reset, bare_nodes: dict[str, Bare]
    ) -> None:
        gone.answer.ended(0)
        assert_bare(lab, bare_nodes)

    def test_a_second_run_changes_nothing(self, gone: Reset) -> None:
        assert gone.again.ended(0).changes == {}


def machine_is_resetting(lab: Laboratory) -> bool:
    """A worker has lost its kubelet's kubeconfig, which kubeadm reset takes: that stays so, while kubeadm itself runs for a second."""
    return any(lab.try_inside(node, "test ! -e /etc/kubernetes/kubelet.conf").returncode == 0 for node in WORKERS)


@pytest.mark.long("kills")
def test_a_run_that_was_killed_is_made_up_for_and_a_cluster_comes_again(
    lab: Laboratory,
    cluster: Kubectl,
    runbooks: Runbooks,
    owners_states: dict[str, OwnersState],
    bare_nodes: dict[str, Bare],
    tmp_path: Path,
    measure: Measure,
) -> None:
    """Killed while workers are reset: by then the routers have forgotten them, and the control planes stand. Then without an API."""
    assert cluster
    log = tmp_path / "log"
    process = runbooks.start(*ALL, log=log, runbook="reset")
    try:
        wait_for("it has come so far", lambda: machine_is_resetting(lab), STEP_SECONDS, pause=0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    assert process.returncode == -signal.SIGKILL, log.read_text(encoding="utf-8")
    for master in MASTERS:
        lab.inside(master, "systemctl stop kubelet; pkill -KILL -x kube-apiserver; pkill -KILL -x etcd; true")
    answer = runbooks.reset(*ALL, "--output", "json", deadline=RESET_SECONDS).ended(0)
    assert (MASTERS[0], "kubeadm reset") in answer.changes
    assert_routers_are_their_owners(lab, owners_states)
    assert_bare(lab, bare_nodes)
    began = time.monotonic()
    runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    measure("deploy.py after a reset: a cluster again", time.monotonic() - began)
    again = Kubectl.of(lab, tmp_path)
    assert again.ready() == set(NODES)
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(again.blocks())
    runbooks.verify().ended(0)
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
