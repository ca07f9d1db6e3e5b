"""A machine that died comes back bare under its name: deploy.py --replace joins it again, also the first one, wherever it is killed."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import disks
from lab.topology import machine
from tests.lab.conftest import Measure
from tests.lab.cut_off import begin
from tests.lab.devices import ETCDCTL, Kubectl, etcd_members, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Runbooks
from tests.lab.test_remove_node import full, holders_of_blocks, subjects

pytestmark = [pytest.mark.lab, pytest.mark.long("kills")]
FIRST, WORKER = MASTERS[0], WORKERS[0]
DEPLOY_SECONDS = 1500
KILLED_SECONDS = 900
AUTHORITY = "openssl x509 -noout -fingerprint -in /etc/kubernetes/pki/ca.crt"


def made_anew(lab: Laboratory, name: str) -> None:
    """Its power is cut; the machine that comes has its name, its address and its host keys, and nothing else of it."""
    found = machine(name)
    assert found is not None
    lab.must("cut", name)
    disks.throw_away(lab.instance, found)
    lab.must("up", name)


def uid(cluster: Kubectl, name: str) -> str:
    (node,) = cluster.get("node", full(name))
    return str(node["metadata"]["uid"])


def answering(cluster: Kubectl) -> int:
    """How many of etcd's members answer, as the first control plane's asks them."""
    said = cluster(
        "exec", "-n", "kube-system", f"etcd-{full(FIRST)}", "--", *ETCDCTL, "endpoint", "status", "--cluster", "-w", "json"
    )  # fmt: skip
    return len(json.loads(said))


def assert_whole(lab: Laboratory, cluster: Kubectl) -> None:
    """Six nodes, three members of etcd that answer and vote, a block for each node and for nobody else, every session and route."""
    assert cluster.ready() == set(NODES)
    told = etcd_members(cluster)
    assert set(told) == {full(name) for name in MASTERS}
    assert not any(member.get("isLearner") for member in told.values())
    assert answering(cluster) == len(MASTERS)
    assert holders_of_blocks(cluster) == set(NODES)
    blocks = cluster.blocks()
    assert sorted(blocks.values()) == sorted(ADDRESSES.values()), "one each, as before"
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(blocks)
        for address in ADDRESSES.values():
            session = DEVICES[router].session(lab, router, address)
            assert session is not None, (router, address)
            assert session.established, (router, address)


@pytest.fixture
def whole(lab: Laboratory, cluster: Kubectl) -> Iterator[Kubectl]:
    """A cluster of which a test loses a machine; all are up afterwards."""
    yield cluster
    lab.must("up", *NODES)


def test_the_first_control_plane_joins_the_cluster_that_lives(
    lab: Laboratory, whole: Kubectl, runbooks: Runbooks, tmp_path: Path, measure: Measure,
    processes: list[subprocess.Popen[bytes]],
) -> None:  # fmt: skip
    authority, before = lab.inside(FIRST, AUTHORITY), uid(whole, FIRST)
    made_anew(lab, FIRST)
    asked = ("--replace", FIRST)

    refused = runbooks.deploy().ended(1)
    assert f"python runbooks/deploy.py --replace {FIRST}" in refused.text
    assert "the machine is bare, and k8s-calico still has a Node of that name" in refused.text
    well = runbooks.deploy("--replace", MASTERS[1]).ended(1)
    assert f"{MASTERS[1]} is a member of k8s-calico and Ready: there is nothing to replace" in well.text
    assert uid(whole, FIRST) == before, "nothing was changed"

    shown = subjects(runbooks.deploy(*asked, "--dry-run", "--output", "json").ended(0))
    assert {f"Node {full(FIRST)}", f"etcd member {full(FIRST)}", "kubeadm join"} <= set(shown), shown
    assert "kubeadm init" not in shown
    assert uid(whole, FIRST) == before

    for title in ("Replace", "First control plane"):
        (folder := tmp_path / title).mkdir()
        process = begin(runbooks.config, title, "killed", folder, *asked)
        processes.append(process)
        assert process.wait(KILLED_SECONDS) == -9, (folder / "log").read_text(encoding="utf-8")

    began = time.monotonic()
    answer = runbooks.deploy(*asked, "--output", "json", deadline=DEPLOY_SECONDS).ended(0)
    measure("deploy.py --replace of the first control plane, after it was killed twice", time.monotonic() - began)
    assert {check["ok"] for check in answer.json["checks"]} == {True}
    assert {check["host"] for check in answer.json["checks"] if check["check"] == "session"} == set(ROUTERS)
    assert "kubeadm init" not in subjects(answer)
    assert_whole(lab, whole)
    assert lab.inside(FIRST, AUTHORITY) == authority, "it is a member of the same cluster"
    assert uid(whole, FIRST) != before
    assert runbooks.deploy("--output", "json").ended(0).changes == {}
    assert "there is nothing to replace" in runbooks.deploy(*asked).ended(1).text


def test_a_worker_joins_again_in_one_run(lab: Laboratory, whole: Kubectl, runbooks: Runbooks, measure: Measure) -> None:
    made_anew(lab, WORKER)
    began = time.monotonic()
    answer = runbooks.deploy("--replace", full(WORKER), "--output", "json", deadline=DEPLOY_SECONDS).ended(0)
    measure("deploy.py --replace of a worker", time.monotonic() - began)
    done = subjects(answer)
    assert f"Node {full(WORKER)}" in done
    assert [what for what in done if what.startswith("BlockAffinity ")]
    assert done.index(f"Node {full(WORKER)}") < done.index("kubeadm join")
    assert_whole(lab, whole)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks, cluster: Kubectl) -> None:
    assert cluster
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
