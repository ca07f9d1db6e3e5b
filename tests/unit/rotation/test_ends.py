"""Which password the nodes have for each router, and the key in which the next one stands, by cases; and who carries a router's traffic."""

import base64
from ipaddress import ip_network
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.platforms.seen import KernelRoute, Path, RibRoute, RouterSeen, Session
from tasks.rotation import carrying
from tasks.rotation.ends import NodeEnd, node_end, other_routers

SERVICES, BLOCK = ip_network("10.33.128.0/18"), ip_network("10.33.5.0/24")


def end_of(case: dict[str, Any], intent: Intent) -> NodeEnd:
    data = case["secret"] and {key: base64.b64encode(value.encode()).decode() for key, value in case["secret"].items()}
    peers = [
        {
            "metadata": {"name": name},
            "spec": {"password": {"secretKeyRef": {"name": "kubepeer-bgp", "key": key}}} if key else {},
        }
        for name, key in case["peers"].items()
    ]
    return node_end(intent, data and {"data": data}, peers)


@pytest.mark.cases("ends")
def test_the_nodes_end(case: dict[str, Any], intent_of: Any) -> None:
    intent, wanted = intent_of(), case["wanted"]
    end = end_of(case, intent)
    assert end.key_for(wanted) == case["key"]
    assert end.secret_for(wanted) == case["secret_for"]
    assert other_routers(end, intent.routers, wanted) == case["others"]
    assert end.is_settled(wanted) is case["settled"]


@pytest.mark.cases("ends")
def test_the_key_of_the_new_one_is_nobodys_who_has_another(case: dict[str, Any], intent_of: Any) -> None:
    """What is written before the first router changes ends no session: every peer's key keeps its value."""
    intent = intent_of()
    end = end_of(case, intent)
    written = end.secret_for(case["wanted"])
    if written is not None:
        for name, key in end.keys.items():
            assert key is None or written[key] == end.values.get(key), name


def test_no_password_is_in_its_text(intent_of: Any) -> None:
    end = end_of({"secret": {"password": "hunter2"}, "peers": {"openwrt-peer": "password"}}, intent_of())
    assert "hunter2" not in repr(end)


def test_the_secret_of_somebody_else_is_told(intent_of: Any) -> None:
    peer = {
        "metadata": {"name": "openwrt-peer"},
        "spec": {"password": {"secretKeyRef": {"name": "theirs", "key": "k"}}},
    }
    assert node_end(intent_of(), None, [peer]).foreign == {"openwrt-peer": "theirs"}


def seen(*prefixes: Any, layers: tuple[str, ...] = ("bgp", "rib", "kernel"), without: str = "") -> RouterSeen:
    hops = frozenset({"10.31.90.1"})
    return RouterSeen(
        bgp={} if without == "bgp" else {one: (Path("10.31.90.1", chosen=True),) for one in prefixes},
        rib={} if without == "rib" else {one: (RibRoute("bgp", 20, 0, hops, selected=True),) for one in prefixes},
        kernel={} if without == "kernel" else {one: (KernelRoute(one, "bgp", 0, hops),) for one in prefixes},
        layers=frozenset(layers),
    )


@pytest.mark.parametrize(
    ("others", "lost"),
    [
        ({"tiny-unraid": seen(SERVICES, BLOCK)}, []),
        ({"tiny-unraid": seen(SERVICES)}, [BLOCK]),
        ({"a": seen(SERVICES), "b": seen(BLOCK)}, []),
        ({"tiny-unraid": seen(SERVICES, BLOCK, without="kernel")}, [BLOCK, SERVICES]),
        ({"tiny-unraid": seen(SERVICES, BLOCK, without="kernel", layers=("bgp", "rib"))}, []),
        ({"tiny-unraid": RouterSeen()}, [BLOCK, SERVICES]),
        ({}, [BLOCK, SERVICES]),
    ],
)
def test_another_router_has_every_prefix_in_all_of_its_layers(others: dict[str, RouterSeen], lost: list[Any]) -> None:
    assert carrying.carried_by_nobody(others, [SERVICES, BLOCK]) == lost


def test_a_router_without_a_session_carries_nothing() -> None:
    peer: Any = "10.31.90.1"
    assert carrying.carries(RouterSeen(sessions={peer: Session(peer, "Established")}))
    assert not carrying.carries(RouterSeen(sessions={peer: Session(peer, "Active")}))
