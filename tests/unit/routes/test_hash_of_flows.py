"""A router that is Linux and spreads flows by their addresses alone is told so, with the cause."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from kubepeer.checks import Finding
from tasks.linux.observe import Answer
from tasks.platforms.kernel_questions import hash_policy_question, hash_policy_questions
from tasks.routes.checks import HASH_POLICY, Case, judge
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.table import route_table
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, reader, tutorial

CAUSE = "flows are spread by their addresses alone (layer 3), so that all of one client enter by one node: deploy.py sets it to 1"


def findings(recording: str, said: Answer | None, announced: Announced | None = None) -> list[Finding]:
    found = dict(answers(recording)) | ({"hash policy": said} if said else {})
    seen = reader(recording).read(found, PROBES)
    judged = judge(Case("r", announced or tutorial(), seen, NETWORKS, dict.fromkeys(NODES, "")))
    return [finding for finding in judged if finding.check == HASH_POLICY]


@pytest.mark.parametrize("recording", ["healthy", "bird/healthy"])
def test_hashing_by_addresses_is_wrong_and_named_as_the_cause(recording: str) -> None:
    (finding,) = findings(recording, Answer(0, "0\n"))
    assert (finding.ok, finding.layer, finding.observed, finding.expected) == (False, "kernel", ("0",), ("1",))
    assert finding.reason == CAUSE
    lines = [line.plain for line in route_table("r", 64512, [finding])]
    assert any(line.startswith(" x ") and CAUSE in line for line in lines)


@pytest.mark.parametrize("policy", ["1", "2", "3"])
def test_a_policy_that_looks_into_the_flow_is_right(policy: str) -> None:
    (finding,) = findings("healthy", Answer(0, f"{policy}\n"))
    assert finding.ok
    assert finding.reason == ""


@pytest.mark.parametrize("said", [None, Answer(0, ""), Answer(0, "nothing of the kind")])
def test_where_nothing_tells_nothing_is_judged(said: Answer | None) -> None:
    assert findings("healthy", said) == []


def test_where_every_prefix_has_one_next_hop_nothing_is_spread() -> None:
    alone = tuple(replace(route, next_hops=frozenset({IPv4Address("10.31.90.1")})) for route in tutorial().routes)
    assert findings("healthy", Answer(0, "0"), replace(tutorial(), routes=alone)) == []


def test_a_network_namespace_has_its_owners_policy_and_is_not_asked() -> None:
    assert "netns" not in hash_policy_question()
    assert hash_policy_question("site").startswith("[ -e /var/run/netns/site ] || cat ")


@pytest.mark.parametrize(("said", "wrong"), [("0", ["net.ipv6.fib_multipath_hash_policy"]), ("1", []), ("", [])])
def test_ipv6_has_a_policy_of_its_own(said: str, wrong: list[str]) -> None:
    hops = frozenset(map(IPv6Address, ("fd00:10:31::90:1", "fd00:10:31::90:2")))
    expected = Announced((ExpectedRoute(IPv6Network("fd00:10:33:8000::/108"), hops, ""),))
    found = {**answers("healthy"), "hash policy": Answer(0, "0"), "hash policy6": Answer(0, said)}
    seen = reader("healthy").read(found, PROBES)
    judged = judge(Case("r", expected, seen, (), dict.fromkeys(hops, "")))
    assert [one.subject for one in judged if one.check == HASH_POLICY and not one.ok] == wrong


def test_the_policy_of_ipv6_is_asked_where_a_network_is_of_it() -> None:
    networks = [IPv4Network("10.33.0.0/17"), IPv6Network("fd00:10:33::/56")]
    assert list(hash_policy_questions(networks[:1])) == ["hash policy"]
    assert "/ipv6/" in hash_policy_questions(networks)["hash policy6"]
