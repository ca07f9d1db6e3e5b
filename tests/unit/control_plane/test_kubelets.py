"""A kubelet gets another configuration: written, restarted, watched; put back where it does not come back."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import CommandError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.control_plane import kubelets
from tasks.control_plane.record import FILES, KUBELET_FILE, QUESTIONS
from tasks.control_plane.settling import keep_settings
from tasks.linux.observe import ask
from tasks.linux.state import RESTART_MARKERS
from tests.unit.control_plane.test_joins import Machine

WORKERS = [f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)]
SYSTEMCTL = """case $* in
    *restart*) echo "${HOST##*-} restart" >>$RESTART_MARKERS;;
    *show*) echo 4711;;
esac"""
# healthy unless its configuration has a bogus field
CURL = """grep -q bogus $HOME/var/lib/kubelet/config.yaml || printf ok"""


class Worker(Machine):
    def __init__(self, host: str, folder: Path) -> None:
        super().__init__(host, folder)
        (folder / "run").mkdir(parents=True)
        (folder / "bin").mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("curl", CURL.replace("$HOME", str(folder))), ("sleep", ":")):
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / "bin" / name).chmod(0o755)

    @property
    def path(self) -> Path:
        return self.folder / KUBELET_FILE[1:]


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, intent_of: Callable[..., Intent]) -> dict[str, Worker]:
    found = {name: Worker(name, tmp_path / "fleet" / name) for name in WORKERS}
    monkeypatch.setattr(kubelets, "open_shell", lambda _, name: found[name])
    monkeypatch.setattr(kubelets, "api_if_there", lambda _: None)
    monkeypatch.setattr(kubelets, "explain", lambda *_: "the kubelet says: unknown field")
    for name, worker in found.items():
        worker.path.parent.mkdir(parents=True)
        fields = kubelets.kubelet_configuration.of_node(intent_of(), intent_of().node(name))
        worker.path.write_text(yaml.safe_dump(fields | {"shutdownGracePeriod": "0s"}))
    return found


Settle = Callable[..., dict[str, list[str] | str]]


@pytest.fixture
def settle(workers: dict[str, Worker], run_of: Callable[..., Run], intent_of: Callable[..., Intent]) -> Settle:
    """A run over the three, one after the other: what was changed, or the error. Keywords: fields of the group, options of the run."""

    def make(fields: dict[str, Any], **options: Any) -> dict[str, list[str] | str]:
        intent = intent_of(groups={"worker": {"data": {"kubelet_configuration": fields}}}) if fields else intent_of()
        run = run_of(*WORKERS, intent=intent, **options)
        found: dict[str, list[str] | str] = {}
        for name, worker in workers.items():
            keep_settings(run, name, ask(worker, QUESTIONS, FILES))
            task: Any = type("Task", (), {"host": run.nornir.inventory.hosts[name]})
            try:
                result: Any = kubelets.settle_kubelet(task, run)
                found[name] = [change.what for change in result.changes]
            except CommandError as error:
                found[name] = str(error)
        return found

    return make


def notes(worker: Worker) -> list[str]:
    path = worker.folder.parent / "notes"
    return path.read_text().splitlines() if path.exists() else []


PATCHES = "/etc/kubernetes/kubepeer/patches"


def test_a_field_of_a_group_comes_and_goes_again(workers: dict[str, Worker], settle: Settle) -> None:
    assert settle({}) == {name: [] for name in WORKERS}
    assert settle({"maxPods": 99}) == {name: [PATCHES, KUBELET_FILE] for name in WORKERS}
    assert [yaml.safe_load(worker.path.read_text())["maxPods"] for worker in workers.values()] == [99] * 3
    assert notes(workers[WORKERS[0]]) == ["4 restart", "5 restart", "6 restart"]
    assert settle({"maxPods": 99}) == {name: [] for name in WORKERS}
    assert settle({}) == {name: [PATCHES, KUBELET_FILE] for name in WORKERS}
    assert all("maxPods" not in yaml.safe_load(worker.path.read_text()) for worker in workers.values())
    assert list((workers[WORKERS[0]].folder / PATCHES[1:]).glob("*")) == []


def test_a_dry_run_restarts_nothing(workers: dict[str, Worker], settle: Settle) -> None:
    before = [worker.path.read_text() for worker in workers.values()]
    assert settle({"maxPods": 99}, dry_run=True) == {name: [PATCHES, KUBELET_FILE] for name in WORKERS}
    assert [worker.path.read_text() for worker in workers.values()] == before
    assert notes(workers[WORKERS[0]]) == []


def test_one_that_does_not_come_back_gets_its_old_configuration_and_no_other_is_touched(
    workers: dict[str, Worker], settle: Settle
) -> None:
    before = [yaml.safe_load(worker.path.read_text()) for worker in workers.values()]
    found = settle({"bogus": 1})
    assert re.fullmatch(
        rf"{WORKERS[0]}: the kubelet does not come back with the new configuration: {KUBELET_FILE}: exit 1: "
        r"the kubelet does not answer /healthz: the kubelet says: unknown field\. The old one was put back Cure: .*",
        str(found[WORKERS[0]]),
    )
    assert found[WORKERS[1]] == f"{WORKERS[1]}: not touched: the kubelet of {WORKERS[0]} did not come back"
    assert [yaml.safe_load(worker.path.read_text()) for worker in workers.values()] == before
    assert notes(workers[WORKERS[0]]) == ["4 restart", "4 restart"]


def test_a_node_that_is_no_member_yet_is_left_alone(workers: dict[str, Worker], settle: Settle) -> None:
    for worker in workers.values():
        worker.path.unlink()
    assert settle({"maxPods": 99}) == {name: [] for name in WORKERS}


def test_a_run_that_is_cut_off_leaves_the_restart_to_the_next(workers: dict[str, Worker], settle: Settle) -> None:
    worker = workers[WORKERS[0]]
    (worker.folder / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert "The old one could not be put back" in str(settle({"maxPods": 99})[WORKERS[0]])
    marker = worker.folder / f"{RESTART_MARKERS}kubelet"[1:]
    assert marker.exists()


def test_the_scripts_are_shell() -> None:
    script = kubelets.WELL.format(address="127.0.0.1", port=10248, settle=3, seconds=60)
    assert subprocess.run(["/bin/sh", "-n"], input=script, text=True, check=False, capture_output=True).stderr == ""
