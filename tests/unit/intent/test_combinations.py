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


def test_more_nodes_than_a_platform_has_equal_paths_are_refused(project: Any) -> None:
    hosts: dict[str, Any] = {f"w{n}": {"hostname": f"10.31.91.{n}", "groups": ["worker"]} for n in range(1, 27)}
    hosts["openwrt"] = {"groups": ["ios"]}
    assert len(load_intent(project(hosts=hosts), PLATFORMS).nodes) == 32
    hosts["w27"] = {"hostname": "10.31.91.27", "groups": ["worker"]}
    with pytest.raises(InventoryError, match="openwrt: ios has at most 32 equal paths, and it serves 33 nodes"):
        load_intent(project(hosts=hosts), PLATFORMS)
