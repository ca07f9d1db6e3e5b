"""Nodes that an inventory of routers alone cannot have as the cluster tells them, and what differs from what it says."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from kubepeer.errors import InventoryError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.adopt import members, tasks
from tasks.adopt.peers import Member, Session, Spoken
from tests.unit.adopt.served import Served

EDGES = {"openwrt": IPv4Address("10.31.254.253"), "tiny-unraid": IPv4Address("10.31.100.100")}


def spoken(*sessions: tuple[str, int, str, int], **rest: Any) -> Spoken:
    names = dict.fromkeys(name for name, *_ in sessions)
    every = (
        Member(name, IPv4Address(f"10.31.90.{place}"), None, control_plane=False) for place, name in enumerate(names, 1)
    )
    return Spoken(
        tuple(every), tuple(Session(name, own, EDGES[to], peer, to) for name, own, to, peer in sessions), **rest
    )


@pytest.fixture
def intent(intent_of: Callable[..., Intent]) -> Intent:
    return intent_of("lab")


def test_a_node_in_two_as_is_told(intent: Intent) -> None:
    found = spoken(("a.tinychen.io", 64517, "openwrt", 64512), ("a.tinychen.io", 64518, "tiny-unraid", 64516))
    with pytest.raises(InventoryError) as raised:
        members.nodes(intent, found)
    assert str(raised.value) == (
        "k8s-calico: node a speaks from AS 64517 to openwrt, from AS 64518 to tiny-unraid: an inventory has one AS a node"
    )


def test_a_node_with_the_name_of_a_router_is_told(intent: Intent) -> None:
    with pytest.raises(InventoryError, match="openwrt is the name of a node of the cluster and of a router"):
        members.nodes(intent, spoken(("openwrt", 64517, "tiny-unraid", 64516)))


def test_nothing_is_taken_from_a_router_whose_nodes_are_not_known(intent: Intent) -> None:
    found = spoken(("a", 64517, "openwrt", 64512), unclear={EDGES["tiny-unraid"]: "BGPPeer x: why"})
    with pytest.raises(InventoryError, match="which nodes tiny-unraid serves is not known: BGPPeer x: why"):
        members.nodes(intent, found)
    elsewhere = spoken(("a", 64517, "openwrt", 64512), unclear={IPv4Address("192.0.2.1"): "BGPPeer x: why"})
    assert [node.name for node in members.nodes(intent, elsewhere)] == ["a"]


def test_what_the_inventory_says_otherwise_is_told(intent: Intent) -> None:
    found = spoken(("a", 64600, "openwrt", 64512), ("b", 64600, "tiny-unraid", 64999))
    assert list(members.differences(intent, found)) == [
        "the nodes are in AS 64600, and cluster.bgp.as_number is 64517: what the cluster says counts",
        "tiny-unraid: the cluster's BGPPeer says AS 64999 of it, the inventory 64516: no session comes of that",
    ]
    assert list(members.differences(intent, spoken(("a", 64517, "openwrt", 64512)))) == []


@pytest.mark.parametrize(
    ("peers", "says"),
    [
        (
            [],
            "k8s-calico: no node of the cluster is told to speak BGP to a router: there is no BGPPeer of Calico's for one",
        ),
        (
            [{"metadata": {"name": "other"}, "spec": {"peerIP": "10.31.100.100", "asNumber": 64516}}],
            "k8s-calico: with the nodes that its API tells of: openwrt: serves no node. Nothing was changed.",
        ),
    ],
)
def test_a_router_that_no_node_peers_with_is_told_before_anything_begins(
    intent: Intent, run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, peers: list[Any], says: str
) -> None:
    node = {"metadata": {"name": "a", "annotations": {"projectcalico.org/IPv4Address": "10.31.90.1/16"}}}
    served = Served({"/api/v1/nodes": [node], "/apis/crd.projectcalico.org/v1/bgppeers": peers})
    monkeypatch.setattr(tasks, "open_api", lambda _, **__: served)
    cluster = intent.cluster.model_copy(update={"kubeconfig": "theirs"})
    run = run_of("openwrt", "tiny-unraid", intent=intent.model_copy(update={"cluster": cluster, "nodes": ()}))
    with pytest.raises(InventoryError) as raised:
        tasks.know_members(run)
    assert raised.value.message == says
    assert raised.value.cure
