"""What every kind of router is told, for five clusters: one router of each platform in front of the tutorial's nodes."""

from collections.abc import Callable, Mapping
from typing import Any

from kubepeer.intent import Intent
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tests.both_families import dual_stack, ipv6_only
from tests.conftest import merged

ROUTER = "openwrt"
NODES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
NODES += [f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)]
RACKS = {"rack1": 64601, "rack2": 64602}
LARGE = "64512:100:7"
EVERYTHING = {
    "neighbours": "dynamic",
    "listen_limit": 200,
    "ttl_security": True,
    "bfd": True,
    "graceful_restart": "full",
    "default_route": True,
    "communities": ["64512:300", LARGE, "64512:20"],
}
ONE_PATH = "router bgp 64512\n address-family ipv4 unicast\n  maximum-paths 1\n"
TOO_LOW = {
    "frr": ONE_PATH,
    "vyos": "set protocols bgp address-family ipv4-unicast maximum-paths ebgp '2'\n",
}
# what a platform refuses (abilities of its room), and what it is asked instead
CANNOT: Mapping[str, Mapping[str, Any]] = {
    "bird": {"neighbours": "static"},
    "eos": {"communities": ["64512:300", "64512:20"]},
    "ios": {"communities": ["64512:300", "64512:20"]},
    "nxos": {"ttl_security": False, "graceful_restart": None, "communities": ["64512:300", "64512:20"]},
    "junos": {"neighbours": "static", "graceful_restart": "helper", "ttl_security": False},
    "vyos": {"neighbours": "static"},
}
STATIC = {"neighbours": "static"}
FAR_CANNOT: Mapping[str, Mapping[str, Any]] = {
    "bird": STATIC,
    "nxos": {**STATIC, "graceful_restart": None},
    "junos": STATIC,
    "vyos": STATIC,
}
RANGE_IN_VRF = {"neighbours": "dynamic", "vrf": "CLUSTER", "default_route": True, "ttl_security": True}
# a VRF of BIRD is a table that its owner makes (test_real_programs); where a range is refused, one variant in a VRF is enough
ABSENT = {
    ("in_a_vrf", "bird"),
    ("as_override_in_a_vrf", "bird"),
    ("as_override", "ios"),
    *(("range_in_a_vrf", platform) for platform in ("bird", "junos", "vyos")),
}
# platforms that are told of IPv4 alone
DUAL = ("dual_stack", "dual_stack_as_override", "dual_stack_far", "dual_stack_pools", "ipv6")
ABSENT |= {(variant, platform) for variant in DUAL for platform in ("eos", "ios", "nxos", "junos", "vyos")}
FAR = {"neighbours": "dynamic", "multihop": 2, "graceful_restart": "off"}
# pools beside the first ones, one of them hidden, and networks of external addresses, in both families
POOLS = {
    "groups": {
        "fabric": {
            "data": {
                "cluster": {
                    "networks": {
                        "pods": ["10.33.0.0/18", "fd00:10:33::/56"],
                        "pod_subnet": ["10.33.0.0/17", "fd00:10:33::/52"],
                        "further_pools": [
                            {"cidr": "10.33.64.0/19", "block_size": 26},
                            {"cidr": "10.33.96.0/19", "announced": False},
                            {"cidr": "fd00:10:33:100::/56", "block_size": 120},
                            {"cidr": "fd00:10:33:200::/56", "announced": False},
                        ],
                        "external": ["198.51.100.0/24", "2001:db8:100::/64"],
                    }
                }
            }
        }
    }
}


def _role(node: str) -> str:
    return "control_plane" if "master" in node else "worker"


def _racks() -> dict[str, Any]:
    hosts = {node: {"groups": [_role(node), f"rack{1 + place % 2}"]} for place, node in enumerate(NODES)}
    return {"hosts": hosts, "groups": {name: {"data": {"as_number": number}} for name, number in RACKS.items()}}


def _peering(platform: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"groups": {platform: {"data": {"peering": options}}}}


def _routed(cure: str) -> dict[str, Any]:
    """A pool without encapsulation, and how the nodes reach each other's pods."""
    cluster = {"networks": {"pod_routing": {"encapsulation": "None"}}, "bgp": {"between_nodes": cure}}
    return {"groups": {"fabric": {"data": {"cluster": cluster}}}}


# name -> edits of the inventory for a platform, as the fixture intent_of takes them
VARIANTS: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "one_rack": lambda _: {},
    "two_racks": lambda _: _racks(),
    "as_per_node": lambda _: {
        "hosts": {node: {"data": {"as_number": 64601 + place}} for place, node in enumerate(NODES)}
    },
    "everything": lambda platform: _peering(platform, {**EVERYTHING, **CANNOT.get(platform, {})}),
    "far_racks": lambda platform: _merged(_racks(), _peering(platform, {**FAR, **FAR_CANNOT.get(platform, {})})),
    "in_a_vrf": lambda platform: _merged(_racks(), _peering(platform, {"vrf": "CLUSTER"})),
    "as_override": lambda _: _routed("as_override"),
    "allowas_in": lambda platform: _deep(_routed("allowas_in"), _peering(platform, {"default_route": True})),
    "as_override_in_a_vrf": lambda platform: _deep(_routed("as_override"), _peering(platform, {"vrf": "CLUSTER"})),
    "range_in_a_vrf": lambda platform: _peering(platform, {**RANGE_IN_VRF, **CANNOT.get(platform, {})}),
}
VARIANTS = {
    **VARIANTS,
    "dual_stack": lambda _: dual_stack(),
    "dual_stack_as_override": lambda _: merged(dual_stack(), _routed("as_override")),
    "dual_stack_far": lambda platform: merged(
        merged(dual_stack(), _routed("allowas_in")),
        _peering(platform, {**FAR, "default_route": True, **FAR_CANNOT.get(platform, {})}),
    ),
    "dual_stack_pools": lambda _: merged(dual_stack(), POOLS),
    "ipv6": lambda platform: merged(ipv6_only(), _peering(platform, {**EVERYTHING, **CANNOT.get(platform, {})})),
}
PASSWORDS = {"everything": "tutorial"}


def _deep(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Edits of different groups together."""
    return {"groups": {**one["groups"], **other["groups"]}}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {**one.get(key, {}), **other.get(key, {})} for key in one.keys() | other.keys()}


def inventory(variant: str, platform: str) -> dict[str, Any]:
    """The edits that make the tutorial's inventory this variant, with one router of this platform."""
    edits = VARIANTS[variant](platform)
    return {
        "defaults": "today",
        **edits,
        "hosts": {
            **edits.get("hosts", {}),
            ROUTER: {**edits.get("hosts", {}).get(ROUTER, {}), "groups": [platform]},
            "tiny-unraid": None,
        },
    }


def rendered(variant: str, platform: str, intent: Intent) -> str:
    password = PASSWORDS.get(variant)
    running = TOO_LOW.get(platform, "") if password else ""
    return render(PLATFORMS[platform].template, **context(intent, intent.router(ROUTER), running, password))


def every() -> list[tuple[str, str]]:
    """All variants for all platforms."""
    pairs = ((variant, platform) for variant in VARIANTS for platform in PLATFORMS)
    return [pair for pair in pairs if pair not in ABSENT]
