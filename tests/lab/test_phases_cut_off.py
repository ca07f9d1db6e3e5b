"""Each phase of deploy.py: the run is killed in it, one phase after the other from bare machines on; and a node is lost in it, from bare
machines each time where it is a phase of the first run alone. The next run goes on.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.lab.conftest import FIRST_RUN_SECONDS, HEALED_SECONDS, STANDING, Measure
from tests.lab.cut_off import begin, flat, phases_of_deploy, titles
from tests.lab.devices import Kubectl
from tests.lab.laboratory import MASTERS, NODES, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import TRACES_OF_A_FAULT, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("kills")]
PHASE_SECONDS = 1500  # a node that is lost while pods come is waited for: five minutes until they are put elsewhere, each of several times
# The phases that change something on bare machines alone: a cluster that stands would not show what a loss does there.
OF_THE_FIRST_RUN = (
    "Prepare nodes", "Configure routers", "Pull images", "API endpoint", "First control plane", "Other control planes", "Workers",
    "Cluster network", "Load balancer", "Workload",
)  # fmt: skip
# No host has these: PART=settings kills runs in the first two of the shipped inventory, test_replace in the third; the fourth only reads.
OF_NO_HOST = ("Keys of encryption", "Objects encrypted", "Replace", "Verify nodes")
TITLES = [title for title in titles() if title not in OF_NO_HOST]
# Whose loss in a phase is the worst; of the others a worker.
LOST = {
    "API endpoint": MASTERS[1],
    "First control plane": MASTERS[0],
    "Other control planes": MASTERS[2],
}


@pytest.fixture(scope="module")
def bare_machines(lab: Laboratory) -> Laboratory:
    """Nothing stands yet; or what stands is wanted, for work on a phase of every run."""
    if not os.environ.get(STANDING):
        lab.must("reset", deadline=FIRST_RUN_SECONDS)
    return lab


def passed_before(log: str, title: str) -> None:
    """The run has come past all phases before, and so goes on from where the last one was cut off."""
    lines = [line for line in log.splitlines() if line.startswith(tuple(f" {one} " for one in before(title)))]
    assert not [line for line in lines if " failed" in line], log
    no_trace(log)


def before(title: str) -> list[str]:
    """The titles of the phases that are over when the one of this title begins."""
    over: list[str] = []
    for one in phases_of_deploy():
        together = [phase.title for phase in flat([one])]
        if title in together:
            return over
        over += together
    raise AssertionError(title)


def no_trace(log: str) -> None:
    """No traceback reached whoever reads it."""
    assert not any(trace in log for trace in TRACES_OF_A_FAULT), log


def converged(lab: Laboratory, runbooks: Runbooks, folder: Path) -> None:
    """The next run brings everything about, and both ends say so."""
    runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    cluster = Kubectl.of(lab, folder)
    # a machine that was away for less time than the API needs to miss it: its kubelet, which is new, says so a moment later
    wait_for("all nodes are Ready", lambda: cluster.ready() == set(NODES), HEALED_SECONDS)
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


@pytest.mark.parametrize("title", TITLES)
def test_a_run_goes_on_where_the_last_one_was_killed_and_is_killed_in(
    bare_machines: Laboratory,
    runbooks: Runbooks,
    tmp_path: Path,
    processes: list[subprocess.Popen[bytes]],
    measure: Measure,
    title: str,
) -> None:
    assert bare_machines
    began = time.monotonic()
    process = begin(runbooks.config, title, "killed", tmp_path)
    processes.append(process)
    code = process.wait(PHASE_SECONDS)
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert code == -9, log
    measure(f"{title}: killed", time.monotonic() - began)
    passed_before(log, title)


def test_the_run_after_it_completes_the_cluster(
    bare_machines: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
) -> None:
    began = time.monotonic()
    converged(bare_machines, runbooks, tmp_path)
    measure("deploy.py after it was killed in every phase", time.monotonic() - began)


def test_the_phases_of_the_first_run_are_phases() -> None:
    assert {*OF_THE_FIRST_RUN, *OF_NO_HOST} < set(titles())


@pytest.mark.parametrize("title", sorted(TITLES, key=lambda title: title in OF_THE_FIRST_RUN))
def test_the_next_run_converges_after_a_node_was_lost_in(
    bare_machines: Laboratory,
    runbooks: Runbooks,
    tmp_path: Path,
    processes: list[subprocess.Popen[bytes]],
    measure: Measure,
    title: str,
) -> None:
    if title in OF_THE_FIRST_RUN:
        bare_machines.must("reset", deadline=FIRST_RUN_SECONDS)
    process = begin(runbooks.config, title, "loses a node", tmp_path)
    processes.append(process)
    log = tmp_path / "log"
    wait_for("the run has come there", lambda: (tmp_path / "now").exists() or process.poll() is not None, PHASE_SECONDS)
    assert process.poll() is None, log.read_text(encoding="utf-8")
    node = LOST.get(title, WORKERS[2])
    bare_machines.must("cut", node)
    lost = time.monotonic()
    (tmp_path / "go").touch()
    try:
        code = process.wait(PHASE_SECONDS)
    finally:
        bare_machines.must("up", node)
    measure(f"a node is lost in {title!r}, until the run has ended", time.monotonic() - lost)
    said = log.read_text(encoding="utf-8")
    assert code in (0, 1, 3), said
    passed_before(said, title)
    converged(bare_machines, runbooks, tmp_path)
    measure(f"a node is lost in {title!r}, until all is right", time.monotonic() - lost)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks, bare_machines: Laboratory) -> None:
    assert bare_machines
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
