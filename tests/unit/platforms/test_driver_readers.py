"""Routers that are asked by their NAPALM driver: their recorded answers (answers/*.yaml, each with its source) and what is judged by them.

A case: `source`, `vrf` (none: outside all), `answers` by question, `wrong`: each finding that is not right, "layer prefix missing ...".
"""

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from napalm.base.exceptions import CommandErrorException

from kubepeer.checks import Finding
from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms.attributes import Attributes, of_table, of_text
from tasks.platforms.hops import shortened
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.reader import DriverReader
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import FURTHER, REMARK, Case, judge
from tasks.routes.driver import ask_driver
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.intended import Intended
from tasks.routes.selection import probes_for, ways_to
from tests.conftest import LOADER

HOME = Path(__file__).parent
CASES = sorted(HOME.glob("*/answers/*.yaml"))
NODES = [IPv4Address(f"10.31.90.{number}") for number in (1, 2, 3)]
NETWORKS = (IPv4Network("10.33.0.0/17"), IPv4Network("10.33.128.0/18"))
ROUTES = (
    ExpectedRoute(IPv4Network("10.33.5.0/24"), frozenset(NODES[:1]), "pod block"),
    ExpectedRoute(IPv4Network("10.33.57.0/24"), frozenset(NODES[2:]), "pod block"),
    ExpectedRoute(NETWORKS[1], frozenset(NODES), "service network"),
)
PROBES = probes_for(route.prefix for route in ROUTES) | ways_to(NODES)
every_case = pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parts[-3]} {path.stem}")
every_platform = pytest.mark.parametrize("name", sorted({path.parts[-3] for path in CASES}))


