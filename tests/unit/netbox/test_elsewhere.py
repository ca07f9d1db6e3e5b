"""What else of Kubepeer reads an inventory, where it stands in NetBox: backups, remove_node.py, the runbooks' command line."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.explained.resolved import resolve
from kubepeer.explained.text import as_yaml
from kubepeer.explained.tree import leaves
from kubepeer.intent.load import load_intent
from kubepeer.run import Run
from kubepeer.settings import Settings, read_settings
from tasks.backup.inventory import inventory_digests, inventory_files
from tasks.platforms.platform import PLATFORMS
from tasks.removal import both_ends
from tests.conftest import CHECKOUT, LOADER, merged, untouched
from tests.unit.netbox.standin import TOKEN, standing
from tests.unit.netbox.tutorial import LISTS, TABLE, edited, groups_file, mapped, seed, write_project

WORKER = "k8s-calico-worker-10-31-90-4"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (folder := tmp_path / "elsewhere").mkdir()
    read = read_settings(write_project(folder, "https://netbox.example.org", groups_file()))
    return read.model_copy(update={"given": mapped(seed(), TABLE, groups_file())})


@pytest.fixture
def run(run_of: Callable[..., Run], settings: Settings) -> Run:
    made = run_of(WORKER)
    made.settings = settings
    return made


def test_a_backup_has_the_inventory_as_files_that_are_one_without_netbox(run: Run, tmp_path: Path) -> None:
    found = inventory_files(run)
    assert [*found] == ["hosts.yaml", "groups.yaml", "defaults.yaml"]
    for name, content in found.items():
        (tmp_path / name).write_bytes(content)
    files = {"host_file": "hosts", "group_file": "groups", "defaults_file": "defaults"}
    paths = {key: tmp_path / f"{name}.yaml" for key, name in files.items()}
    again = run.settings.model_copy(update={**paths, "source": None, "given": None})
    assert load_intent(again, PLATFORMS) == untouched("seed")
    assert inventory_digests(run) == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def test_what_was_removed_is_to_be_taken_out_of_netbox(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(both_ends, "node_of", lambda run: run.intent.node(WORKER))
    task: Any = None
    monkeypatch.setattr(both_ends, "done", lambda _: None)
    monkeypatch.setattr(both_ends, "is_dead", lambda _: False)
    both_ends.remind(task, run)
    assert run.warnings[0].startswith(
        f"NetBox device {WORKER} (https://netbox.example.org/dcim/devices/4/) is still in the inventory: give it a role or status there"
    )


def test_the_group_of_a_rack_is_told_with_its_site(settings: Settings) -> None:
    site = {"id": 1, "name": "Homelab", "slug": "homelab", "url": "https://netbox.example.org/api/dcim/sites/1/"}
    lists = edited(seed(), {"sites": {"Homelab": {**site, "custom_fields": {"link": "10.31.80.0/20"}}}})
    table = merged(TABLE, {"racks": {"of": "site", "network": "custom_fields.link"}})
    given = settings.model_copy(update={"given": mapped(lists, table, groups_file())})
    documents = resolve(given, load_intent(given, PLATFORMS), chosen=None, everything=False)
    found = {path: leaf.origin for path, leaf in leaves(documents["hosts"])}
    network = found[(WORKER, "data", "rack", "network")]
    assert network.as_json() == {
        "kind": "source",
        "file": "https://netbox.example.org/dcim/sites/1/",
        "name": "NetBox site Homelab",
        "key": "custom_fields.link",
    }
    routers = found[(WORKER, "data", "routers")]
    assert str(routers) == "routers in this site, NetBox site Homelab, https://netbox.example.org/dcim/sites/1/"
    assert "homelab: {}" in as_yaml(documents["groups"])


def test_a_source_that_nobody_asked_is_a_fault_of_ours(settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="was not asked"):
        load_intent(settings.model_copy(update={"given": None}), PLATFORMS)


@pytest.mark.parametrize("runbook", ["deploy", "verify_routes", "inventory"])
def test_a_refused_token_ends_a_runbook_before_any_host_is_contacted(tmp_path: Path, runbook: str) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with standing({LISTS[name]: things for name, things in seed().items()}) as netbox:
        netbox.authorization = "Bearer another"
        config = write_project(tmp_path, netbox.url, groups_file())
        program = str(CHECKOUT / f"runbooks/{runbook}.py")
        words = ["show"] if runbook == "inventory" else ["--dry-run"] if runbook == "deploy" else []
        command = [sys.executable, program, *words, "--config", str(config), "--output", "json", "--verbose"]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "refuses the token for dcim/devices (HTTP 403: Invalid v2 token). No host was contacted." in done.stdout
    assert json.loads(done.stdout)["ok"] is False
    assert TOKEN not in done.stdout + done.stderr
    assert len(netbox.asked) == 1
    assert not (tmp_path / "var").exists()


def test_the_table_in_the_documentation_is_one(tmp_path: Path) -> None:
    """The first example of docs/netbox.md is what the tests map the tutorial's cluster with."""
    text = (CHECKOUT / "docs/netbox.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    config = tmp_path / "config.yaml"
    config.write_text(example, encoding="utf-8")
    source = read_settings(config).source
    assert source is not None
    document: Any = yaml.load(example, Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    given = mapped(seed(), document["inventory"]["options"]["map"], groups_file())
    assert given.hosts == mapped(seed(), TABLE, groups_file()).hosts
