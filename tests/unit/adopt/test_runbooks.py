"""The runbooks on an inventory of routers alone: which phases are for whom, and which runbooks are not for it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.intent import Intent
from kubepeer.intent.load import load_intent
from kubepeer.phases import Phase, Together
from kubepeer.run import Run
from kubepeer.settings import read_settings
from tasks.adopt import tasks
from tasks.platforms.platform import PLATFORMS
from tests.conftest import CHECKOUT
from tests.unit.adopt.served import Adopt

ROUTERS = ["edge", "core"]
API = {
    "/apis/crd.projectcalico.org/v1/bgppeers": [
        {"metadata": {"name": "edge"}, "spec": {"peerIP": "10.5.0.1", "asNumber": 64513}},
        {"metadata": {"name": "core"}, "spec": {"peerIP": "10.5.0.2", "asNumber": 64514}},
    ],
}
ARGUMENTS = ["--router", "edge=10.5.0.1:frr", "--router", "core=10.5.0.2:bird"]


def node(name: str, address: str, *, control_plane: bool) -> dict[str, Any]:
    labels = {"node-role.kubernetes.io/control-plane": ""} if control_plane else {}
    annotations = {"projectcalico.org/IPv4Address": f"{address}/24"}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}}


@pytest.fixture(params=[True, False], ids=["control planes are nodes", "of a provider"])
def run(
    request: pytest.FixtureRequest, adopt: Adopt, run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> Run:
    nodes = [node("a", "10.5.0.11", control_plane=request.param), node("b", "10.5.0.12", control_plane=False)]
    code, to, served = adopt({"api": API | {"/api/v1/nodes": nodes}, "arguments": ARGUMENTS})
    assert code == 0
    intent = load_intent(read_settings(to / "config.yaml"), PLATFORMS)
    made = run_of(*ROUTERS, intent=intent)
    monkeypatch.setattr(tasks, "open_api", lambda _, **__: served)
    tasks.know_members(made)
    assert len(made.intent.nodes) == 2
    return made


def phases(runbook: str) -> Iterator[Phase]:
    steps = import_module(f"runbooks.{runbook}").PHASES
    for step in steps:
        yield from step.phases if isinstance(step, Together) else (step,)


EXPECTED = {
    "deploy": {"Observe", "Preflight", "Configure routers", "Verify both ends"},
    "drift": {"Observe", "Routers"},
    "verify_routes": {"Verify routes"},
}


@pytest.mark.parametrize("runbook", EXPECTED)
def test_its_phases_are_those_of_routers(run: Run, runbook: str) -> None:
    on = {phase.title: list(phase.on(run)) for phase in phases(runbook)}
    assert {title for title, hosts in on.items() if hosts} == EXPECTED[runbook]
    assert all(hosts in ([], ROUTERS) for hosts in on.values())
    assert all(not list(phase.needs(run)) for phase in phases(runbook) if phase.needs)


@pytest.fixture
def config(adopt: Adopt, tmp_path: Path) -> Path:
    """An inventory that was written; its API is nowhere."""
    nodes = [node("a", "10.5.0.11", control_plane=True)]
    code, to, _ = adopt({"api": API | {"/api/v1/nodes": nodes}, "arguments": ARGUMENTS})
    assert code == 0
    (to / "kubeconfig").touch(mode=0o600)
    (to / "kubeconfig").write_text(yaml.safe_dump({"clusters": []}), encoding="utf-8")
    return to / "config.yaml"


def said(config: Path, runbook: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "runbooks" / f"{runbook}.py", "--config", config, *arguments],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["bootstrap", "verify_services", "drain a", "undrain a"])
def test_a_runbook_that_is_not_for_it_says_so_in_a_line(config: Path, command: str) -> None:
    runbook, *arguments = command.split()
    code, text = said(config, runbook, *arguments)
    assert code == 2
    (line,) = text.splitlines()
    assert line.startswith(
        f"{runbook} is not for a cluster that Kubepeer did not build (kubernetes). Nothing was contacted."
    )


@pytest.mark.parametrize("runbook", [*EXPECTED])
def test_a_kubeconfig_that_is_none_is_one_line(config: Path, runbook: str) -> None:
    code, text = said(config, runbook)
    assert code == 2
    (line,) = text.splitlines()
    assert f"the kubeconfig {config.parent / 'kubeconfig'} has no" in line or "names no current-context" in line
    assert "Nothing was contacted." in line


def test_backups_are_listed_without_the_api(config: Path) -> None:
    code, text = said(config, "rollback_routers", "list")
    assert code == 0, text


def test_intent_says_whose_cluster_it_is(intent_of: Callable[..., Intent], run: Run) -> None:
    assert run.intent.cluster.adopted
    assert not intent_of().cluster.adopted
