"""A power failure of all nodes at once, after the first run: they come back by themselves, and there is nothing to change."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import NODES, ROUTERS, Laboratory, wait_for
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab
READY_SECONDS = 600


@pytest.fixture(scope="module")
def rebooted(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, measure: Measure) -> Kubectl:
    """All six nodes lose their power, no etcd is left, and have it again; nobody does anything."""
    boots = {name: boot(lab, name) for name in NODES}
    began = time.monotonic()
    with ThreadPoolExecutor(len(NODES)) as pool:
        list(pool.map(lambda name: lab.must("cut", name), NODES))
    lab.must("up")
    assert all(boot(lab, name) != boots[name] for name in NODES)
    wait_for("all nodes are Ready", lambda: cluster.ready() == set(NODES), READY_SECONDS, pause=2)
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
    measure("power failure of all six nodes, until every route is right again", time.monotonic() - began)
    wait_for("Calico's API answers", cluster.calico_answers, READY_SECONDS, pause=2)
    return cluster


def boot(lab: Laboratory, name: str) -> str:
    """What tells one boot of a machine from another: the time at which its first process began."""
    return lab.inside(name, "stat -c %Y /run/systemd/system; cut -d ' ' -f 22 /proc/1/stat")


@pytest.mark.usefixtures("rebooted")
def test_drift_finds_nothing_after_it(runbooks: Runbooks) -> None:
    answer = runbooks.drift("--output", "json").ended(0)
    assert answer.changes == {}


def test_a_run_changes_nothing_after_it(lab: Laboratory, rebooted: Kubectl, runbooks: Runbooks) -> None:
    answer = runbooks.deploy("--output", "json").ended(0)
    assert answer.changes == {}
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(rebooted.blocks())
