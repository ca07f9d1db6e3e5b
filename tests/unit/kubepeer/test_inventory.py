"""Nornir's inventory with its traps closed."""

from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.inventory import build_nornir

NODE, ROUTER = "k8s-calico-worker-10-31-90-4", "openwrt"


def extras(settings: Any, host: str, connection: str = "netmiko") -> dict[str, Any]:
    parameters = build_nornir(settings).inventory.hosts[host].get_connection_parameters(connection)
    return dict(parameters.extras or {})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (file := tmp_path / "keys" / "id_ed25519").parent.mkdir()
    file.touch(0o600)
    return file


def netmiko(**extras: Any) -> dict[str, Any]:
    return {"connection_options": {"netmiko": {"extras": extras}}}


def test_a_hosts_extras_do_not_drop_those_of_its_groups_and_the_defaults(project: Any) -> None:
    settings = project(
        defaults_file=netmiko(use_keys=True, allow_agent=False),
        groups={"linux": netmiko(session_log="linux.log", read_timeout_override=30), "worker": netmiko(fast_cli=False)},
        hosts={NODE: netmiko(global_delay_factor=2)},
    )
    found = extras(settings, NODE)
    assert found["use_keys"] is True
    assert (found["session_log"], found["read_timeout_override"]) == ("linux.log", 30)
    assert found["fast_cli"] is False
    assert found["global_delay_factor"] == 2


def test_the_nearest_value_of_an_extra_wins(project: Any) -> None:
    settings = project(
        defaults_file=netmiko(conn_timeout=1, banner_timeout=1, auth_timeout=1),
        groups={"linux": netmiko(conn_timeout=2, banner_timeout=2), "worker": netmiko(conn_timeout=3)},
    )
    found = extras(settings, NODE)
    assert (found["conn_timeout"], found["banner_timeout"], found["auth_timeout"]) == (3, 2, 1)


def test_every_connection_has_timeouts(project: Any) -> None:
    found = extras(project(), NODE)
    assert {"conn_timeout", "banner_timeout", "auth_timeout", "keepalive"} <= found.keys()
    assert all(0 < found[key] <= 30 for key in ("conn_timeout", "banner_timeout", "auth_timeout", "keepalive"))


@pytest.mark.parametrize("connection", ["netmiko", "napalm"])
@pytest.mark.parametrize("where", ["hosts", "groups", "defaults_file"])
def test_an_inventory_cannot_switch_the_check_of_host_keys_off(project: Any, where: str, connection: str) -> None:
    off = {"ssh_strict": False, "system_host_keys": True, "alt_host_keys": False, "alt_key_file": "/dev/null"}
    options = {"connection_options": {"netmiko": {"extras": off}, "napalm": {"extras": {"optional_args": off}}}}
    edit = options if where == "defaults_file" else {(ROUTER if where == "hosts" else "frr"): options}
    settings = project(**{where: edit})
    found = extras(settings, ROUTER, connection)
    found = found["optional_args"] if connection == "napalm" else found
    assert (found["ssh_strict"], found["system_host_keys"], found["alt_host_keys"]) == (True, False, True)
    assert found["alt_key_file"] == str(settings.known_hosts)


def test_napalm_logs_in_as_netmiko_does(project: Any, key_file: Path) -> None:
    settings = project(defaults_file=netmiko(key_file="keys/id_ed25519", use_keys=True))
    found = extras(settings, ROUTER, "napalm")
    assert found["timeout"] > 0
    assert found["optional_args"]["key_file"] == str(key_file)


def test_napalms_own_optional_arguments_stand_above_netmikos(project: Any) -> None:
    options = {"napalm": {"extras": {"timeout": 90, "optional_args": {"conn_timeout": 20}}}}
    settings = project(hosts={ROUTER: {"connection_options": options}})
    found = extras(settings, ROUTER, "napalm")
    assert (found["timeout"], found["optional_args"]["conn_timeout"]) == (90, 20)
    assert extras(settings, ROUTER)["conn_timeout"] != 20


@pytest.mark.parametrize("named", ["keys/id_ed25519", "{folder}/keys/id_ed25519", "~/keys/id_ed25519"])
def test_a_key_file_is_found_from_any_working_directory(
    project: Any, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    settings = project(defaults_file=netmiko(key_file=named.format(folder=tmp_path)))
    assert extras(settings, NODE)["key_file"] == str(key_file)


def test_a_key_file_that_is_not_there_is_named(project: Any, tmp_path: Path) -> None:
    with pytest.raises(
        InventoryError, match=rf"key_file: there is no file {tmp_path}/id_ed25519\. Nothing was contacted\."
    ):
        build_nornir(project(defaults_file=netmiko(key_file="id_ed25519")))


def test_the_connection_keeps_its_platform_port_and_login(project: Any) -> None:
    settings = project(hosts={ROUTER: {"port": 2222, "username": "engineer"}})
    parameters = build_nornir(settings).inventory.hosts[ROUTER].get_connection_parameters("netmiko")
    assert (parameters.platform, parameters.port, parameters.username) == ("linux", 2222, "engineer")
    assert parameters.hostname == "10.31.254.253"
    assert build_nornir(settings).inventory.hosts[ROUTER].get_connection_parameters("napalm").platform == "frr"


def test_a_password_from_outside_the_inventory_reaches_every_connection(project: Any) -> None:
    host = build_nornir(project(), "s3cret").inventory.hosts[NODE]
    assert host.get_connection_parameters("netmiko").password == "s3cret"


def test_nothing_is_logged_into_the_working_directory(project: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (empty := tmp_path / "empty").mkdir()
    monkeypatch.chdir(empty)
    build_nornir(project())
    assert list(empty.iterdir()) == []