def case(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    return document


def answers(document: dict[str, Any]) -> dict[str, Answer]:
    said = document["answers"].items()
    return {name: Answer(0, text if isinstance(text, str) else json.dumps(text)) for name, text in said}


def reader(name: str, vrf: str | None = None) -> Any:
    found: Any = PLATFORMS[name].reader
    return found.in_vrf(vrf) if vrf else found


def judged(seen: RouterSeen) -> tuple[Finding, ...]:
    announced = Announced(ROUTES, {address: f"node-{address}" for address in NODES})
    return judge(Case("edge", announced, seen, NETWORKS, dict.fromkeys(NODES, "")))


def said_of(finding: Finding) -> str:
    if finding.check == "session":
        return f"session {finding.subject} {finding.observed[0]}"
    parts = {"missing": finding.missing, "unexpected": finding.unexpected}
    hops = " ".join(f"{word} {shortened(hops)}" for word, hops in parts.items() if hops)
    return f"{finding.layer} {finding.subject} {hops}"


@every_case
def test_what_is_wrong_is_found_and_nothing_else(path: Path) -> None:
    document = case(path)
    seen = reader(path.parts[-3], document.get("vrf")).read(answers(document), PROBES)
    findings = judged(seen)
    assert [said_of(finding) for finding in findings if not finding.ok] == document["wrong"]
    assert {finding.layer for finding in findings if finding.check != REMARK} == seen.layers
    assert all(finding.reason for finding in findings if not finding.ok)
    assert document["source"]


@every_case
def test_each_answer_is_one_to_a_question_of_the_reader(path: Path) -> None:
    document = case(path)
    asked = reader(path.parts[-3], document.get("vrf")).questions(NETWORKS, PROBES)
    assert asked.keys() == document["answers"].keys()
    vrf = document.get("vrf")
    assert all(vrf in command for name, command in asked.items() if vrf and name != "sessions")


@every_case
def test_each_path_is_known_by_who_has_sent_it(path: Path) -> None:
    document = case(path)
    seen = reader(path.parts[-3], document.get("vrf")).read(answers(document), PROBES)
    assert all(one.own for paths in seen.bgp.values() for one in paths)
    assert [len(seen.bgp[NETWORKS[1]]), len(seen.rib[NETWORKS[1]])] >= [2, 1]


@every_case
def test_what_the_router_shows_of_paths_and_sessions_is_as_the_inventory_says(path: Path) -> None:
    document = case(path)
    seen = reader(path.parts[-3], document.get("vrf")).read(answers(document), PROBES)
    shown = {one.attributes for paths in seen.bgp.values() for one in paths}
    origin = None if path.parts[-3] == "eos" else "IGP"  # its recorded paths have none
    assert shown == {Attributes(("64517",), origin)}
    assert {(one.terms.remote_as, one.terms.local_as) for one in seen.sessions.values()} == {(64517, 64512)}
    wanted = Intended(64512, frozenset({64517}), dict.fromkeys(NODES, 64517), hold_seconds=9)
    announced = Announced(ROUTES, {address: f"node-{address}" for address in NODES})
    findings = judge(Case("edge", announced, seen, NETWORKS, dict.fromkeys(NODES, ""), intended=wanted))
    assert [one for one in findings if one.check in FURTHER and not one.ok] == []


@pytest.mark.parametrize(
    ("read", "is_"),
    [
        (of_table("64517", "i"), Attributes(("64517",), "IGP")),
        (of_table("", "?"), Attributes((), "incomplete")),  # internal BGP
        (of_table("64517 64518", ""), Attributes()),  # a line that was not read to its end
        (of_text("64517 64517 I"), Attributes(("64517", "64517"), "IGP")),
        (of_text("I"), Attributes((), "IGP")),
        (of_text("64517"), Attributes(("64517",))),
        (of_text(""), Attributes()),
    ],
)
def test_a_path_is_read_from_a_table_or_a_text(read: Attributes, is_: Attributes) -> None:
    assert read == is_


@every_platform
def test_an_answer_that_is_cut_off_is_an_error_and_no_verdict(name: str) -> None:
    """Wherever the text of a table ends in the middle of a line or of a document."""
    whole = answers(case(HOME / name / "answers/healthy.yaml"))
    question = f"rib {NETWORKS[1]}"
    text = whole[question].text.rstrip()
    cut = {**whole, question: Answer(0, text[: len(text) - 12])}
    try:
        seen = reader(name).read(cut, PROBES)
    except CommandError:
        return
    assert [finding for finding in judged(seen) if not finding.ok]


@every_platform
def test_what_the_router_refuses_is_said_in_its_words(name: str) -> None:
    whole = answers(case(HOME / name / "answers/healthy.yaml"))
    refused = {**whole, f"rib {NETWORKS[1]}": Answer(1, "% Invalid input at '^' marker")}
    with pytest.raises(CommandError, match="Invalid input"):
        reader(name).read(refused, PROBES)


class Device:
    """A driver that answers in the forms that NAPALM's have."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get_bgp_neighbors(self) -> dict[str, Any]:
        return {"global": {"peers": {}}}

    def cli(self, commands: list[str], encoding: str) -> dict[str, Any]:
        (command,) = commands
        self.asked.append((command, encoding))
        if "bad" in command:
            raise CommandErrorException("Invalid command")
        if "gone" in command:
            raise OSError("Socket is closed")
        return {command: {"vrfs": {}} if encoding == "json" else "text"}


def test_a_driver_is_asked_by_its_getters_and_its_cli() -> None:
    device = Device()
    asked = ask_driver(device, {"sessions": "get_bgp_neighbors", "rib": "show ip route", "bgp": "show bad"}, "json")
    assert json.loads(asked["sessions"].text) == {"global": {"peers": {}}}
    assert json.loads(asked["rib"].text) == {"vrfs": {}}
    assert (asked["bgp"].code, asked["bgp"].text) == (1, "Invalid command")
    assert device.asked == [("show ip route", "json"), ("show bad", "json")]
    with pytest.raises(CommandError, match=r"'show gone' could not be asked: OSError: Socket is closed"):
        ask_driver(device, {"rib": "show gone"}, "text")


@every_platform
def test_a_driver_reader_is_told_from_one_of_a_shell(name: str) -> None:
    assert isinstance(PLATFORMS[name].reader, DriverReader)
    assert not isinstance(PLATFORMS["frr"].reader, DriverReader)
    assert not isinstance(SimpleNamespace(), DriverReader)


def test_vyos_is_asked_and_read_as_the_frr_that_it_is_made_of() -> None:
    of_vyos, of_frr = reader("vyos", "BLUE"), reader("frr", "BLUE")
    assert of_vyos.questions(NETWORKS, PROBES) == of_frr.questions(NETWORKS, PROBES)
    assert "show bgp vrf BLUE" in of_vyos.questions(NETWORKS, PROBES)["neighbours"]
