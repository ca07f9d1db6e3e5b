"""The nodes' end of the cure allowas_in: every BGPPeer says how often their own AS may be in a path."""

from collections.abc import Callable
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.cluster import bgp_objects

NO_TUNNEL = {"networks": {"pod_routing": {"encapsulation": "None"}}}


def allowed(intent: Intent) -> dict[str, int | None]:
    objects = bgp_objects.bgp(intent, None)
    return {
        one["metadata"]["name"]: one["spec"].get("numAllowedLocalASNumbers")
        for one in objects
        if one["kind"] == "BGPPeer"
    }


@pytest.mark.parametrize(("cure", "times"), [("allowas_in", 1), ("as_override", None), ("choose", None)])
def test_it_is_said_where_the_cure_is_the_nodes(intent_of: Callable[..., Intent], cure: str, times: int | None) -> None:
    cluster: dict[str, Any] = NO_TUNNEL | {"bgp": {"between_nodes": cure}}
    found = allowed(intent_of(groups={"fabric": {"data": {"cluster": cluster}}}))
    assert found == {"openwrt-peer": times, "tiny-unraid-peer": times}


def test_what_the_owner_says_of_a_router_counts_more(intent_of: Callable[..., Intent]) -> None:
    cluster: dict[str, Any] = NO_TUNNEL | {"bgp": {"between_nodes": "allowas_in"}}
    side = {"data": {"peering": {"nodes": {"allowed_local_as": 3}}}}
    found = allowed(intent_of(groups={"fabric": {"data": {"cluster": cluster}}, "bird": side}))
    assert found == {"openwrt-peer": 1, "tiny-unraid-peer": 3}
