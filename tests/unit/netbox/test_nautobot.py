"""Nautobot's answers by the same table: the tutorial's cluster is the very same intent; what it has not is told before it is asked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import InventoryError, LoginRefusedError, UsageError
from kubepeer.intent.load import load_intent
from kubepeer.settings import Settings, read_settings
from kubepeer.sources.gather import gather
from tasks.platforms.platform import PLATFORMS
from tests.conftest import merged, untouched
from tests.unit.netbox.standin import Standin, standing
from tests.unit.netbox.tutorial import LISTS, edited, groups_file, seed, write_project

TOKEN = "0123456789abcdef0123456789abcdef01234567"
TABLE: dict[str, Any] = {
    "roles": {"K8s control plane": "control_plane", "K8s worker": "worker", "Upstream router": "routers"},
    "platforms": {"FRRouting": "frr", "BIRD": "bird"},
    "routers": {"as_number": "custom_fields.bgp_asn"},
    "networks": {
        "nodes": "K8s nodes",
        "pods": "K8s pods",
        "services": "K8s services",
        "load_balancers": "K8s load balancers",
    },
}
AS_NUMBER = {"fabric": {"data": {"cluster": {"bgp": {"as_number": 64517}}}}}


@pytest.fixture
def nautobot() -> Iterator[Standin]:
    with standing({LISTS[name]: things for name, things in seed("nautobot").items()}) as server:
        server.authorization, server.version = f"Token {TOKEN}", "3.2"
        yield server


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[..., Settings]:
    def make(url: str, **options: Any) -> Settings:
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        (tmp_path / "token").chmod(0o600)
        options["map"] = merged(TABLE, options.get("map") or {})
        return read_settings(write_project(tmp_path, url, groups_file(AS_NUMBER), plugin="Nautobot", **options))

    return make


def test_the_tutorials_cluster_is_the_very_same_intent_as_from_its_files(nautobot: Standin, project_of: Any) -> None:
    nautobot.largest = 3
    assert load_intent(gather(project_of(nautobot.url)), PLATFORMS) == untouched("seed")
    asked = {path: query for path, query in nautobot.asked if query["offset"] == ["0"]}
    assert [*asked] == ["dcim/devices", "ipam/prefixes"]
    assert asked["dcim/devices"] == {
        "tag": ["k8s-calico"],
        "depth": ["1"],
        "include": ["config_context"],
        "limit": ["250"],
        "offset": ["0"],
    }
    assert asked["ipam/prefixes"]["exclude_m2m"] == ["false"]


def test_an_address_is_of_interfaces(nautobot: Standin, project_of: Any) -> None:
    settings = gather(project_of(nautobot.url, map={"nodes": {"address": {"interface": "eth0"}}}))
    assert settings.given.hosts["k8s-calico-worker-10-31-90-4"]["data"] == {"address": "10.31.90.4"}
    assert load_intent(settings, PLATFORMS).node("k8s-calico-worker-10-31-90-4").address_key == "data.address"


def test_a_location_is_a_rack(nautobot: Standin, project_of: Any) -> None:
    location = nautobot.lists["dcim/devices"][0]["location"]
    nautobot.lists["dcim/locations"] = [{**location, "custom_fields": {"bgp_asn": 64520}}]
    prefixes = nautobot.lists["ipam/prefixes"]
    link = {
        **prefixes[0],
        "id": "another",
        "prefix": "10.31.80.0/20",
        "role": {**prefixes[0]["role"], "name": "Rack link"},
    }
    elsewhere = {**link, "id": "elsewhere", "prefix": "10.32.0.0/20", "locations": [{"id": "elsewhere"}]}
    nautobot.lists["ipam/prefixes"] = [*prefixes, link, elsewhere]
    racks = {"of": "location", "network": {"role": "Rack link"}, "as_number": "custom_fields.bgp_asn"}
    settings = gather(project_of(nautobot.url, map={"racks": racks}))
    assert settings.given.groups["homelab"]["data"] == {
        "rack": {"name": "homelab", "network": "10.31.80.0/20", "as_number": 64520},
        "routers": ["openwrt", "tiny-unraid"],
    }
    assert {node.as_number for node in load_intent(settings, PLATFORMS).nodes} == {64520}


def test_a_mistake_names_the_object_and_its_page(nautobot: Standin, project_of: Any) -> None:
    nautobot.lists = {
        LISTS[name]: things
        for name, things in edited(
            seed("nautobot"), {"devices": {"openwrt": {"custom_fields": {"bgp_asn": None}}}}
        ).items()
    }
    [openwrt] = [one for one in nautobot.lists["dcim/devices"] if one["name"] == "openwrt"]
    page = f"https://nautobot.example.org/dcim/devices/{openwrt['id']}/"
    with pytest.raises(InventoryError) as raised:
        load_intent(gather(project_of(nautobot.url)), PLATFORMS)
    assert str(raised.value) == f"Nautobot device openwrt ({page}): as_number: is missing. Nothing was contacted."


def test_a_role_that_the_token_may_not_view(nautobot: Standin, project_of: Any) -> None:
    """Nautobot 3 leaves nothing but its display of what the token may not view."""
    for device in nautobot.lists["dcim/devices"]:
        device["role"] = {key: device["role"][key] for key in ("id", "object_type", "url", "display")}
    assert load_intent(gather(project_of(nautobot.url)), PLATFORMS) == untouched("seed")


def test_an_older_nautobot_is_refused(nautobot: Standin, project_of: Any) -> None:
    nautobot.version = "1.6"
    with pytest.raises(UsageError, match=r"Nautobot .* is 1\.6; 2\.0 or newer is understood"):
        gather(project_of(nautobot.url))


def test_a_wrong_token(nautobot: Standin, project_of: Any) -> None:
    nautobot.authorization = "Token another"
    with pytest.raises(LoginRefusedError, match=r"^Nautobot .* refuses the token for dcim/devices") as raised:
        gather(project_of(nautobot.url))
    assert TOKEN not in str(raised.value)
