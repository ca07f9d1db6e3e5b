"""Which address a node takes for its own."""

from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any

import pytest
from calico_node import autodetection
from calico_node.autodetection import Interface
from calico_node.family import FAMILIES, IPV6
from cluster_api.objects import Json


@pytest.mark.cases("autodetection")
def test_the_address_is_found_as_the_real_program_finds_it(case: dict[str, Any]) -> None:
    interfaces = [Interface(name, tuple(map(ip_interface, texts))) for name, texts in case["interfaces"].items()]
    sources = {host: ip_address(text) for host, text in case.get("source_towards", {}).items()}
    internal = ip_address(case["internal"]) if "internal" in case else None
    found = autodetection.detect(case["method"], interfaces, internal, sources.get)
    assert (str(found) if found else None) == case["found"]


@pytest.mark.parametrize("method", ["first", "kubernetes-internal-ip=1", "interface", "reach=10.31.254.253"])
def test_an_unknown_method_is_an_error(method: str) -> None:
    with pytest.raises(ValueError, match="invalid IP autodetection method"):
        autodetection.detect(method, [], None, lambda _: None)


@pytest.mark.parametrize(
    ("environment", "methods"),
    [
        ({}, ["first-found", "none"]),
        ({"IP": "autodetect", "IP_AUTODETECTION_METHOD": "kubernetes-internal-ip"}, ["kubernetes-internal-ip", "none"]),
        ({"IP": "none"}, ["none", "none"]),
        ({"IP6": "autodetect"}, ["first-found", "first-found"]),
        (
            {"IP": "none", "IP6": "autodetect", "IP6_AUTODETECTION_METHOD": "interface=eth0"},
            ["none", "interface=eth0"],
        ),
        ({"IP6": "none", "IP6_AUTODETECTION_METHOD": "first-found"}, ["first-found", "none"]),
    ],
)
def test_the_methods_are_read_from_the_environment(environment: dict[str, str], methods: list[str]) -> None:
    assert [autodetection.method(environment, family) for family in FAMILIES] == methods


def test_interfaces_are_read_in_the_kernels_order() -> None:
    shown: list[Json] = [
        {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
        {"ifname": "vxlan.calico"},
        {},
        {
            "ifname": "eth0",
            "addr_info": [
                {"family": "inet", "local": "10.31.90.0", "prefixlen": 32},
                {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
                {"family": "inet", "local": "10.31.90.1", "prefixlen": 16},
            ],
        },
    ]
    assert autodetection.read(shown) == [
        Interface("lo", (IPv4Interface("127.0.0.1/8"),)),
        Interface("vxlan.calico", ()),
        Interface("eth0", (IPv4Interface("10.31.90.0/32"), IPv4Interface("10.31.90.1/16"))),
    ]
    (ours,) = (one for one in autodetection.read(shown, IPV6) if one.addresses)
    assert ours == Interface("eth0", (IPv6Interface("fe80::1/64"),))
