"""What causes say of what routers, nodes and the API have answered, and when they must be silent: one small file a situation.

A case names a recording of a router's first answers (tests/unit/platforms), and what was answered to the second look: of the router, of
nodes, of the API. What a case does not say of a node is what a healthy node says (parts/node.yaml).
"""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.checks import Finding
from kubepeer.intent.families import Address
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.second_look import LooksAgain, RouterLook
from tasks.routes.causes import catalogue, cluster_look, node_look
from tasks.routes.causes.cause import Situation
from tasks.routes.causes.cluster_look import ClusterLook
from tasks.routes.causes.explain import explained
from tasks.routes.causes.node_look import NodeLook
from tasks.routes.checks import Case, judge
from tasks.routes.intended import Intended
from tasks.routes.selection import NOT_A_MEMBER
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, reader, tutorial

HERE = Path(__file__).parent
SIXTH = "10.31.90.6"
PARTS = HERE / "causes/parts"
ROUTERS = {"frr": ("openwrt", "10.31.254.253", 64512), "bird": ("tiny-unraid", "10.31.100.100", 64516)}
NAMES = {address: f"node-{number}" for number, address in enumerate(NODES, 1)}


def part(name: str, lost: str = SIXTH) -> dict[str, Any]:
    """What a healthy device says; the node that it is about is the sixth, where a case does not name another (`lost`)."""
    text = (PARTS / f"{name}.yaml").read_text(encoding="utf-8").replace(SIXTH, lost)
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def given(asked: dict[str, Any]) -> dict[str, Answer]:
    """Answers as a file has them: a text, a text with its exit code, or a document of JSON."""
    found = {}
    for question, said in asked.items():
        code, text = said if isinstance(said, list) and len(said) == 2 and isinstance(said[0], int) else (0, said)
        found[question] = Answer(code, text if isinstance(text, str) else json.dumps(text))
    return found


def node(said: dict[str, Any], address: str) -> NodeLook:
    """A node that could be asked, with what it says otherwise than a healthy one; or one that could not."""
    if "unseen" in said:
        return NodeLook(**said)
    return node_look.read(given(part("node", address) | said))


def situation(case: dict[str, Any]) -> tuple[Situation, list[Finding]]:
    """What is known, and what the checks say of it."""
    recorded = case["recorded"]
    kind = "bird" if recorded.startswith("bird/") else "frr"
    name, address, as_number = ROUTERS[kind]
    known = reader(recorded)
    seen = known.read(answers(recorded), PROBES)
    announced = tutorial()
    peers: dict[Address, str] = dict.fromkeys(NODES, "")
    for more in case.get("strangers", ()):
        peers[ip_address(more)] = NOT_A_MEMBER
    wanted = None
    if case.get("intended"):  # beside sessions and routes: AS numbers, strangers
        wanted = Intended(
            as_number, frozenset({64517}), dict.fromkeys(NODES, 64517), hold_seconds=9, keepalive_seconds=3
        )
    findings = list(judge(Case(name, announced, seen, NETWORKS, peers, intended=wanted)))
    assert isinstance(known, LooksAgain)
    look = RouterLook()
    if "router" in case:
        look = known.second_look(given(part(kind, case.get("lost", SIXTH)) | case["router"]), ConfigurationFiles())
    api = case.get("api", {})
    cluster = ClusterLook(
        nodes=cluster_look.nodes_of(api.get("nodes", ()), api.get("pods", ())),
        peers=tuple(map(cluster_look.peer_of, api.get("peers", ()))),
        filters={one["metadata"]["name"]: one["spec"] for one in api.get("filters", ())},
    ) if api else ClusterLook(unseen="nobody was asked")  # fmt: skip
    looks = {ip_address(peer): node(said, peer) for peer, said in case.get("nodes", {}).items()}
    found = Situation(name, (ip_address(address),), as_number, seen, announced, look, looks, dict(NAMES), cluster)
    return found, findings


def written(finding: Finding) -> dict[str, Any]:
    """What a finding says of its cause."""
    says = finding.reason.partition("; ")[0]
    evidence = [f"{one.host}: {one.asked}: {one.answered}" for one in finding.evidence]
    return {"cause": finding.cause, "says": says, "evidence": evidence, "cure": finding.cure}


@pytest.mark.cases("causes")
def test_the_cause_is(case: dict[str, Any]) -> None:
    known, findings = situation(case)
    told = [one for one in explained(findings, known) if not one.ok]
    assert told, "a case has a failure"
    wanted = case["causes"]
    if not wanted:
        assert {one.cause for one in told} == {""}
        assert {one.evidence for one in told} == {()}
        return
    found: dict[str, dict[str, Any]] = {}
    for one in told:
        if one.cause:
            found.setdefault(one.cause, written(one))
    assert [*found.values()] == wanted
    unexplained = [f"{one.subject} {one.layer}" for one in told if not one.cause]
    assert unexplained == case.get("unexplained", [])


def test_every_cause_has_a_manual() -> None:
    pages = list(catalogue.manual())
    names = [page.split("\n")[0] for page in pages]
    assert len(set(names)) == len(names) >= 30
    for page in pages:
        assert all(f"\n  {word} " in page for word in ("Looks at", "Proved by", "Cure")), page


def test_a_cause_is_never_without_evidence_and_a_cure() -> None:
    for path in sorted((HERE / "causes").glob("*.yaml")):
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        for one in explained(*reversed(situation(case))):
            assert bool(one.cause) == bool(one.evidence), path.stem
            assert bool(one.cause) == bool(one.cure), path.stem
