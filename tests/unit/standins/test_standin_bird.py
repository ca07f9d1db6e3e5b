"""BIRD's configuration, from Calico's custom resources to text.

A case lists what its resources add to COMMON; the text it should become stands beside it (--update-golden writes it anew), and
tests/render/test_standin_bird_texts.py has BIRD itself read it.
"""

import hashlib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from calico_node import bgp, bird_configuration, filters, resources, services, sessions
from calico_node.bgp import PasswordReference
from calico_node.family import FAMILIES, IPV4, IPV6
from calico_node.versions import Version
from cluster_api.objects import Json

FOLDER = Path(__file__).parent / "bird"


def item(name: str, spec: Json, **metadata: Any) -> Json:
    return {"metadata": {"name": name} | metadata, "spec": spec}


def rendered(case: dict[str, Any]) -> str:
    """Go the whole way from objects of the API to BIRD's text, as the agent does; the first node is the one that speaks."""
    version = Version(case.get("version", "3.32.1"))
    family = IPV6 if case.get("ipv6") else IPV4
    items = [
        item(
            name,
            {},
            labels=fields.get("labels", {}),
            annotations={family.address_annotation: fields["address"]} | fields.get("annotations", {}),
        )
        for name, fields in case["nodes"].items()
    ]
    nodes = [resources.node(one, family) for one in items]
    configurations = [item(name, spec) for name, spec in case.get("configurations", {}).items()]
    settings = bgp.settings(configurations, nodes[0].name, version, family)
    passwords = {PasswordReference(*key.split("/")): text for key, text in case.get("passwords", {}).items()}
    rules = filters.filters([item(name, spec) for name, spec in case.get("filters", {}).items()], version, family)
    speaker = sessions.Speaker(nodes[0], tuple(nodes), settings, passwords, rules, resources.router_id(items[0]))
    announcements = bird_configuration.Announcements(
        blocks=tuple(map(ip_network, case.get("blocks", []))),
        services=tuple(services.announced(nodes[0], settings, [], frozenset())),
        pools=tuple(resources.pools([item(name, spec) for name, spec in case["pools"].items()], family)),
    )
    peers = bgp.peers([item(name, spec) for name, spec in case.get("peers", {}).items()], version, family)
    return bird_configuration.render(speaker, announcements, sessions.sessions(speaker, peers))


@pytest.mark.cases("bird")
def test_the_resources_become_the_text(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    golden = FOLDER / f"{request.node.callspec.id}.conf"
    text = rendered(case)
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_two_ways_to_one_neighbour_make_one_session_and_the_nodes_own_wins() -> None:
    case = {
        "nodes": {"n1": {"address": "10.31.90.1/16"}, "n2": {"address": "10.31.90.2/16"}},
        "pools": {},
        "peers": {
            "a-of-the-node": {"peerIP": "10.31.90.2", "asNumber": 64600, "node": "n1"},
            "b-of-all": {"peerIP": "10.31.90.2", "asNumber": 64500},
        },
    }
    text = rendered(case)
    assert text.count("protocol bgp ") == 1
    assert "protocol bgp Node_10_31_90_2 from" in text
    assert "neighbor 10.31.90.2 as 64600;" in text


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("30s", 30), ("2m", 120), ("1m30s", 90), ("1.5s", 2), ("2500ms", 2), ("", None), (None, None)],
)
def test_durations_are_read_as_go_writes_them(duration: str | None, seconds: int | None) -> None:
    assert bgp.seconds(duration) == seconds


@pytest.mark.parametrize("text", ["30", "s", "1d", "5 s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        bgp.seconds(text)


@pytest.mark.parametrize(("text", "number"), [("64512", 64512), ("1.10", 65546), (4200000000, 4200000000)])
def test_as_numbers_are_plain_or_dotted(text: str | int, number: int) -> None:
    assert resources.as_plain_number(text) == number


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.31.254.253", "10.31.254.253", None),
        ("10.31.254.253:1790", "10.31.254.253", 1790),
        ("fd00:10:31::254:253", "fd00:10:31::254:253", None),
        ("fd00::1", "fd00::1", None),
        ("[fd00::1]", "fd00::1", None),
        ("[fd00::1]:1790", "fd00::1", 1790),
        ("::ffff:10.31.254.253", "::ffff:10.31.254.253", None),
    ],
)
def test_a_peers_address_is_of_its_family_with_a_port_or_without(text: str, address: str, port: int | None) -> None:
    own, other = (IPV6, IPV4) if ":" in address else (IPV4, IPV6)
    items = [item("router", {"peerIP": text, "asNumber": 64512})]
    (peer,) = bgp.peers(items, Version(), own)
    assert (peer.address, peer.port) == (ip_address(address), port)
    assert bgp.peers(items, Version(), other) == []


def test_peers_by_a_selector_are_of_both_families() -> None:
    items = [item("reflectors", {"peerSelector": "has(reflector)"})]
    assert [len(bgp.peers(items, Version(), family)) for family in FAMILIES] == [1, 1]


def test_passwords_of_both_families_are_asked_for_at_once() -> None:
    """A Secret that is not asked for is watched no longer."""
    peers = [
        item(
            f"router-{key}", {"peerIP": address, "asNumber": 1, "password": {"secretKeyRef": {"name": "s", "key": key}}}
        )
        for key, address in (("four", "10.31.254.253"), ("six", "fd00::1"), ("four-again", "10.31.100.100"))
    ]
    found = bgp.passwords([item("default", {})], peers, Version())
    assert [reference.key for reference in found] == ["four", "four-again", "six"]


@pytest.mark.parametrize(
    ("annotations", "identity"),
    [
        ({"projectcalico.org/IPv4Address": "10.31.90.1/16"}, "10.31.90.1"),
        ({"projectcalico.org/IPv6Address": "fd00::1/64"}, "{}.{}.{}.{}"),
    ],
)
def test_both_birds_have_one_identity(annotations: dict[str, str], identity: str) -> None:
    """Without an address of IPv4 it is made of the name, below the addresses of multicast."""
    names = [f"n{number}" for number in range(64)]
    found = [resources.router_id(item(name, {}, annotations=annotations)) for name in names]
    digests = [list(hashlib.sha256(name.encode()).digest()[:4]) for name in names]
    lowered = [[first - 32 * (first >= 224), *rest] for first, *rest in digests]
    assert any(first >= 224 for first, *_ in digests)
    assert found == [identity.format(*numbers) for numbers in lowered]
