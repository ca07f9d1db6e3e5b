"""BIRD's text into NAPALM's shape: one file a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_bird import configured, route_entries, routes, sessions
from napalm_bird.protocols import Channel, Protocol, protocols

HERE = Path(__file__).parent


def cases(folder: str) -> Any:
    files = sorted((HERE / folder).glob("*.yaml"))
    assert files
    return pytest.mark.parametrize(
        "case", [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files], ids=[file.stem for file in files]
    )


def recorded(name: str) -> str:
    return (HERE / "recorded" / f"{name}.txt").read_text(encoding="utf-8")


@cases("protocols")
def test_sessions(case: dict[str, Any]) -> None:
    assert sessions.neighbors(protocols(case["shown"]), "192.0.2.1", case["now"]) == case["neighbors"]


@cases("routes")
def test_routes(case: dict[str, Any]) -> None:
    kernel = Protocol("kernel4", "Kernel", "master4", "up", "", "", {}, (Channel("ipv4", {"Table": "master4"}),))
    found = route_entries.routes(case["shown"], case["given"], "2026-11-24 15:44:00.000", "", {"kernel4": kernel})
    keys = ("protocol", "next_hop", "outgoing_interface", "selected_next_hop", "inactive_reason")
    assert {net: [[one[key] for key in keys] for one in each] for net, each in found.items()} == case["routes"]  # type: ignore[literal-required]


@cases("configured")
def test_configured_bgp(case: dict[str, Any]) -> None:
    found = configured.bgp(case["text"])
    assert set(found) == set(case["groups"])
    for name, expected in case["groups"].items():
        assert list(found[name]["neighbors"]) == expected.pop("neighbors")
        assert {key: found[name][key] for key in expected} == expected  # type: ignore[literal-required]
    for address, expected in case["neighbors"].items():
        (neighbor,) = [each["neighbors"][address] for each in configured.bgp(case["text"], neighbor=address).values()]
        assert {key: neighbor[key] for key in expected} == expected


def test_a_real_answer_is_read_whole() -> None:
    shown = protocols(recorded("protocols"))
    names = ["device1", "kernel4", "uplink", "site", "backup_transit", "node_1", "node_2", "node_3", "many"]
    assert [one.name for one in shown] == names
    assert [one.info for one in shown if one.name == "node_3"] == ["Active        Socket: No route to host"]
    assert shown[5].channels[0].routes == {"imported": 2, "filtered": 1, "exported": 0, "preferred": 2}


def test_no_route_of_a_real_answer_is_lost() -> None:
    shown = recorded("routes")
    written = [line for line in shown.splitlines() if " [" in line]
    found = list(routes.parse(shown))
    assert len(found) == len(written) > 0
    assert sum(len(one.hops) for one in found) == shown.count("\tvia ")
    assert {one.type for one in found} == {"bgp", "static", "ospf"}
