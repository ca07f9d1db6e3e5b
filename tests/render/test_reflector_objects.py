"""The peers of route reflectors against the definitions that Calico has published, for each version that lies beside the checkout."""

from typing import Any

import pytest

from tasks.cluster import bgp_objects
from tests.render.test_published_crds import RELEASES, STORED, described, folder_of


@pytest.mark.parametrize("release", RELEASES)
def test_the_peer_of_the_reflectors_is_one_that_every_version_describes(release: str, intent_of: Any) -> None:
    bgp = {"topology": "route_reflectors", "restart_seconds": 60}
    intent = intent_of(
        groups={"control_plane": {"data": {"route_reflector": True}}, "fabric": {"data": {"cluster": {"bgp": bgp}}}}
    )
    peers = {one["metadata"]["name"]: one for one in bgp_objects.bgp(intent, "tutorial") if one["kind"] == "BGPPeer"}
    assert set(peers) == {"openwrt-peer", "tiny-unraid-peer", "kubepeer-route-reflectors"}
    peer = peers["kubepeer-route-reflectors"]
    assert peer["spec"]["peerSelector"] == "has(router.kubepeer.io/route_reflectors)"
    schema = described(folder_of(release))
    assert list(schema.complaints({**peer, "apiVersion": STORED})) == []
