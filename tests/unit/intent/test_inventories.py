"""The inventories of the checkout: what they mean, and where they differ."""

import warnings
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer import versions
from kubepeer.errors import InventoryError
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.conftest import CHECKOUT, DEFAULTS, goes_with

MAY_DIFFER = (
    "data.software",
    "data.packages",
    "data.time",
    "data.time_servers",
    "data.registries",
    "data.manifests",
    "connection_options",
)
# data of the lab that its machines or its mirror demand, whatever the versions; and what real machines alone have
DIFFERENT = """
connection_options.netmiko.extras.allow_agent
connection_options.netmiko.extras.key_file
connection_options.netmiko.extras.use_keys
data.manifests.calico
data.manifests.calico_crds
data.manifests.purelb
data.packages.keyrings
data.packages.only_these_repositories
data.packages.repositories
data.packages.rpm_repositories
data.registries
data.software.allow_cgroup_v1
data.software.firewall
data.software.cgroup_driver
data.software.conntrack_limits
data.software.fail_swap_on
data.software.firewall
data.software.haproxy_image
data.software.image_repository
data.software.keepalived_image
data.software.kubelet_configuration
data.software.pause_image
data.software.purelb
data.software.restrict_oom_score
data.time_servers
"""
SEED_IS_OLDER = """
data.manifests.calico
data.manifests.calico_crds
data.manifests.purelb
data.packages.keyrings
data.packages.repositories
data.packages.rpm_repositories
data.software.calico
data.software.firewall
data.software.haproxy_image
data.software.image_repository
data.software.keepalived_image
data.software.kubernetes
data.software.pause_image
data.software.proxy_mode
data.software.purelb
data.time_servers
"""
# their keys are data: names of registries, paths, fields of the kubelet's
LEAVES = ("data.registries", "data.packages.keyrings", "data.software.kubelet_configuration")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and path not in LEAVES:
        for key, below in value.items():
            yield from flat(below, f"{path}.{key}" if path else key)
    else:
        yield path, value


def different(one: str, other: str) -> set[str]:
    files = [dict(flat(yaml.safe_load((CHECKOUT / DEFAULTS[name]).read_text()))) for name in (one, other)]
    return {key for key in files[0] | files[1] if files[0].get(key) != files[1].get(key)}


def test_the_lab_differs_from_real_machines_in_no_other_keys() -> None:
    """Its versions are today's, or its own choice; all else that is the lab's has a reason."""
    found = different("today", "lab") - {"data.software.kubernetes", "data.software.calico"}
    assert found <= set(DIFFERENT.split())
    assert {"data.registries", "data.packages.repositories", "data.software.cgroup_driver"} <= found
    assert all(key.startswith(MAY_DIFFER) for key in found)


def test_the_seed_differs_from_today_in_versions_mirrors_and_the_proxy_mode() -> None:
    assert sorted(different("today", "seed")) == SEED_IS_OLDER.split()


