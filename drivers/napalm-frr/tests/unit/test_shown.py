"""What FRR shows as JSON, and the numbers in it."""

from __future__ import annotations

import json

import pytest

from napalm_frr.as_numbers import as_number, process_of, written
from napalm_frr.routes import routes
from napalm_frr.sessions import neighbors, neighbors_detail
from napalm_frr.shown import bgp_paths, document, neighbours, table_routes

BEHIND_A_HOP = [  # FRR 8.4.4, `show ip route 10.33.128.0/18 json`: two neighbours behind one gateway
    {"flags": 5, "ip": "10.31.91.1", "afi": "ipv4", "active": True, "recursive": True, "weight": 1},
    {"flags": 3, "fib": True, "ip": "10.31.0.254", "interfaceName": "eth0", "resolver": True, "active": True},
    {"flags": 5, "ip": "10.31.92.1", "afi": "ipv4", "active": True, "recursive": True, "weight": 1},
    {"flags": 19, "duplicate": True, "fib": True, "ip": "10.31.0.254", "interfaceName": "eth0", "resolver": True},
]


def test_next_hops_that_resolve_another_one_are_no_next_hops_of_the_route() -> None:
    shown = {"10.33.128.0/18": [{"protocol": "bgp", "selected": True, "installed": True, "nexthops": BEHIND_A_HOP}]}
    (route,) = table_routes(shown)["10.33.128.0/18"]
    assert [(hop.address, [one.address for one in hop.resolved_by]) for hop in route.next_hops] == [
        ("10.31.91.1", ["10.31.0.254"]),
        ("10.31.92.1", ["10.31.0.254"]),
    ]
    entries = routes(shown, {}, "")["10.33.128.0/18"]
    assert [(one["next_hop"], one["selected_next_hop"]) for one in entries] == [
        ("10.31.91.1", True),
        ("10.31.92.1", True),
    ]


def test_preferences_and_distances_of_zero_are_zero() -> None:
    (route,) = table_routes({"10.0.0.0/8": [{"protocol": "kernel", "distance": 0, "metric": 0, "nexthops": []}]})[
        "10.0.0.0/8"
    ]
    assert (route.distance, route.metric, route.next_hops) == (0, 0, ())
    (path,) = bgp_paths({"routes": {"10.0.0.0/8": [{"locPrf": 0, "valid": True, "nexthops": []}]}})["10.0.0.0/8"]
    assert (path.local_preference, path.next_hop) == (0, "")


ONE_IN_DETAIL = {
    "aspath": {"string": "64517"},
    "origin": "IGP",
    "valid": True,
    "community": {"string": "64517:120", "list": ["64517:120"]},
    "largeCommunity": {"string": "64517:300:100", "list": ["64517:300:100"]},
    "nexthops": [{"ip": "10.31.90.1", "afi": "ipv4", "used": True}],
    "peer": {"peerId": "10.31.90.1", "routerId": "10.31.90.1", "type": "external"},
}
ITS_PREFIX = {"prefix": "10.0.0.0/8", "version": 6}


@pytest.mark.parametrize(
    "routes_of_one",
    [
        pytest.param([ITS_PREFIX, ONE_IN_DETAIL], id="frr_8_4"),
        pytest.param({**ITS_PREFIX, "paths": [ONE_IN_DETAIL]}, id="frr_10_3"),
    ],
)
def test_a_path_in_detail_has_its_communities(routes_of_one: object) -> None:
    (path,) = bgp_paths({"routes": {"10.0.0.0/8": routes_of_one}})["10.0.0.0/8"]
    assert (path.next_hop, path.peer, path.as_path, path.origin) == ("10.31.90.1", "10.31.90.1", "64517", "IGP")
    assert (path.communities, path.large_communities, path.detailed) == (("64517:120",), ("64517:300:100",), True)


