"""What MetalLB's speakers should announce, one small file a rule (tests/unit/routes/metallb)."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from tasks.routes.label_selectors import matches
from tasks.routes.metallb import MetalLBObjects, announced

ROUTER = IPv4Address("10.31.254.253")
NETWORK = IPv4Network("10.33.192.0/18")


def node(name: str, said: dict[str, Any]) -> dict[str, Any]:
    conditions = [{"type": "NetworkUnavailable", "status": str(said.get("unavailable", False))}]
    addresses = [{"type": "InternalIP", "address": said["address"]}] if "address" in said else []
    return {
        "metadata": {"name": name, "labels": said.get("labels", {})},
        "status": {"addresses": addresses, "conditions": conditions},
    }


def service(said: dict[str, Any]) -> dict[str, Any]:
    spec = {"type": said.get("type", "LoadBalancer"), "externalTrafficPolicy": said.get("policy", "Cluster")}
    spec |= {"loadBalancerClass": said["class"]} if "class" in said else {}
    return {
        "metadata": {"namespace": "default", "name": said["name"], "labels": said.get("labels", {})},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": [{"ip": address} for address in said.get("addresses", ())]}},
    }


def slices(name: str, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [
        {"addresses": ["10.33.1.1"], "nodeName": one["node"], "conditions": one.get("conditions", {})}
        for one in endpoints
    ]
    labels = {"kubernetes.io/service-name": name}
    return {"metadata": {"namespace": "default", "name": f"{name}-x", "labels": labels}, "endpoints": listed}


def named(items: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "metadata": {"name": name, "labels": spec.get("labels", {})},
            "spec": {k: v for k, v in spec.items() if k != "labels"},
        }
        for name, spec in items.items()
    )


def objects(case: dict[str, Any]) -> MetalLBObjects:
    container = {"name": "speaker", "args": ["--port=7472", *case.get("arguments", ())]}
    return MetalLBObjects(
        nodes=tuple(node(name, said) for name, said in case["nodes"].items()),
        services=tuple(map(service, case["services"])),
        slices=tuple(slices(name, said) for name, said in case.get("endpoints", {}).items()),
        pools=named(case.get("pools", {"kubepeer": {"addresses": ["10.33.192.0/18"]}})),
        advertisements=named(case.get("advertisements", {"kubepeer": {"ipAddressPools": ["kubepeer"]}})),
        peers=named(case.get("peers", {"openwrt": {"peerAddress": str(ROUTER)}})),
        speaker={"spec": {"template": {"spec": {"containers": [container]}}}},
    )


@pytest.mark.cases("metallb")
def test_expected_routes(case: dict[str, Any]) -> None:
    result = announced(objects(case), ROUTER, NETWORK)
    assert {str(one.prefix): sorted(map(str, one.next_hops)) for one in result.routes} == case["routes"]
    assert {str(one.prefix): one.cause for one in result.routes if one.cause} == case.get("causes", {})
    assert all(one.why for one in result.routes)


def test_every_node_with_an_address_has_a_session_whether_it_announces_or_not() -> None:
    found = announced(
        objects({"nodes": {"a": {"address": "10.31.90.1", "unavailable": True}, "b": {}}, "services": []}),
        ROUTER,
        NETWORK,
    )
    assert found.speakers == {IPv4Address("10.31.90.1"): "a"}


@pytest.mark.parametrize(
    ("selector", "answer"),
    [
        ({}, True),
        ({"matchLabels": {"rack": "a"}}, True),
        ({"matchLabels": {"rack": "b"}}, False),
        ({"matchExpressions": [{"key": "rack", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "rack", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "row", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "rack", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "rack", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"rack": "a"}, "matchExpressions": [{"key": "row", "operator": "Exists"}]}, False),
    ],
)
def test_a_selector_is_read_as_kubernetes_reads_it(selector: dict[str, Any], *, answer: bool) -> None:
    assert matches(selector, {"rack": "a"}) is answer
