"""Nodes that put themselves before another node's block: named where a BGPPeer keeps no next hop, and only there."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from tasks.platforms.seen import Path, RouterSeen
from tasks.routes.causes.cause import Situation
from tasks.routes.causes.cluster_look import ClusterLook, peer_of
from tasks.routes.causes.explain import explained
from tasks.routes.checks import Case, judge
from tasks.routes.expected import Announced, ExpectedRoute, keeps_next_hop

OWNER, OTHER = IPv4Address("10.31.90.1"), IPv4Address("10.31.90.4")
BLOCK = IPv4Network("10.244.7.64/26")
ROUTER = IPv4Address("10.31.254.253")
NODES = {OWNER: "cp1", OTHER: "blade-a"}


def causes(peer: dict[str, Any], *, itself: bool = True, why: str = "pod block of cp1") -> list[tuple[str, str, str]]:
    """What is said where the other node's path is in use beside the owner's."""
    hops = {OWNER: OWNER, OTHER: OTHER if itself else OWNER}
    paths = tuple(Path(hop=str(hop), peer=sender, valid=True, chosen=True) for sender, hop in hops.items())
    seen = RouterSeen(bgp={BLOCK: paths}, layers=frozenset({"bgp"}))
    announced = Announced((ExpectedRoute(BLOCK, frozenset({OWNER}), why),), NODES)
    named = peer_of({"metadata": {"name": "uplink"}, "spec": {"peerIP": str(ROUTER), "asNumber": 64512, **peer}})
    known = Situation("edge", (ROUTER,), 64512, seen, announced, names=NODES, cluster=ClusterLook(peers=(named,)))
    findings = [one for one in judge(Case("edge", announced, seen, (BLOCK,))) if one.check == "route"]
    return [(one.cause, one.reason.partition("; ")[0], one.cure) for one in explained(findings, known) if not one.ok]


def test_a_bgppeer_that_keeps_no_next_hop_is_named_with_the_cure() -> None:
    assert causes({}) == [
        (
            "NextHopIsSelf",
            "blade-a announces 10.244.7.64/26, a block of cp1, with the own address as next hop",
            "keepOriginalNextHop: true in BGPPeer uplink (from Calico 3.30.2 on nextHopMode: Keep)",
        )
    ]


def test_another_cause_is_told_where_the_next_hop_is_kept_or_no_block_is_meant() -> None:
    assert [cause for cause, *_ in causes({"keepOriginalNextHop": True})] == ["NodeAnnouncesTooMuch"]
    assert [cause for cause, *_ in causes({}, why="service ns/web")] == ["NodeAnnouncesTooMuch"]
    assert causes({}, itself=False) == []


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({}, False),
        ({"keepOriginalNextHop": True}, True),
        ({"keepOriginalNextHop": True, "nextHopMode": "Auto"}, True),
        ({"nextHopMode": "Auto"}, False),
        ({"nextHopMode": "Keep"}, True),
        ({"nextHopMode": "Self"}, False),
    ],
)
def test_the_mode_comes_before_the_older_field(spec: dict[str, Any], *, kept: bool) -> None:
    assert keeps_next_hop(spec) is kept
