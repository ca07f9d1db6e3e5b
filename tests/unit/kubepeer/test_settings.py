"""config.yaml: where everything is, and one line for what is wrong in it."""

from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import UsageError
from kubepeer.inventory import build_nornir
from kubepeer.settings import read_settings

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.cases("config_mistakes")
def test_a_mistake_in_config_yaml_is_one_line(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(case["config"], encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_settings(file)
    assert str(raised.value) == case["says"].strip()


def test_a_key_that_only_nornir_knows_is_judged_by_nornir_in_one_line(project: Any) -> None:
    settings = project(config={"logging": {"enabld": False}})
    with pytest.raises(UsageError, match=r"^config\.yaml, .*'enabld'.* Nothing was contacted\.$"):
        build_nornir(settings)


def test_connection_options_of_the_wrong_form_are_one_line(project: Any) -> None:
    settings = project(groups={"linux": {"connection_options": {"netmiko": "linux"}}})
    with pytest.raises(UsageError, match=r"connection_options of the inventory.* Nothing was contacted\.$"):
        build_nornir(settings)


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^config\.yaml: No such file or directory\."):
        read_settings(tmp_path / "config.yaml")


def test_all_paths_are_taken_from_the_folder_of_config_yaml(project: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir("/")
    settings = project()
    assert settings.host_file == tmp_path / "inventory/hosts.yaml"
    assert settings.known_hosts == tmp_path / "var/known_hosts"
    assert settings.state == tmp_path / "var"


def test_a_tilde_means_the_home_folder(project: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", "/home/engineer")
    settings = project(config={"user_defined": {"known_hosts": "~/.ssh/known_hosts"}})
    assert settings.known_hosts == Path("/home/engineer/.ssh/known_hosts")


def test_a_relative_config_is_taken_from_the_working_directory(project: Any, tmp_path: Path, monkeypatch: Any) -> None:
    project()
    monkeypatch.chdir(tmp_path)
    assert read_settings(Path("config.yaml")).folder == tmp_path


def test_an_empty_configuration_means_the_shipped_places(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    settings = read_settings(tmp_path / "config.yaml")
    assert settings.defaults_file == tmp_path / "inventory/defaults.yaml"
    assert (settings.namespace, settings.host_keys, settings.num_workers) == (None, "accept-new", None)


def test_the_shipped_configuration_names_the_labs_defaults_and_the_labs_network() -> None:
    settings = read_settings(CHECKOUT / "config.yaml")
    assert settings.defaults_file == CHECKOUT / "lab/defaults.yaml"
    assert settings.namespace == "kubepeer-lab"
