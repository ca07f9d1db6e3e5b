"""Each phase of deploy.py, from bare machines: the run is killed in the middle of it, the next one loses a node there, the next goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import FIRST_RUN_SECONDS, HEALED_SECONDS, Measure
from tests.lab.cut_off import titles
from tests.lab.devices import Kubectl
from tests.lab.laboratory import CHECKOUT, MASTERS, NODES, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import SHIPPED, TRACES_OF_A_FAULT, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("kills")]
PHASE_SECONDS = 1500  # a node that is lost while Calico comes is waited for: ten minutes
# Whose loss in a phase is the worst; of the others a worker.
LOST = {
    "API endpoint": MASTERS[1],
    "First control plane": MASTERS[0],
    "Other control planes": MASTERS[2],
}


@pytest.fixture(scope="module")
def bare_machines(lab: Laboratory) -> Laboratory:
    """Nothing stands yet."""
    lab.must("reset", deadline=FIRST_RUN_SECONDS)
    return lab


def begin(runbooks: Runbooks, title: str, how: str, folder: Path) -> subprocess.Popen[bytes]:
    config = [] if runbooks.config == SHIPPED else ["--config", str(runbooks.config)]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "FORCE_COLOR")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.lab.cut_off", title, how, str(folder), *config],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are gone at the end, whatever became of the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait(60)


def passed_before(log: str, title: str) -> None:
    """The run has come past all phases before, and so goes on from where the last one was cut off."""
    before = titles()[: titles().index(title)]
    lines = [line for line in log.splitlines() if line.startswith(tuple(f" {one} " for one in before))]
    assert not [line for line in lines if " failed" in line], log
    assert not any(trace in log for trace in TRACES_OF_A_FAULT), log


@pytest.mark.parametrize("how", ["killed", "loses a node"])
@pytest.mark.parametrize("title", titles())
def test_a_run_goes_on_where_the_last_one_was_cut_off_and_is_cut_off_in(
    bare_machines: Laboratory,
    runbooks: Runbooks,
    tmp_path: Path,
    ended: list[subprocess.Popen[bytes]],
    measure: Measure,
    title: str,
    how: str,
) -> None:
    process = begin(runbooks, title, how, tmp_path)
    ended.append(process)
    log = tmp_path / "log"
    began = time.monotonic()
    if how == "killed":
        assert process.wait(PHASE_SECONDS) == -9, log.read_text(encoding="utf-8")
    else:
        wait_for(
            "the run has come there", lambda: (tmp_path / "now").exists() or process.poll() is not None, PHASE_SECONDS
        )
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
        assert code in (0, 1, 3), log.read_text(encoding="utf-8")
    measure(f"{title}: {how}", time.monotonic() - began)
    passed_before(log.read_text(encoding="utf-8"), title)


def test_the_next_run_completes_the_cluster(
    bare_machines: Laboratory, runbooks: Runbooks, tmp_path: Path, measure: Measure
) -> None:
    began = time.monotonic()
    runbooks.deploy(deadline=FIRST_RUN_SECONDS).ended(0)
    measure("deploy.py after it was cut off in every phase, twice", time.monotonic() - began)
    cluster = Kubectl.of(bare_machines, tmp_path)
    assert cluster.ready() == set(NODES)
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def test_after_it_there_is_nothing_left_to_do(runbooks: Runbooks, bare_machines: Laboratory) -> None:
    assert bare_machines
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
