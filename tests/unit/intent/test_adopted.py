"""Inventories of routers alone: what they may leave out, and what they may not say; nothing is contacted for that."""

from typing import Any

import pytest

from kubepeer.errors import InventoryError, UsageError
from kubepeer.intent import Intent
from kubepeer.intent.between_nodes import way
from kubepeer.intent.load import load_intent
from tasks.platforms.ownership import accepted_of
from tasks.platforms.platform import PLATFORMS, context
from tests.conftest import merged

NODES = [
    f"k8s-calico-{kind}-10-31-90-{n}" for kind, n in zip(["master"] * 3 + ["worker"] * 3, range(1, 7), strict=True)
]
ADOPTED: dict[str, Any] = {
    "hosts": dict.fromkeys(NODES),
    "groups": {"fabric": {"data": {"cluster": {"kubeconfig": "theirs", "endpoint": None, "domain": None}}}},
    "defaults_file": {"data": {"software": None, "packages": None, "manifests": None}},
}


def adopted(project: Any, edit: dict[str, Any]) -> Intent:
    both = {key: with_nothing(ADOPTED[key], edit.get(key, {})) for key in ADOPTED}
    return load_intent(project(**both), PLATFORMS)


def with_nothing(below: Any, above: Any) -> Any:
    """As merged(), but what takes a key away still does so in the next merge."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {
        key: with_nothing(below[key], above.get(key, {}))
        if isinstance(below.get(key), dict)
        else above.get(key, below.get(key))
        for key in {**below, **above}
    }


@pytest.mark.cases("adopted")
def test_a_mistake_in_an_inventory_of_routers_alone_is_one_line(case: dict[str, Any], project: Any) -> None:
    with pytest.raises(UsageError) as raised:
        adopted(project, case["edit"])
    assert str(raised.value) == case["says"].strip()


def test_it_needs_no_more_than_networks_and_an_as(project: Any) -> None:
    intent = adopted(project, {})
    assert intent.cluster.adopted
    assert intent.nodes == ()
    assert [router.name for router in intent.routers] == ["openwrt", "tiny-unraid"]


@pytest.mark.parametrize("key", ["software", "packages", "manifests"])
def test_what_it_does_not_say_is_one_line_where_it_is_asked_for(project: Any, key: str) -> None:
    with pytest.raises(InventoryError, match=rf"^{key}: is not said: an inventory of routers alone has none"):
        getattr(adopted(project, {}), key)


@pytest.mark.parametrize("key", ["pods", "services", "load_balancers"])
def test_a_kind_of_network_that_is_not_announced_may_be_left_out(project: Any, key: str) -> None:
    networks = {"fabric": {"data": {"cluster": {"networks": {key: None}}}}}
    whole, intent = adopted(project, {}), adopted(project, {"groups": networks})
    left_out = getattr(whole.cluster.networks, key)
    assert left_out not in intent.cluster.networks.announced
    assert left_out not in intent.cluster.bgp.announced_services(intent.cluster.networks)
    assert {entry.prefix for entry in accepted_of(intent)} == {entry.prefix for entry in accepted_of(whole)} - {
        left_out
    }
    for router in intent.routers:
        assert context(intent, router, "", None)["accepted"] == accepted_of(intent)


def test_the_routers_of_a_cluster_that_is_there_tell_its_nodes_nothing_unless_they_are_told_to(project: Any) -> None:
    routing = {"pod_routing": {"encapsulation": "None"}}
    unsaid = {"fabric": {"data": {"cluster": {"networks": routing}}}}
    assert not way(adopted(project, {"groups": unsaid}), PLATFORMS).announced
    said = merged(unsaid, {"fabric": {"data": {"cluster": {"bgp": {"between_nodes": "as_override"}}}}})
    assert way(adopted(project, {"groups": said}), PLATFORMS).announced


def test_the_networks_of_metallb_are_accepted_in_its_lengths(project: Any) -> None:
    groups = {
        "fabric": {
            "data": {
                "load_balancer": {"provider": "metallb", "announced_by": "metallb", "aggregation_length": 28},
                "cluster": {
                    "networks": {"pods": None, "services": None, "external": ["203.0.113.0/27", "203.0.113.64/30"]}
                },
            }
        }
    }
    intent = adopted(project, {"groups": groups})
    assert [(entry.number, str(entry.prefix), entry.shortest) for entry in accepted_of(intent)] == [
        (30, "10.33.192.0/18", None),
        (35, "10.33.192.0/18", 28),
        (100, "203.0.113.0/27", None),
        (105, "203.0.113.0/27", 28),
        (110, "203.0.113.64/30", None),
    ]
