"""Versions together: what is only warned of, and how many prefixes a node may announce."""

from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.intent.combinations import warnings
from kubepeer.intent.load import load_intent
from kubepeer.intent.prefixes import Announced, announced
from tasks.platforms.platform import PLATFORMS


@pytest.mark.cases("warnings")
def test_what_may_work_is_a_line_each(case: dict[str, Any], intent_of: Any) -> None:
    assert list(warnings(intent_of(**case["edit"]))) == case["warnings"]


@pytest.mark.parametrize("defaults", ["seed", "today", "lab"])
def test_the_shipped_inventories_fit_their_limit_of_prefixes(intent_of: Any, defaults: str) -> None:
    intent = intent_of(defaults)
    counted = {router.name: announced(intent, router, PLATFORMS) for router in intent.routers}
    assert counted == {"openwrt": Announced(128, 111, 0), "tiny-unraid": Announced(128, 0, 0)}
    assert max(one.prefixes for one in counted.values()) == 241 <= intent.cluster.bgp.maximum_prefixes


@pytest.mark.parametrize(
    ("pods", "block", "counted"),
    [
        pytest.param("10.33.0.0/17", 26, Announced(512, 111, 0), id="a_node_has_no_more_blocks_than_pods"),
        pytest.param("10.33.0.0/21", 24, Announced(8, 3, 0), id="each_other_node_has_one_block_at_least"),
        pytest.param(
            "10.33.0.0/23", 26, Announced(8, 3, 6 * (111 - 64)), id="what_does_not_fit_into_own_blocks_is_borrowed"
        ),
        pytest.param("10.33.0.0/22", 26, Announced(16, 11, 0), id="two_blocks_for_each_node_are_enough"),
    ],
)
def test_a_node_announces_what_all_nodes_own(intent_of: Any, pods: str, block: int, counted: Announced) -> None:
    networks = {"pods": pods, "pod_block_size": block}
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"networks": networks}}}})
    assert announced(intent, intent.router("openwrt"), PLATFORMS) == counted
    assert announced(intent, intent.router("tiny-unraid"), PLATFORMS).own_again == 0


POOLS = {
    "pods": "10.34.0.0/17",
    "pod_subnet": "10.34.0.0/16",
    "further_pools": [{"cidr": "10.34.128.0/18", "announced": False}, {"cidr": "10.34.192.0/20", "block_size": 24}],
    "external": ["192.0.2.0/24"],
}


@pytest.mark.parametrize(
    ("networks", "bgp", "counted"),
    [
        pytest.param(POOLS, {}, Announced(128 + 16, 111, 0, 3), id="every_pool_that_is_announced"),
        pytest.param({}, {"announce_services": False}, Announced(128, 111, 0, 1), id="services_that_are_not"),
        pytest.param({"pod_routing": {"announced": False}}, {}, Announced(0, 0, 0, 2), id="no_pool_is_announced"),
    ],
)
def test_what_is_announced_is_counted(
    intent_of: Any, networks: dict[str, Any], bgp: dict[str, Any], counted: Announced
) -> None:
    groups = {"fabric": {"data": {"cluster": {"networks": networks, "bgp": bgp}}}}
    software = {"kubernetes": "1.36.3", "calico": "3.32.1", "purelb": "0.16.6"}
    intent = intent_of("today", groups=groups, defaults_file={"data": {"software": software}})
    assert announced(intent, intent.router("openwrt"), PLATFORMS) == counted


def test_more_nodes_than_a_platform_has_equal_paths_are_refused(project: Any) -> None:
    hosts: dict[str, Any] = {f"w{n}": {"hostname": f"10.31.91.{n}", "groups": ["worker"]} for n in range(1, 27)}
    hosts["openwrt"] = {"groups": ["ios"]}
    assert len(load_intent(project(hosts=hosts), PLATFORMS).nodes) == 32
    hosts["w27"] = {"hostname": "10.31.91.27", "groups": ["worker"]}
    with pytest.raises(InventoryError, match="openwrt: ios has at most 32 equal paths, and it serves 33 nodes"):
        load_intent(project(hosts=hosts), PLATFORMS)
