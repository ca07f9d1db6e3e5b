"""The inventory of examples/two-racks: what it means, what each router is told of it, and that it grows from the shipped one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.intent import Intent
from kubepeer.intent.between_nodes import way
from kubepeer.intent.load import load_intent
from kubepeer.intent.racks import link_of, links_of, racks
from kubepeer.settings import read_settings
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tests.conftest import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "two-racks"
SITE, FIRST, SECOND = ["openwrt", "tiny-unraid"], "10.31.0.0/16", "10.30.92.0/24"


@pytest.fixture(scope="module", params=["inventory/defaults.yaml", "lab/defaults.yaml"])
def intent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Intent:
    options = {
        "host_file": EXAMPLE / "hosts.yaml",
        "group_file": EXAMPLE / "groups.yaml",
        "defaults_file": CHECKOUT / request.param,
    }
    document = yaml.safe_load((CHECKOUT / "config.yaml").read_text(encoding="utf-8"))
    document["inventory"]["options"] = {name: str(path) for name, path in options.items()}
    config = tmp_path_factory.mktemp("example") / "config.yaml"
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_intent(read_settings(config), PLATFORMS)


def document(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def test_each_rack_has_a_link_an_as_and_routers_of_its_own(intent: Intent) -> None:
    assert {name: str(rack.network) for name, rack in racks(intent).items()} == {"rack-1": FIRST, "rack-2": SECOND}
    for router in intent.routers:
        nodes = intent.peers_of(router)
        first = router.name in SITE
        assert [str(link) for link in links_of(intent, nodes)] == [FIRST if first else SECOND]
        assert intent.as_numbers_of_peers(router) == ((64517,) if first else (64520,))
    assert {str(link_of(intent, node)) for node in intent.control_planes} == {FIRST}
    assert way(intent, PLATFORMS).cure == "vxlan"


@pytest.mark.parametrize("router", ["openwrt", "tiny-unraid", "tor-2a", "tor-2b"])
def test_a_router_is_told_of_the_nodes_of_its_own_rack_alone(intent: Intent, router: str) -> None:
    found = intent.router(router)
    text = render(PLATFORMS[found.platform].template, **context(intent, found, "", None))
    own = {str(node.address) for node in intent.peers_of(found)}
    others = {str(node.address) for node in intent.nodes} - own
    assert all(f"neighbor {address} " in text for address in own)
    words = set(text.replace(";", " ").split())
    assert not others & words


def test_it_is_the_shipped_inventory_and_a_second_rack(intent: Intent) -> None:
    assert intent.nodes
    hosts, shipped = document(EXAMPLE, "hosts"), document(CHECKOUT / "inventory", "hosts")
    new = {"k8s-calico-worker-10-30-92-11", "k8s-calico-worker-10-30-92-12", "tor-2a", "tor-2b"}
    assert set(hosts) - set(shipped) == new
    members = {
        name: one for name, one in shipped.items() if {*one["groups"]} & {"control_plane", "worker", "frr", "bird"}
    }
    assert len(members) == 8
    assert all({**hosts[name], "groups": hosts[name]["groups"][:1]} == entry for name, entry in members.items())
    groups, standing = document(EXAMPLE, "groups"), document(CHECKOUT / "inventory", "groups")
    assert set(groups) - set(standing) == {"rack-1", "rack-2", "rack-2-routers"}
    networks = groups["fabric"]["data"]["cluster"]["networks"]
    assert networks.pop("nodes") == "10.30.0.0/15"
    assert standing["fabric"]["data"]["cluster"]["networks"].pop("nodes") == FIRST
    both = standing.keys() & groups.keys()
    assert both >= {"fabric", "control_plane", "worker", "frr", "bird"}
    assert {name: groups[name] for name in both} == {name: standing[name] for name in both}
