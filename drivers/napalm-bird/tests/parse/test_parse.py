"""BIRD's text into NAPALM's shape: one file a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_bird import configuration, configured, route_entries, routes, sessions, status
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


@cases("texts")
def test_the_text_of_routes(case: dict[str, Any]) -> None:
    found = list(routes.parse(case["shown"]))
    rows = [
        [
            one.net,
            one.protocol,
            one.type,
            one.mark,
            one.preference,
            [[*map(str, (hop.gateway, hop.interface)), hop.weight] for hop in one.hops],
        ]
        for one in found
    ]
    assert rows == case["routes"]
    for hop, gateways in case.get("resolved", {}).items():
        assert routes.resolved(found)[hop] == set(gateways)


@pytest.mark.parametrize("line", ["10.33.5.0/24  unicast [ospf1 09:22", "syntax error, unexpected IN, expecting END"])
def test_a_line_that_is_not_known_is_said_and_gives_its_hops_to_nobody(line: str) -> None:
    shown = f"10.33.4.0/24  unicast [node_1 09:10:00.000] * (100) [AS64517i]\n\tvia 10.31.90.1 on eth0\n{line}\n"
    with pytest.raises(routes.UnknownRoute, match="a form that is not known"):
        list(routes.parse(shown))


@cases("kernels")
def test_kernel_protocols(case: dict[str, Any]) -> None:
    found = [
        [one.name, one.family, one.table, one.kernel_table, one.merged, one.exports, one.vrf]
        for one in configuration.kernels(case["text"])
    ]
    assert found == case["kernels"]
    assert configuration.tables(case["text"], "ipv4") == case["tables"]


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


VERSIONS = ("2_0_12", "3_1_8")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_route_of_any_protocol_is_lost_or_gets_anothers_hops(version: str) -> None:
    """One prefix by OSPF, RIP, Babel, a static protocol, a pipe, the kernel and two sessions (recorded/README.md)."""
    shown = recorded(f"routes_of_all_protocols_{version}")
    found = list(routes.parse(shown))
    assert len(found) == sum(" [" in line for line in shown.splitlines() if not line.startswith("\t")) > 0
    assert sum(len(one.hops) for one in found) == shown.count("\tvia ") + shown.count("\tdev ")
    assert {one.type for one in found} == {"bgp", "static", "ospf", "rip", "babel", "device", "inherit"}
    best = {
        one.net: (one.type, [hop.gateway for hop in one.hops]) for one in found if one.best and one.table == "master4"
    }
    assert best["10.33.7.0/24"] == ("rip", ["10.31.90.2"])
    assert best["10.33.8.0/24"] == ("babel", ["10.31.90.2"])
    assert best["10.33.9.0/24"] == ("static", ["10.31.90.7"])  # by the pipe
    assert best["10.33.99.0/24"] == ("device", [""])
    assert best["10.33.12.0/24"] == ("static", [])
    assert best["10.33.17.0/24"] == ("inherit", ["10.31.90.9"])
    by_bgp = next(one for one in found if one.net == "10.33.10.0/24" and one.protocol == "node_1")
    assert (by_bgp.preference, by_bgp.next_hop, by_bgp.as_path) == (100, "10.31.90.1", ["64517"])
    assert by_bgp.attributes["bgp_community"] == "(64517,1)"


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions_show_the_same_protocols(version: str) -> None:
    shown = {one.name: one for one in protocols(recorded(f"protocols_{version}"))}
    assert len(shown) == 16
    assert shown["node_1"].neighbor == "10.31.90.1"  # with its interface: %eth0
    assert shown["node_1"].fields["Description"] == "first node"
    assert (shown["node_1"].established, shown["node_3"].established, shown["node_6"].neighbor) == (True, False, "")
    channel = shown["node-2"].channel("ipv4")
    assert channel
    assert channel.routes == {"imported": 8, "filtered": 0, "exported": 0, "preferred": 0}
    assert channel.fields["Preference"] == "0"
    assert shown["k-6"].table == "master6"
    assert shown["node_5"].fields["Last error"] == "Socket: No route to host"


@pytest.mark.parametrize(
    ("name", "version"), [("status", (2, 0, 12)), ("status_3_1_8", (3, 1, 8))], ids=["BIRD 2", "BIRD 3"]
)
def test_status(name: str, version: tuple[int, ...]) -> None:
    seen = status.read(recorded(name))
    assert seen.version == version
    assert seen.router_id
    assert seen.now.startswith("2026-11-2")
    assert status.read("BIRD v2.17.6-1 ready.\n").version == (2, 17, 6)
    assert status.read("nothing of the kind").version == ()
