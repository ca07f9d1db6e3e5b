"""Why a prefix is expected, and how far each next hop has come, from what a real router said."""

from ipaddress import ip_network

import pytest

from tasks.routes import why
from tests.unit.platforms.recordings import PROBES, answers, reader, tutorial

WELL = "session Established, announced, chosen in BGP, in the router's table, in the kernel"


@pytest.mark.parametrize(
    ("recording", "asked", "says"),
    [
        pytest.param("healthy", "10.33.5.0/24", [f"10.31.90.1: {WELL}"], id="all_is_well"),
        pytest.param("bird/healthy", "10.33.150.7", [f"10.31.90.1-6: {WELL}"], id="an_address_of_a_service"),
        pytest.param("healthy", "192.0.2.1", [], id="nobody_has_it"),
        pytest.param(
            "peer-disabled",
            "10.33.128.0/18",
            [
                f"10.31.90.1-5: {WELL}",
                "10.31.90.6: session Idle, NOT chosen in BGP: session Idle: Cease/Administrative Shutdown, sent by the node, 1 s ago",
            ],
            id="a_session_is_down",
        ),
        pytest.param(
            "copies-of-killed-neighbours",
            "10.33.93.0/24",
            ["10.31.90.6: session Active, announced, stale, chosen in BGP, in the router's table, in the kernel"],
            id="stale",
        ),
        pytest.param(
            "announced-by-others-alone",
            "10.33.93.0/24",
            ["10.31.90.6: session Active, announced by others alone, chosen in BGP, in the router's table, in the kernel"],
            id="others_announce_it",
        ),
        pytest.param(
            "hand-made-blackhole",
            "10.33.5.0/24",
            ["10.31.90.1: session Established, announced, chosen in BGP, NOT in the router's table: better route by kernel [0/0]"],
            id="a_better_route",
        ),
        pytest.param(
            "hand-made-more-specific",
            "10.33.192.80",
            [
                f"10.31.90.1-6: {WELL}",
                "longer, so it wins: 10.33.192.80/32 by 10.31.90.2, in the kernel: better route by boot metric 0, made by hand",
            ],
            id="a_longer_one_wins",
        ),
        pytest.param(
            "leftover-block",
            "10.33.77.0/24",
            [
                "has 10.33.77.0/24 by 10.31.90.2, chosen in BGP: announced by 10.31.90.2",
                "has 10.33.77.0/24 by 10.31.90.2, in the router's table",
                "has 10.33.77.0/24 by 10.31.90.2, in the kernel",
            ],
            id="nobody_should_have_it",
        ),
    ],
)  # fmt: skip
def test_how_far_each_next_hop_has_come(recording: str, asked: str, says: list[str]) -> None:
    seen = reader(recording).read(answers(recording), PROBES)
    told = [line.strip() for line in why.router_lines(ip_network(asked), tutorial(), seen)]
    assert [
        line for line in told if not line.startswith("longer, so it wins: 10.33.192.80/32 by 10.31.90.2, in the router")
    ] == says


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("10.33.5.0/24", ["10.33.5.0/24: pod block", "by 10.31.90.1 (node-10.31.90.1)"]),
        ("10.33.5.9", ["10.33.5.9/32 is in 10.33.5.0/24: pod block", "by 10.31.90.1 (node-10.31.90.1)"]),
        ("192.0.2.1", ["192.0.2.1/32: the cluster announces neither it nor a network around it"]),
        ("fd00::1", ["fd00::1/128: the cluster announces neither it nor a network around it"]),
    ],
)
def test_which_object_stands_behind_it(asked: str, says: list[str]) -> None:
    assert [line.strip() for line in why.object_lines(ip_network(asked), tutorial())] == says