@pytest.mark.parametrize("defaults", DEFAULTS)
def test_every_inventory_means_the_cluster_of_the_tutorial(intent_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    assert [str(node.address) for node in intent.control_planes] == ["10.31.90.1", "10.31.90.2", "10.31.90.3"]
    assert [str(node.address) for node in intent.workers] == ["10.31.90.4", "10.31.90.5", "10.31.90.6"]
    assert {router.name: (str(router.address), router.as_number) for router in intent.routers} == {
        "openwrt": ("10.31.254.253", 64512),
        "tiny-unraid": ("10.31.100.100", 64516),
    }
    assert intent.cluster.endpoint.address == IPv4Address("10.31.90.0")
    assert intent.cluster.endpoint_name == "k8s-calico-apiserver.tinychen.io"
    assert intent.cluster.networks.announced == tuple(
        IPv4Network(text) for text in ("10.33.0.0/17", "10.33.128.0/18", "10.33.192.0/18")
    )
    assert (intent.cluster.networks.pod_block_size, intent.cluster.bgp.as_number) == (24, 64517)


TUTORIAL = {
    "kubernetes": "1.26.0",
    "calico": "3.24.5",
    "purelb": "0.0.1",
    "proxy_mode": "ipvs",
    "image_repository": "registry.aliyuncs.com/google_containers",
    "pause_image": "registry.aliyuncs.com/google_containers/pause:3.9",
    "haproxy_image": "docker.io/library/haproxy:2.1.4",
    "keepalived_image": "docker.io/osixia/keepalived:2.0.17",
}


def test_the_seed_is_the_tutorial(intent_of: Any) -> None:
    intent = intent_of("seed")
    assert intent.software.model_dump(include=set(TUTORIAL)) == TUTORIAL
    assert intent.software.kubernetes == "1.26.0"
    assert intent.time_servers == ("ntp.ntsc.ac.cn", "ntp1.aliyun.com")
    assert intent.manifests.calico.endswith("/calico/v3.24.5/manifests/tigera-operator.yaml")
    assert intent.manifests.purelb.endswith("/packages/generic/manifest/0.0.1/purelb-complete.yaml")


@pytest.mark.parametrize("defaults", ["seed", "today"])
def test_the_shipped_images_are_those_that_kubeadm_names(intent_of: Any, defaults: str) -> None:
    software = intent_of(defaults).software
    pause = goes_with(software.kubernetes)["pause"]
    assert software.pause_image == f"{software.image_repository}/pause:{pause}"


def test_today_is_what_the_projects_have_tested_together(intent_of: Any) -> None:
    software = intent_of("today").software
    assert versions.minor(software.kubernetes) in versions.calico(software.calico).tested
    assert versions.minor(software.calico) == versions.supported("calico")[1]


def test_a_node_has_its_full_name_and_a_priority_by_its_place(intent_of: Any) -> None:
    nodes = intent_of().nodes
    assert nodes[0].full_name == "k8s-calico-master-10-31-90-1.tinychen.io"
    assert [node.priority for node in nodes[:3]] == [100, 99, 98]
    assert {node.interface for node in nodes} == {"eth0"}


def test_the_nearest_value_of_a_nodes_key_wins(intent_of: Any) -> None:
    intent = intent_of(
        groups={"worker": {"data": {"interface": "bond0"}}},
        hosts={"k8s-calico-worker-10-31-90-5": {"data": {"interface": "eno1"}}},
    )
    assert [node.interface for node in intent.nodes] == ["eth0", "eth0", "eth0", "bond0", "eno1", "bond0"]


def test_a_node_has_the_as_of_the_host_else_of_its_rack_else_of_the_cluster(intent_of: Any) -> None:
    intent = intent_of(
        groups={"rack2": {"data": {"as_number": 64602}}},
        hosts={
            "k8s-calico-worker-10-31-90-4": {"groups": ["worker", "rack2"]},
            "k8s-calico-worker-10-31-90-5": {"groups": ["worker", "rack2"], "data": {"as_number": 64605}},
        },
    )
    assert [node.as_number for node in intent.nodes] == [64517, 64517, 64517, 64602, 64605, 64517]
    assert intent.as_numbers_of_peers(intent.router("openwrt")) == (64517, 64602, 64605)


def test_all_routers_serve_a_node_unless_it_or_its_rack_names_some(intent_of: Any) -> None:
    intent = intent_of(
        groups={"worker": {"data": {"routers": ["tiny-unraid"]}}},
        hosts={"k8s-calico-worker-10-31-90-6": {"data": {"routers": ["openwrt", "tiny-unraid"]}}},
    )
    peers = {router.name: [str(node.address) for node in intent.peers_of(router)] for router in intent.routers}
    assert peers == {
        "openwrt": ["10.31.90.1", "10.31.90.2", "10.31.90.3", "10.31.90.6"],
        "tiny-unraid": [f"10.31.90.{number}" for number in range(1, 7)],
    }


def test_a_routers_peering_is_the_nearest_and_is_not_merged(intent_of: Any) -> None:
    intent = intent_of(
        groups={"routers": {"data": {"peering": {"bfd": True}}}, "frr": {"data": {"peering": {"multihop": 2}}}},
        hosts={"tiny-unraid": {"data": {"peering": {"communities": ["64512:3", "64512:20", "64512:1:2"]}}}},
    )
    near, own = (router.peering for router in intent.routers)
    assert (near.bfd, near.multihop, near.redundancy_group) == (False, 2, "routers")
    assert (own.standard_communities, own.large_communities) == (("64512:3", "64512:20"), ("64512:1:2",))


DRIVERS = {
    "frr": ("frr", "frr", "linux"),
    "bird": ("bird", "bird", "linux"),
    "eos": ("eos", "eos", "arista_eos"),
    "ios": ("ios", "ios", "cisco_ios"),
    "nxos": ("nxos", "nxos_ssh", "cisco_nxos"),
    "junos": ("junos", "junos", "juniper_junos"),
    "vyos": ("vyos", "vyos", "vyos"),
}


@pytest.mark.parametrize("name", DRIVERS)
def test_a_group_of_a_platform_names_its_drivers(name: str, project: Any) -> None:
    nornir = build_nornir(project(hosts={"openwrt": {"groups": [name]}}))
    host = nornir.inventory.hosts["openwrt"]
    found = (host.platform, *(host.get_connection_parameters(plugin).platform for plugin in ("napalm", "netmiko")))
    assert found == DRIVERS[name]


REFUSED = [
    ("bird", {"neighbours": "dynamic"}, "neighbours"),
    ("eos", {"communities": ["1:2:3"]}, "communities"),
    ("ios", {"communities": ["1:2:3"]}, "communities"),
    ("ios", {"graceful_restart": "helper"}, "graceful_restart"),
    ("nxos", {"ttl_security": True}, "ttl_security"),
    ("nxos", {"graceful_restart": "off"}, "graceful_restart"),
    ("nxos", {"neighbours": "dynamic", "multihop": 3}, "multihop"),
    ("nxos", {"communities": ["1:2:3"]}, "communities"),
    ("junos", {"neighbours": "dynamic"}, "neighbours"),
    ("junos", {"ttl_security": True}, "ttl_security"),
    ("junos", {"graceful_restart": "full"}, "graceful_restart"),
    ("vyos", {"neighbours": "dynamic"}, "neighbours"),
    ("vyos", {"vrf": "CUSTOMER-NORTH-7"}, "vrf"),
    ("frr", {"vrf": "CUSTOMER-NORTH-7"}, "vrf"),
    ("ios", {"vrf": "CLUSTER", "graceful_restart": "off"}, "graceful_restart"),
]


@pytest.mark.parametrize(("platform", "peering", "key"), REFUSED)
def test_what_a_platform_cannot_do_is_one_line_with_a_cure(
    platform: str, peering: dict[str, Any], key: str, project: Any
) -> None:
    settings = project(hosts={"openwrt": {"groups": [platform], "data": {"peering": peering}}})
    with pytest.raises(InventoryError) as raised:
        load_intent(settings, PLATFORMS)
    said = str(raised.value)
    assert said.startswith(f"inventory/hosts.yaml: openwrt: peering.{key}: {platform} cannot: ")
    assert " Nothing was contacted. Cure: " in said
    assert "\n" not in said


def test_a_range_of_ios_has_one_as_and_five_more(project: Any) -> None:
    nodes = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
    nodes += [f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)]
    hosts: dict[str, Any] = {name: {"data": {"as_number": 64601 + place}} for place, name in enumerate(nodes)}
    hosts["openwrt"] = {"groups": ["ios"], "data": {"peering": {"neighbours": "dynamic"}}}
    assert len(load_intent(project(hosts=hosts), PLATFORMS).nodes) == 6
    hosts["w7"] = {"hostname": "10.31.90.7", "groups": ["worker"]}
    with pytest.raises(InventoryError, match="ios cannot: a range has one AS and at most 5 alternates"):
        load_intent(project(hosts=hosts), PLATFORMS)


