"""Small shapes that the recordings do not hold."""

from __future__ import annotations

import pytest

from napalm_frr.configuration import read
from napalm_frr.interfaces import interfaces
from napalm_frr.peering import bgp_config, network_instances
from napalm_frr.routes import routes
from napalm_frr.sessions import neighbors_detail
from napalm_frr.shown import age


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:13:27", 807), ("1d02h03m", 93780), ("02w3d04h", 1483200), ("01y05w2d", 34732800), ("00:00:00", 0)],
)
def test_ages_are_seconds(text: str, seconds: int) -> None:
    assert age(text) == seconds


def test_a_flap_is_counted_from_the_routers_own_clock() -> None:
    shown = {
        "eth0": {"lastLinkUp": "2026/11/23 03:00:10.55", "lastLinkDown": "2026/11/23 03:00:05.10", "speed": 4294967295}
    }
    (one,) = interfaces(shown, "2026/11/23 03:01:10\n").values()
    assert (one["last_flapped"], one["speed"]) == (60.0, -1.0)


def test_a_next_hop_that_is_not_used_says_why() -> None:
    hops = [{"ip": "1.1.1.1", "fib": True, "active": True}, {"ip": "2.2.2.2"}, {"ip": "3.3.3.3", "active": True}]
    table = {"10.0.0.0/8": [{"protocol": "static", "selected": True, "installed": True, "nexthops": hops}]}
    found = routes(table, {}, "")["10.0.0.0/8"]
    assert [(one["selected_next_hop"], one["inactive_reason"]) for one in found] == [
        (True, ""),
        (False, "next hop unreachable"),
        (False, "next hop not installed"),
    ]
    assert routes(table, {}, "bgp") == {}


def test_one_path_is_not_multipath() -> None:
    details = {"default": {"vrfId": 0, "192.0.2.1": {"remoteAs": 5, "localAs": 1, "bgpState": "Idle"}}}
    one = neighbors_detail(details, {}, "router bgp 1\n address-family ipv4 unicast\n  maximum-paths 1\n")["global"][5][
        0
    ]
    assert (one["multipath"], one["up"], one["connection_state"]) == (False, False, "Idle")
    assert neighbors_detail(details, {}, "router bgp 1\n")["global"][5][0]["multipath"] is True
    assert neighbors_detail(details, {}, "", "192.0.2.2") == {"global": {}}


def test_a_local_as_of_another_number_is_prepended_unless_it_is_said_not_to_be() -> None:
    peer = {"remoteAs": 5, "localAs": 64500, "bgpState": "Idle"}
    running = "router bgp 64513\n!\nrouter bgp 64500 vrf red\n"

    def prepends(vrf: str, **more: object) -> bool:
        found = neighbors_detail({vrf: {"192.0.2.1": peer | more}}, {}, running)
        return next(iter(found.values()))[5][0]["local_as_prepend"]

    assert prepends("default") is True
    assert prepends("default", localAsNoPrepend=True) is False
    assert prepends("red") is False


def test_the_configuration_of_one_group_and_of_one_neighbour() -> None:
    running = read(
        "router bgp 1.10\n neighbor G peer-group\n neighbor G remote-as external\n neighbor G password hunter2\n"
        " neighbor 192.0.2.1 peer-group G\n neighbor eth0 interface peer-group G\n neighbor eth0 password other\n"
        " neighbor 192.0.2.9 remote-as 9\n neighbor 192.0.2.9 ebgp-multihop\nrouter bgp 5 vrf red\n"
        " neighbor 198.51.100.1 remote-as 7\n"
    )
    assert {name: list(one["neighbors"]) for name, one in bgp_config(running).items()} == {
        "_": ["192.0.2.9"],
        "G": ["192.0.2.1", "eth0"],
    }
    (group,) = bgp_config(running, group="G").values()
    assert (group["type"], group["local_as"], group["remote_as"]) == ("external", 65546, 0)
    assert [one["authentication_key"] for one in group["neighbors"].values()] == ["hunter2", "other"]
    assert {name: list(one["neighbors"]) for name, one in bgp_config(running, neighbor="eth0").items()} == {
        "G": ["eth0"]
    }
    assert bgp_config(running, neighbor="192.0.2.77") == {}
    assert bgp_config(read("hostname r\n")) == {}


def test_vrfs_of_the_kernel_and_of_the_configuration() -> None:
    shown = {"lo": {"vrfName": "default"}, "red": {"vrfName": "red"}, "eth1": {"vrfName": "red"}, "eth0": {}}
    running = read(
        "vrf blue\nexit-vrf\nrouter bgp 1 vrf red\n address-family ipv4 unicast\n  rd vpn export 1:7\n"
        " exit-address-family\n"
    )
    found = network_instances(shown, running)
    assert {name: list(one["interfaces"]["interface"]) for name, one in found.items()} == {
        "default": ["lo", "eth0"],
        "red": ["eth1"],
        "blue": [],
    }
    assert {name: one["state"]["route_distinguisher"] for name, one in found.items()} == {
        "default": "",
        "red": "1:7",
        "blue": "",
    }
    assert list(network_instances(shown, running, "red")) == ["red"]
