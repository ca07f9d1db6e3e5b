"""The command as a person has it: documents on standard output, one line for a mistake, nothing contacted, nothing overwritten."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.explained.command import main
from kubepeer.explained.schema import FILES
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.conftest import CHECKOUT
from tests.unit.explained.inventories import EVERYTHING

WORKER = "k8s-calico-worker-10-31-90-4"
Command = Callable[..., int]


@pytest.fixture
def show(project: Any, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on an inventory under edit; who opens a socket or starts a program fails."""

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("somebody is contacted")

    def call(*arguments: str, defaults: str = "today", **edit: Any) -> int:
        config = project(defaults, **edit).config_file
        monkeypatch.setattr(socket, "socket", nobody)
        monkeypatch.setattr(subprocess, "Popen", nobody)
        return main("", PLATFORMS, ["show", "--config", str(config), *arguments])

    return call


def test_three_documents_are_printed_that_are_yaml(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--resolved", **EVERYTHING) == 0
    printed = capsys.readouterr()
    hosts, groups, defaults = yaml.safe_load_all(printed.out)
    assert hosts[WORKER]["data"]["labels"] == {"zone": "a", "ssd": "true", "gpu": "yes"}
    assert groups["fabric"]["data"]["cluster"]["bgp"]["password"] == {"env": "BGP_PASSWORD"}
    assert defaults["data"]["software"]["calico"] == "3.32.1"
    assert [line for line in printed.out.splitlines() if line.startswith("---")] == [
        "--- # hosts.yaml",
        "--- # groups.yaml",
        "--- # defaults.yaml",
    ]
    assert "hunter2" not in printed.out + printed.err
    assert "# Kubepeer's default" in printed.out


def test_without_resolved_no_default_of_kubepeers_is_shown(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show() == 0
    printed = capsys.readouterr().out
    assert "Kubepeer's default" not in printed
    assert "as_number: 64517" in printed
    assert "connect_seconds" not in printed


def test_plain_is_without_remarks(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--plain") == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if "#" in line and not line.startswith("---")] == []


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--host", WORKER, "-H", "openwrt"], [WORKER, "openwrt"]),
        (["--group", "routers"], ["openwrt", "tiny-unraid"]),
        (["-g", "probes"], ["client"]),
    ],
)
def test_some_hosts_are_shown_alone(
    show: Command, capsys: pytest.CaptureFixture[str], words: list[str], names: list[str]
) -> None:
    assert show(*words, **EVERYTHING) == 0
    (hosts,) = yaml.safe_load_all(capsys.readouterr().out)
    assert list(hosts) == names


def test_json_says_of_each_value_where_it_stands(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--output", "json", "--resolved", **EVERYTHING) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["runbook"], document["ok"], printed.err) == ("inventory", True, "")
    assert list(document["inventory"]) == ["hosts", "groups", "defaults"]
    by_path = {tuple(one["path"]): one for one in document["values"]}
    one = by_path["hosts", WORKER, "data", "kubelet_configuration", "maxPods"]
    assert (one["value"], one["follows"]) == (100, False)
    assert one["source"] == {
        "kind": "group",
        "file": "inventory/groups.yaml",
        "line": one["source"]["line"],
        "name": "gpu",
    }
    assert by_path["hosts", WORKER, "data", "full_name"]["follows"] is True
    assert by_path["hosts", WORKER, "data", "access", "password_login"]["source"] == {"kind": "kubepeer"}
    assert "hunter2" not in printed.out


def test_a_mistake_is_the_line_of_every_runbook(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(hosts={"openwrt": {"data": {"colour": "red"}}}) == 2
    printed = capsys.readouterr()
    assert printed.err == "inventory/hosts.yaml: openwrt: colour: unknown key. Nothing was contacted.\n"
    assert printed.out == ""


def test_a_mistake_is_json_where_json_is_wanted(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--output", "json", "--host", "nobody") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["error"].startswith("No host matches --host nobody. Hosts: ")


def test_what_nornir_does_not_take_is_told_too(show: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(hosts={"openwrt": {"connection_options": {"netmiko": 1}}}) == 2
    assert "connection_options of the inventory: Nornir says" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--resolved"], ["--resolved", "--plain"]])
def test_what_is_written_into_a_folder_is_the_very_same_intent(
    show: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    into = tmp_path / "new" / "folder"
    assert show("--into", str(into), *words, **EVERYTHING) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "the very same intent" in printed.err
    files = {"host_file": "hosts", "group_file": "groups", "defaults_file": "defaults"}
    settings = read_settings(tmp_path / "config.yaml")
    second = settings.model_copy(update={key: into / f"{name}.yaml" for key, name in files.items()})
    assert load_intent(second, PLATFORMS) == load_intent(settings, PLATFORMS)
    # a login in an address is written as it was said, and is nobody else's to read
    modes = {path.stem: path.stat().st_mode & 0o077 for path in into.iterdir()}
    assert (modes["defaults"], modes["hosts"] > 0, modes["groups"] > 0) == (0, True, True)


def test_nothing_is_overwritten(show: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert show("--into", str(tmp_path / "inventory")) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path}/inventory/hosts.yaml is there already, and nothing is overwritten.")
    assert said.count("\n") == 1


def test_some_hosts_are_no_inventory(show: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert show("--into", str(tmp_path / "new"), "--host", WORKER) == 2
    assert "--into writes the whole inventory" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_schemas_are_printed_one_by_one_or_written_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("", PLATFORMS, ["schema", "--into", str(tmp_path)]) == 0
    capsys.readouterr()
    for name in FILES:
        assert main("", PLATFORMS, ["schema", name]) == 0
        assert capsys.readouterr().out == (tmp_path / f"{name}.schema.json").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main("", PLATFORMS, ["schema"])
    assert ended.value.code == 2
    assert "hosts, groups, defaults" in capsys.readouterr().err


def test_the_runbook_needs_no_secret_no_key_and_no_namespace() -> None:
    """The shipped inventory is the lab's, whose namespace and key are there only while it is up."""
    program = [sys.executable, str(CHECKOUT / "runbooks/inventory.py"), "show", "--host", "openwrt"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(yaml.safe_load(done.stdout.removeprefix("--- # hosts.yaml\n"))) == ["openwrt"]


def test_the_documentation_shows_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("hosts", "groups"):
        shutil.copy(CHECKOUT / f"examples/two-racks/{kind}.yaml", tmp_path)
    shutil.copy(CHECKOUT / "inventory/defaults.yaml", tmp_path)
    options = {"host_file": "hosts.yaml", "group_file": "groups.yaml", "defaults_file": "defaults.yaml"}
    config = {"inventory": {"plugin": "SimpleInventory", "options": options}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    words = ["show", "--config", str(tmp_path / "config.yaml"), "--host", "k8s-calico-worker-10-30-92-11"]
    assert main("", PLATFORMS, words) == 0
    assert capsys.readouterr().out in (CHECKOUT / "docs/inventory.md").read_text(encoding="utf-8")