@pytest.mark.parametrize(
    ("marks", "chosen"),
    [
        ({"bestpath": {"overall": True, "selectionReason": "Router ID"}}, True),
        ({"bestpath": {"bestpathFromAs": 64517}}, False),  # of its neighbour AS alone, with `bgp deterministic-med`
        ({"bestpath": {"bestpathFromAs": 64517}, "multipath": True}, True),
        ({"bestpath": True}, True),
        ({}, False),
    ],
)
def test_a_path_is_chosen_when_it_is_the_best_of_all_or_one_of_its_equals(
    marks: dict[str, object],
    chosen: bool,  # noqa: FBT001
) -> None:
    (path,) = bgp_paths({"routes": {"10.0.0.0/8": [{"valid": True, "nexthops": [], **marks}]}})["10.0.0.0/8"]
    assert path.chosen is chosen
    assert not path.detailed


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ('{"a": 1}\n', {"a": 1}),
        ('% Can\'t open configuration file /etc/frr/vtysh.conf due to {x}\n{"a": 1}\n', {"a": 1}),
        ("% BGP instance not found\n", {}),
        ("View/Vrf RED is unknown\n", {}),
    ],
)
def test_an_answer_of_vtysh_is_read(said: str, wanted: dict[str, int]) -> None:
    assert document(said) == wanted


@pytest.mark.parametrize(
    ("said", "why"),
    [("bgpd is not running\n", "bgpd is not running"), ("", "nothing"), ("% Unknown command: show", "% Unknown")],
)
def test_an_answer_without_json_is_an_error_that_says_what_was_said(said: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        document(said)


def test_an_answer_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        document('{"10.0.0.0/8": [{"prefix"')


@pytest.mark.parametrize(
    ("text", "number"),
    [(64512, 64512), ("64512", 64512), ("0.64512", 64512), ("64086.59904", 4200000000), ("65535.65535", 4294967295)],
)
def test_an_as_number_is_the_same_in_every_notation(text: str | int, number: int) -> None:
    assert as_number(text) == number


def test_what_is_no_as_number_is_none() -> None:
    assert [as_number(text) for text in ("external", "", "1.", "1.x", "-1")] == [0] * 5


@pytest.mark.parametrize(
    ("number", "plain", "dot", "dotplus"),
    [(64512, "64512", "64512", "0.64512"), (4200000000, "4200000000", "64086.59904", "64086.59904")],
)
def test_an_as_number_is_written_as_frr_prints_it(number: int, plain: str, dot: str, dotplus: str) -> None:
    assert (written(number, "plain"), written(number, "dot"), written(number, "dot+")) == (plain, dot, dotplus)


@pytest.mark.parametrize(
    ("line", "process"),
    [
        ("router bgp 64512", (64512, "default", "plain")),
        ("router bgp 64512 as-notation dot", (64512, "default", "dot")),
        ("router bgp 64086.59904", (4200000000, "default", "dot")),
        ("router bgp 0.64512", (64512, "default", "dot+")),
        ("router bgp 64086.59904 vrf RED as-notation plain", (4200000000, "RED", "plain")),
        ("router bgp 65001 view A", (65001, "A", "plain")),
        ("router ospf", None),
    ],
)
def test_a_bgp_process_is_read_from_its_line(line: str, process: tuple[int, str, str] | None) -> None:
    assert process_of(line) == process


def test_sessions_of_a_process_with_dotted_numbers() -> None:
    """lib/asn.c (asn_asn2json): a number that is shown dotted is a text."""
    peer = {"remoteAs": "64086.59905", "localAs": "64086.59904", "bgpState": "Idle", "lastResetTimerMsecs": 90061000}
    shown = {"default": {"vrfId": 0, "10.31.90.1": peer}}
    (one,) = neighbors(shown, {})["global"]["peers"].values()
    assert (one["remote_as"], one["local_as"]) == (4200000001, 4200000000)
    assert list(neighbors_detail(shown, {}, "router bgp 64086.59904\n")["global"]) == [4200000001]
    assert neighbours(shown["default"])["10.31.90.1"].seconds == 90061  # a day and more
