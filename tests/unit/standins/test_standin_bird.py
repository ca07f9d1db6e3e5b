"""BIRD's configuration, from Calico's custom resources to text.

A case lists what its resources add to COMMON; the text it should become stands beside it (--update-golden writes it anew), and
tests/render/test_standin_bird_texts.py has BIRD itself read it.
"""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from calico_node import bgp, bird_configuration, filters, resources, services, sessions
from calico_node.bgp import PasswordReference
from calico_node.versions import Version
from cluster_api.objects import Json

FOLDER = Path(__file__).parent / "bird"


def item(name: str, spec: Json, **metadata: Any) -> Json:
    return {"metadata": {"name": name} | metadata, "spec": spec}


def rendered(case: dict[str, Any]) -> str:
    """Go the whole way from objects of the API to BIRD's text, as the agent does; the first node is the one that speaks."""
    version = Version(case.get("version", "3.32.1"))
    nodes = [
        resources.node(
            item(
                name,
                {},
                labels=fields.get("labels", {}),
                annotations={"projectcalico.org/IPv4Address": fields["address"]} | fields.get("annotations", {}),
            )
        )
        for name, fields in case["nodes"].items()
    ]
    configurations = [item(name, spec) for name, spec in case.get("configurations", {}).items()]
    settings = bgp.settings(configurations, nodes[0].name, version)
    passwords = {PasswordReference(*key.split("/")): text for key, text in case.get("passwords", {}).items()}
    rules = filters.filters([item(name, spec) for name, spec in case.get("filters", {}).items()], version)
    speaker = sessions.Speaker(nodes[0], tuple(nodes), settings, passwords, rules)
    announcements = bird_configuration.Announcements(
        blocks=tuple(map(IPv4Network, case.get("blocks", []))),
        services=tuple(services.announced(nodes[0], settings, [], frozenset())),
        pools=tuple(resources.pools([item(name, spec) for name, spec in case["pools"].items()])),
    )
    peers = bgp.peers([item(name, spec) for name, spec in case.get("peers", {}).items()], version)
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
