"""Which way leads to a router whose driver has several."""

from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.inventory import build_nornir
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.transport import refuse_unclear_transport

WAYS = ("ssh", "https")


def refused(options: dict[str, Any], *, password: str | None) -> str:
    with pytest.raises(RefusedError) as raised:
        refuse_unclear_transport("leaf1", WAYS, options, password)
    return str(raised.value)


def test_what_is_said_and_fits_is_taken() -> None:
    refuse_unclear_transport("leaf1", WAYS, {"transport": "ssh"}, None)
    refuse_unclear_transport("leaf1", WAYS, {"transport": "https"}, "secret")
    refuse_unclear_transport("edge1", (), {}, None)


def test_what_is_not_said_or_unknown_or_cannot_work_is_refused() -> None:
    assert refused({}, password=None).startswith(
        "leaf1: it is not said whether it is reached by ssh or https. Nothing was contacted"
    )
    assert "transport 'http' is none of ssh or https" in refused({"transport": "http"}, password=None)
    assert "transport https needs a password, and there is none" in refused({"transport": "https"}, password=None)


def options_of(project: Any, **more: Any) -> dict[str, Any]:
    nornir = build_nornir(project(hosts={"openwrt": {"groups": ["eos"], **more}}))
    options: dict[str, Any] = (
        nornir.inventory.hosts["openwrt"].get_connection_parameters("napalm").extras["optional_args"]
    )
    return options


def test_the_driver_of_eos_alone_has_two_ways_and_the_inventory_names_one(project: Any) -> None:
    assert {name for name, platform in PLATFORMS.items() if platform.abilities.transports} == {"eos"}
    refuse_unclear_transport("openwrt", WAYS, options_of(project), None)
    assert "enforce_verification" not in options_of(project)


def test_by_https_a_certificate_is_checked_always(project: Any) -> None:
    unchecked = {"transport": "https", "enforce_verification": False}
    extras = {"connection_options": {"napalm": {"extras": {"optional_args": unchecked}}}}
    assert options_of(project, **extras)["enforce_verification"] is True
