"""The stand-ins as Calico 3.24 and PureLB's first manifest, the tutorial's: the same run, the same table, and nothing to do afterwards.

One node came with containerd 2, as Docker's package brings it: with runc, and with a configuration that turns CRI off.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.access import ssh_command
from lab.build.programs import CONTAINERD
from lab.topology import machine
from tests.lab.conftest import FIRST_RUN_SECONDS, Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import NODES, ROUTERS, WORKERS, Laboratory
from tests.lab.runbooks import Project, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("versions")]
MANIFESTS = "http://10.31.0.2/manifests"
OLD: dict[str, Any] = {
    "data": {
        "software": {"calico": "3.24.5", "purelb": "0.0.1"},
        "manifests": {
            "calico": f"{MANIFESTS}/calico-3.24.5/tigera-operator.yaml",
            "calico_crds": None,
            "purelb": f"{MANIFESTS}/purelb-0.0.1/purelb-complete.yaml",
        },
    }
}
FORCED = 100
PACKAGE_SECONDS = 900  # its compiler, where nobody has built it yet


def bring_containerd_2(lab: Laboratory, node: str) -> None:
    """What the machine's owner did: containerd.io installed, enabled and started by its package."""
    built = lab.lab("package", "containerd.io", deadline=PACKAGE_SECONDS)
    assert built.returncode == 0, built.stdout + built.stderr
    place = machine(node)
    assert place is not None
    script = "cat >/root/containerd.io.deb && dpkg -i /root/containerd.io.deb && systemctl start containerd"
    with Path(built.stdout.split()[-1]).open("rb") as package:
        done = subprocess.run(
            ssh_command(lab.instance, place, [script]),
            stdin=package,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def old(lab: Laboratory, project: Project, measure: Measure) -> Runbooks:
    """Runbooks on an inventory of old versions; the machines are bare."""
    lab.must("reset", deadline=300)
    bring_containerd_2(lab, WORKERS[0])
    runbooks = project.edited(defaults=OLD)
    answer = runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    measure("first deploy.py with Calico 3.24 and PureLB 0.0.1", answer.seconds)
    assert "tested" in answer.text  # Calico 3.24 with this Kubernetes: one line of warning
    return runbooks


@pytest.fixture(scope="module")
def old_cluster(lab: Laboratory, old: Runbooks, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    assert old
    return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))


def test_the_table_of_the_tutorial_comes_out(lab: Laboratory, old_cluster: Kubectl) -> None:
    assert old_cluster.ready() == set(NODES)
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(old_cluster.blocks())


def test_a_node_that_came_with_containerd_2_is_a_member_like_the_others(lab: Laboratory, old_cluster: Kubectl) -> None:
    runtimes = {
        node["metadata"]["name"].partition(".")[0]: node["status"]["nodeInfo"]["containerRuntimeVersion"]
        for node in old_cluster.get("nodes")
    }
    for node in (WORKERS[0], WORKERS[2]):  # the last one is the rpm machine, which has nothing else
        assert runtimes.pop(node) == f"containerd://{CONTAINERD.version}"
    assert all(runtime.startswith("containerd://1.") for runtime in runtimes.values())
    assert lab.inside(WORKERS[0], "dpkg-query -W -f '${db:Status-Status}' containerd.io") == "installed"
    running = json.loads(lab.inside(WORKERS[0], "crictl pods --state Ready -o json"))["items"]
    assert any(pod["metadata"]["name"].startswith("calico-node-") for pod in running)


def test_a_second_run_is_empty(old: Runbooks, old_cluster: Kubectl) -> None:
    assert old_cluster
    assert old.deploy("--output", "json").ended(0).changes == {}


def test_a_hundred_forced_reconciles_leave_nothing_to_change(old: Runbooks, old_cluster: Kubectl) -> None:
    for number in range(FORCED):
        old_cluster("annotate", "installation", "default", "--overwrite", f"trial={number}")
    old_cluster("annotate", "installation", "default", "trial-")
    assert old.deploy("--output", "json").ended(0).changes == {}


def test_calico_is_not_moved_to_another_minor_by_accident(runbooks: Runbooks, old_cluster: Kubectl) -> None:
    """The inventory of today against a cluster of yesterday."""
    assert old_cluster
    answer = runbooks.deploy("--output", "json").ended(1)
    assert answer.changes == {}
    assert any("the cluster runs Calico 3.24.5, the inventory says 3.32.1" in error for error in answer.errors.values())


def test_calico_goes_to_the_newer_one_when_it_is_asked_for(
    lab: Laboratory, project: Project, old_cluster: Kubectl, measure: Measure
) -> None:
    """The load balancer stays: its API of v1 does not become one of v2 by a manifest."""
    newer = {
        "data": {
            "software": {"purelb": OLD["data"]["software"]["purelb"]},
            "manifests": {"purelb": OLD["data"]["manifests"]["purelb"]},
        }
    }
    runbooks = project.edited(defaults=newer)
    planned = runbooks.upgrade("--calico", "--dry-run", "--output", "json").ended(0)
    made = runbooks.upgrade("--calico", "--output", "json", deadline=FIRST_RUN_SECONDS).ended(0)
    measure("upgrade.py --calico from 3.24.5 to 3.32.1", made.seconds)
    operator = ("Deployment tigera-operator/tigera-operator", "Deployment tigera-operator")
    assert any(what in operator for _, what in planned.changes), planned.changes.keys()
    assert {check["ok"] for check in made.json["checks"]} == {True}
    (information,) = old_cluster.get("clusterinformations.crd.projectcalico.org")
    assert information["spec"]["calicoVersion"] == "v3.32.1"
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(old_cluster.blocks())
    assert runbooks.upgrade("--calico", "--output", "json").ended(0).changes == {}
    assert runbooks.deploy("--output", "json").ended(0).changes == {}
