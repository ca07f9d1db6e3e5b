"""The stand-ins as Calico 3.24 and PureLB's first manifest, the tutorial's: the same run, the same table, and nothing to do afterwards."""

from typing import Any

import pytest

from tests.lab.conftest import FIRST_RUN_SECONDS, Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import NODES, ROUTERS, Laboratory
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


@pytest.fixture(scope="module")
def old(lab: Laboratory, project: Project, measure: Measure) -> Runbooks:
    """Runbooks on an inventory of old versions; the machines are bare."""
    lab.must("reset", deadline=300)
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
