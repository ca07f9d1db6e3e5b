"""What an inventory comes to: read back it is the very same intent, and of each value the place is the one that says it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.explained.resolved import resolve
from kubepeer.explained.text import as_yaml
from kubepeer.explained.tree import Leaf, leaves, plain
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.settings import Settings
from tasks.platforms.platform import PLATFORMS
from tests.both_families import dual_stack, ipv6_only
from tests.conftest import DEFAULTS, LOADER
from tests.unit.explained.inventories import ADOPTED, EVERYTHING, everywhere

WORKER, OTHER, PLAIN = (f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6))
LAYOUTS: dict[str, dict[str, Any]] = {
    "dual-stack": dual_stack(),
    "IPv6 alone": ipv6_only(),
    "routers alone": ADOPTED,
    "everything said": EVERYTHING,
    "metallb speaks": {
        "groups": {"fabric": {"data": {"load_balancer": {"provider": "metallb", "announced_by": "metallb"}}}},
        "defaults_file": {
            "data": {
                "software": {"metallb": "0.16.0"},
                "manifests": {"metallb": "https://example.com/v0.16.0/metallb-native.yaml"},
            }
        },
    },
}


def again(settings: Settings, folder: Path, *, everything: bool, remarks: bool = True) -> Settings:
    """The inventory written out, with the settings of the first one."""
    found = resolve(settings, load_intent(settings, PLATFORMS), chosen=None, everything=everything)
    for name, document in found.items():
        text = as_yaml(document, remarks=remarks)
        assert yaml.load(text, Loader=LOADER) == plain(document)  # noqa: S506  a safe loader, by libyaml
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    files = {"host_file": "hosts", "group_file": "groups", "defaults_file": "defaults"}
    return settings.model_copy(update={key: folder / f"{name}.yaml" for key, name in files.items()})


@pytest.mark.parametrize("everything", [False, True], ids=["said", "resolved"])
@pytest.mark.parametrize("settings", [*everywhere()])
def test_an_inventory_of_the_checkout_is_the_very_same_intent_when_it_is_read_back(
    *, settings: Settings, everything: bool, folder: Path
) -> None:
    second = again(settings, folder, everything=everything)
    assert load_intent(second, PLATFORMS) == load_intent(settings, PLATFORMS)


@pytest.mark.parametrize("everything", [False, True], ids=["said", "resolved"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_the_very_same_intent_when_it_is_read_back(
    *, project: Any, layout: str, everything: bool, folder: Path
) -> None:
    settings = project("today", **LAYOUTS[layout])
    second = again(settings, folder, everything=everything, remarks=not everything)
    assert load_intent(second, PLATFORMS) == load_intent(settings, PLATFORMS)


def connections(settings: Settings) -> Iterator[tuple[Any, ...]]:
    """Where each host is reached, and how."""
    for name, host in build_nornir(settings).inventory.hosts.items():
        yield name, host.hostname, host.port, host.username, host.platform
        for plugin in ("netmiko", "napalm"):
            options = host.get_connection_parameters(plugin)
            extras = {key: value for key, value in (options.extras or {}).items() if key != "sock"}
            yield name, plugin, options.hostname, options.port, options.username, options.platform, repr(extras)


NEARER = {
    "groups": {
        "first": {"port": 2022, "connection_options": {"netmiko": {"extras": {"conn_timeout": 8}}}},
        "second": {"username": "second", "connection_options": {"netmiko": {"platform": "second", "port": 2222}}},
    },
    "hosts": {PLAIN: {"groups": ["first", "worker", "second"]}, OTHER: {"groups": ["worker", "second"]}},
    "defaults_file": {"connection_options": {"netmiko": {"platform": "defaults", "extras": {"conn_timeout": 7}}}},
}


@pytest.mark.parametrize("edit", [{}, EVERYTHING, NEARER], ids=["seed", "everything said", "connections"])
def test_every_host_is_reached_as_before(project: Any, edit: dict[str, Any], folder: Path) -> None:
    """Nornir has its own order of groups and defaults for connections: what is written out was found in that order."""
    settings = project("today", **edit)
    before = list(connections(settings))
    assert list(connections(again(settings, folder, everything=True))) == before


def found(settings: Settings) -> dict[str, Leaf]:
    documents = resolve(settings, load_intent(settings, PLATFORMS), chosen=None, everything=True)
    every = (pair for name, document in documents.items() for pair in leaves(document, (name,)))
    return {".".join(map(str, path)): leaf for path, leaf in every}


@pytest.fixture
def values(project: Any) -> dict[str, Leaf]:
    return found(project("today", **EVERYTHING))


def lines_of(settings: Settings, name: str) -> list[str]:
    return (settings.folder / name).read_text(encoding="utf-8").splitlines()


SAID = {
    f"hosts.{WORKER}.data.as_number": (64517, "inventory/hosts.yaml", "as_number: '0.64517'"),
    f"hosts.{OTHER}.data.as_number": (64517, "cluster.bgp.as_number of group fabric, inventory/groups.yaml", "as_number: 64517"),
    f"hosts.{WORKER}.data.labels.zone": ("a", "inventory/hosts.yaml", "zone: a"),
    f"hosts.{WORKER}.data.labels.ssd": ("true", "inventory/hosts.yaml", "ssd: true"),
    f"hosts.{WORKER}.data.labels.gpu": ("yes", "group gpu, inventory/groups.yaml", "gpu: 'yes'"),
    f"hosts.{OTHER}.data.labels.zone": ("b", "group gpu, inventory/groups.yaml", "zone: b"),
    f"hosts.{WORKER}.data.taints.0.value": ("1", "inventory/hosts.yaml", "value: 1"),
    f"hosts.{WORKER}.data.taints.1.key": ("slow", "group gpu, inventory/groups.yaml", "- key: slow"),
    f"hosts.{WORKER}.data.kubelet_extra_args.v": ("2", "inventory/hosts.yaml", "v: 2"),
    f"hosts.{WORKER}.data.kubelet_configuration.maxPods": (100, "group gpu, inventory/groups.yaml", "maxPods: 100"),
    f"hosts.{WORKER}.username": ("admin", "group linux, inventory/groups.yaml", "username: admin"),
    f"hosts.{WORKER}.connection_options.netmiko.extras.conn_timeout": (9, "group linux, inventory/groups.yaml", "conn_timeout: 9"),
    f"hosts.{WORKER}.data.access.sudo_password.env": ("SUDO", "inventory/hosts.yaml", "env: SUDO"),
    f"hosts.{OTHER}.data.access.keys_among_nodes": (True, "group fabric, inventory/groups.yaml", "keys_among_nodes: true"),
    "hosts.openwrt.username": ("root", "inventory/defaults.yaml", "username: root"),
    "hosts.openwrt.platform": ("frr", "group frr, inventory/groups.yaml", "platform: frr"),
    "hosts.openwrt.data.peering.nodes.exports.0.cidr": ("10.0.0.0/8", "inventory/hosts.yaml", "cidr: 10.0.0.0/8"),
    "groups.fabric.data.cluster.bgp.password.env": ("BGP_PASSWORD", "inventory/groups.yaml", "env: BGP_PASSWORD"),
    "groups.fabric.data.cluster.networks.further_pools.0.cidr": ("10.33.64.0/20", "inventory/groups.yaml", "- cidr: 10.33.64.0/20"),
    "groups.worker.groups": (["kubernetes"], "inventory/groups.yaml", "groups:"),
    "defaults.data.registries.docker.io.url": ("https://mirror.example.com", "inventory/defaults.yaml", "docker.io: https://mirror.example.com"),
    "defaults.data.kubeadm.api_server.extra_args.profiling": ("false", "inventory/defaults.yaml", "profiling: false"),
}  # fmt: skip


@pytest.mark.parametrize("key", SAID)
def test_a_value_has_the_place_that_says_it(project: Any, values: dict[str, Leaf], key: str) -> None:
    value, words, line = SAID[key]
    place, _, number = str(values[key].origin).rpartition(":")
    assert (values[key].value, place) == (value, words)
    standing = lines_of(project("today", **EVERYTHING), values[key].origin.file)[int(number) - 1]
    assert standing.strip() == line


OURS = {
    f"hosts.{PLAIN}.data.route_reflector": False,
    f"hosts.{WORKER}.data.access.password_login": "kept",
    "hosts.openwrt.data.peering.neighbours": "static",
    "groups.fabric.data.cluster.networks.further_pools.0.encapsulation": "VXLANCrossSubnet",
    "defaults.data.registries.docker.io.skip_verify": False,
    "defaults.data.software.pull_images": True,
}


def test_what_nobody_says_is_kubepeers_default(values: dict[str, Leaf]) -> None:
    said = {key for key, leaf in values.items() if leaf.origin.kind != "kubepeer"}
    assert {key: values[key].value for key in OURS} == OURS
    assert said & OURS.keys() == {"defaults.data.software.pull_images"}


def test_what_others_come_to_is_told_and_is_no_statement(values: dict[str, Leaf]) -> None:
    follows = {key: (leaf.value, str(leaf.origin)) for key, leaf in values.items() if leaf.follows}
    of_plain = {key.rpartition(".")[2]: one for key, one in follows.items() if f".{PLAIN}." in key}
    assert of_plain == {
        "address": ("10.31.90.6", "hostname"),
        "routers": (["openwrt", "tiny-unraid"], "all that there are: nobody names some"),
        "full_name": (f"{PLAIN}.tinychen.io", "its name and cluster.domain"),
    }
    assert follows["hosts.openwrt.data.address"] == ("10.31.254.253", "data.peering.address")
    assert f"hosts.{OTHER}.data.address" not in follows
    assert follows["hosts.k8s-calico-master-10-31-90-3.data.priority"][0] == 98


def test_the_as_of_a_rack_is_told_with_the_rack() -> None:
    (settings,) = (one.values[0] for one in everywhere() if one.id == "two-racks")
    leaf = found(settings)["hosts.k8s-calico-worker-10-30-92-11.data.as_number"]
    assert leaf.value == 64520
    file, said = "examples/two-racks/groups.yaml", "    rack: {name: rack-2, network: 10.30.92.0/24, as_number: 64520}"
    assert str(leaf.origin) == f"rack.as_number of group rack-2, {file}:{lines_of(settings, file).index(said) + 1}"


def test_block_sizes_that_nobody_says_are_calicos(project: Any) -> None:
    edit = {"fabric": {"data": {"cluster": {"networks": {"pod_block_size": None}, "bgp": {"maximum_prefixes": 5000}}}}}
    leaf = found(project("today", groups=edit))["groups.fabric.data.cluster.networks.pod_block_size"]
    assert (leaf.value, str(leaf.origin), leaf.follows) == (26, "Calico's own", True)


def test_of_some_hosts_these_alone_are_shown(project: Any) -> None:
    settings = project("today")
    intent = load_intent(settings, PLATFORMS)
    documents = resolve(settings, intent, chosen={"openwrt", WORKER}, everything=False)
    assert {name: list(plain(document)) for name, document in documents.items()} == {"hosts": [WORKER, "openwrt"]}


def test_the_defaults_file_is_named_as_config_yaml_does(project: Any) -> None:
    settings = project("seed")
    line = lines_of(settings, DEFAULTS["seed"]).index("username: root") + 1
    assert str(found(settings)["hosts.openwrt.username"].origin) == f"{DEFAULTS['seed']}:{line}"