def test_every_platform_has_all_that_it_needs() -> None:
    assert set(PLATFORMS) == {folder.parent.name for folder in (CHECKOUT / "tasks/platforms").glob("*/plan.py")}
    assert {platform for platform, _, _ in REFUSED} == {
        name for name, platform in PLATFORMS.items() if platform.abilities.inabilities
    }


def test_a_section_of_the_group_fabric_stands_above_the_same_of_the_defaults(intent_of: Any) -> None:
    intent = intent_of(groups={"fabric": {"data": {"time_servers": ["10.31.0.9"]}}})
    assert intent.time_servers == ("10.31.0.9",)


def test_a_secret_may_be_named_by_its_source(intent_of: Any) -> None:
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"bgp": {"password": {"env": "BGP_PASSWORD"}}}}}})
    assert intent.cluster.bgp.password.env == "BGP_PASSWORD"


def test_the_inventory_is_read_from_any_working_directory(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = project("lab")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    assert len(load_intent(settings, PLATFORMS).nodes) == 6


def test_a_file_that_is_not_there_is_named(project: Any) -> None:
    settings = project()
    settings.host_file.unlink()
    with pytest.raises(
        Exception, match=r"^inventory/hosts\.yaml: No such file or directory\. Nothing was contacted\.$"
    ):
        load_intent(settings, PLATFORMS)


@pytest.mark.parametrize(
    ("written", "number"),
    [("31.12345", 2043961), (64086.59904, None), ("0.64512", 64512), (31.12345, 2043961), ("64512", 64512)],
)
def test_an_as_number_may_be_written_in_asdot(intent_of: Any, written: Any, number: int | None) -> None:
    """RFC 5396. What fits into Calico's API is another question: 64086.59904 does not."""
    meant = {"cluster": {"bgp": {"public_as_numbers": [2043961]}}}
    edits = {"hosts": {"openwrt": {"data": {"as_number": written}}}, "groups": {"fabric": {"data": meant}}}
    if number is None:
        with pytest.raises(InventoryError, match="4200000000"):
            intent_of(**edits)
    else:
        assert intent_of(**edits).router("openwrt").as_number == number


def test_a_node_of_a_rack_may_have_the_largest_as_number(intent_of: Any) -> None:
    intent = intent_of(hosts={"k8s-calico-worker-10-31-90-4": {"data": {"as_number": "65535.65534"}}})
    assert intent.node("k8s-calico-worker-10-31-90-4").as_number == 4294967294


@pytest.mark.parametrize("hostname", ["openwrt.lan", "2001:db8::1", "192.0.2.1"])
@pytest.mark.parametrize("keys", [{"address": "10.40.0.1"}, {"peering": {"address": "10.40.0.1"}}])
def test_a_session_ends_at_its_own_address_wherever_ssh_goes(
    intent_of: Any, hostname: str, keys: dict[str, Any]
) -> None:
    router = intent_of(hosts={"openwrt": {"hostname": hostname, "data": keys}}).router("openwrt")
    assert str(router.address) == "10.40.0.1"
    assert router.address_key == ("data.address" if "address" in keys else "data.peering.address")


def test_a_nodes_loopback_is_its_address_wherever_ssh_goes(intent_of: Any) -> None:
    data = {"address": "10.31.200.4", "interface": "lo"}
    intent = intent_of(hosts={"k8s-calico-worker-10-31-90-4": {"hostname": "192.0.2.4", "data": data}})
    node = intent.node("k8s-calico-worker-10-31-90-4")
    assert (str(node.address), node.address_key) == ("10.31.200.4", "data.address")


@pytest.mark.parametrize("config", ["config.yaml", "examples/dual-stack/config.yaml"])
def test_an_intent_is_written_into_a_plan_without_a_warning(config: str) -> None:
    intent = load_intent(read_settings(CHECKOUT / config), PLATFORMS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = intent.model_dump(mode="json")
    assert written["cluster"]["networks"]["every_pods"] == [str(one) for one in intent.cluster.networks.every_pods]
