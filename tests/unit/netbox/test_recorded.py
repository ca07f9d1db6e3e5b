"""What a real NetBox 4.7.3 has answered (tests/lab/test_netbox.py): the same intent, the same table; how it refuses is one line each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import KubepeerError
from kubepeer.intent.load import load_intent
from kubepeer.settings import Settings, read_settings
from kubepeer.sources.gather import gather
from tasks.platforms.platform import PLATFORMS
from tests.conftest import merged, untouched
from tests.unit.netbox.recorded import given, refusals
from tests.unit.netbox.standin import TOKEN, Standin, standing
from tests.unit.netbox.tutorial import LISTS, TABLE, groups_file, seed, write_project

SAID = {
    "a token that nobody has": "refuses the token for dcim/devices (HTTP 403: Invalid v2 token). No host was contacted.",
    "a token that may view devices alone": (
        "refuses the token for ipam/prefixes (HTTP 403: You do not have permission to perform this action). No host was contacted."
    ),
    "no token": "refuses the token for dcim/devices (HTTP 403: Authentication credentials were not provided). No host was contacted.",
    "a tag that there is not": (
        "does not take the parameters of dcim/devices: tag: Select a valid choice. k8s is not one of the available choices."
    ),
    "a status that there is not": (
        "does not take the parameters of dcim/devices: status: Select a valid choice. activ is not one of the available choices."
    ),
    "a role of prefixes that there is not": (
        "does not take the parameters of ipam/prefixes: role: Select a valid choice. k8s-pod is not one of the available choices."
    ),
    "a tag of AS numbers that there is not": (
        "does not take the parameters of ipam/asns: tag: Select a valid choice. k8s is not one of the available choices."
    ),
}


@pytest.fixture
def netbox() -> Iterator[Standin]:
    """A server that gives out what the real one has given."""
    with standing({LISTS[name]: things for name, things in seed("recorded").items()}) as server:
        yield server


@pytest.fixture
def settings_of(netbox: Standin, tmp_path: Path) -> Callable[..., Settings]:
    def make(table: dict[str, Any]) -> Settings:
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(TOKEN, encoding="utf-8")
        parameters = {"tag": "k8s-calico"}
        return read_settings(
            write_project(tmp_path, netbox.url, groups_file(), map=table, prefix_parameters=parameters)
        )

    return make


def test_the_tutorials_cluster_is_the_very_same_intent_as_from_its_files(settings_of: Any) -> None:
    assert load_intent(gather(settings_of(TABLE)), PLATFORMS) == untouched("seed")


@pytest.mark.cases("real")
def test_what_it_has_is_what_the_table_says(settings_of: Any, case: dict[str, Any]) -> None:
    table = merged(TABLE, case["map"])
    settings = gather(settings_of(table))
    for kind in ("hosts", "groups"):
        found = getattr(settings.given, kind)
        for name, entry in (case.get(kind) or {}).items():
            assert found[name] == entry, name
        assert found == getattr(given(table), kind)
    if case.get("loads", True):
        load_intent(settings, PLATFORMS)


@pytest.mark.parametrize("what", refusals())
def test_how_it_refuses_is_one_line(netbox: Standin, settings_of: Any, what: str) -> None:
    refused = refusals()[what]
    netbox.instead[refused["path"].partition("/?")[0].rstrip("/")] = (refused["status"], {}, refused["body"])
    with pytest.raises(KubepeerError) as raised:
        gather(settings_of(TABLE))
    assert SAID[what] in str(raised.value)
    assert str(raised.value).startswith(f"NetBox {netbox.url} ")


def fields(one: Any, path: str = "") -> Iterator[str]:
    """Every field of an object and of those within it; what a config context or a custom field holds is the owner's own."""
    if isinstance(one, list):
        one = one[0] if one else None
    if isinstance(one, dict):
        for key, value in one.items():
            yield f"{path}.{key}"
            if key not in ("config_context", "custom_fields"):
                yield from fields(value, f"{path}.{key}")


@pytest.mark.parametrize("name", ["devices", "addresses", "prefixes", "as_numbers"])
def test_what_the_other_cases_are_edits_of_has_the_fields_of_the_real_answers(name: str) -> None:
    real = {field for one in seed("recorded")[name] for field in fields(one)}
    assert {field for one in seed()[name] for field in fields(one)} <= real
    assert {*seed()[name][0]} == {*seed("recorded")[name][0]}
