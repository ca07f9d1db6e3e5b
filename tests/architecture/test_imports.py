"""What a verification of routers that are asked through a shell must not load: each library costs every run its time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
# NAPALM brings the libraries of all vendors; the others are for pages, templates, tables of vendors and changes.
UNNEEDED = (
    "napalm",
    "jnpr.junos",
    "ncclient",
    "pyeapi",
    "lxml",
    "jinja2",
    "ntc_templates",
    "hier_config",
    "kubernetes",
    "requests",
    "kubepeer.page.write",
    "tasks.routers.tasks",
)
# The program of the arguments, which ends as it will; then the modules that are there, a line each.
THEN_TELL = """
import runpy, sys
path, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = path
try:
    runpy.run_path(path, run_name="__main__")
finally:
    print(*sys.modules, sep="\\n", file=open({told!r}, "w"))
"""


def loaded(tmp_path: Path, *words: str, runbook: str = "verify_routes") -> set[str]:
    """The modules that are loaded when the runbook has ended."""
    told = tmp_path / "modules"
    command = [
        sys.executable,
        "-c",
        THEN_TELL.format(told=str(told)),
        str(CHECKOUT / f"runbooks/{runbook}.py"),
        *words,
    ]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.exists(), done.stderr
    return {*told.read_text().splitlines()}


def unneeded(modules: set[str]) -> list[str]:
    return [name for name in UNNEEDED if name in modules]


def test_the_command_line_alone_loads_nothing_that_is_not_needed(tmp_path: Path) -> None:
    assert unneeded(loaded(tmp_path, "--help")) == []


def test_napalm_is_loaded_by_the_first_router_while_the_nodes_are_observed_and_not_before(tmp_path: Path) -> None:
    assert "napalm" not in loaded(tmp_path, "--help", runbook="deploy")


@pytest.fixture
def nobody() -> dict[str, Any]:
    """An edit of the shipped inventory: every host at an address of this machine and a port on which nobody listens (tcpmux, RFC 1078)."""
    hosts = yaml.safe_load((CHECKOUT / "inventory/hosts.yaml").read_text(encoding="utf-8"))
    return {
        name: {"hostname": "127.0.0.1", "port": 1, "data": {"address": host["hostname"]}}
        for name, host in hosts.items()
    }


def test_a_run_with_frr_and_bird_loads_their_readers_and_nothing_of_other_vendors(
    tmp_path: Path, project: Any, nobody: dict[str, Any]
) -> None:
    """As far as it comes where nobody listens: what a connection loads is there when it is refused."""
    folder = project("today", hosts=nobody).host_file.parent.parent
    modules = loaded(tmp_path, "--config", str(folder / "config.yaml"), "--output", "json")
    assert {"netmiko", "paramiko", "tasks.platforms.frr", "tasks.platforms.bird"} <= modules
    assert unneeded(modules) == []


def test_a_napalm_error_is_caught_where_napalm_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from napalm.base.exceptions import NapalmException  # noqa: PLC0415  it is what is tested

    from tasks.linux import napalm_errors  # noqa: PLC0415

    assert napalm_errors.napalm_error("NapalmException") is NapalmException
    monkeypatch.delitem(sys.modules, napalm_errors.MODULE)
    assert not issubclass(NapalmException, napalm_errors.napalm_error("NapalmException"))


def test_a_connection_is_of_the_plugins_own_class_and_may_be_registered_by_others_too(project: Any) -> None:
    """Nornir's own InitNornir, in the same process, meets the same plugins."""
    from nornir.core.plugins.connections import ConnectionPluginRegister  # noqa: PLC0415  it is what is tested
    from nornir_netmiko.connections import Netmiko  # noqa: PLC0415

    from kubepeer.inventory import build_nornir  # noqa: PLC0415

    build_nornir(project("today"))
    assert type(ConnectionPluginRegister.get_plugin("netmiko")()) is Netmiko
    ConnectionPluginRegister.auto_register()
    assert {"netmiko", "napalm"} <= {*ConnectionPluginRegister.available}
