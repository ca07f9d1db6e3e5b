"""A router that is Linux and spreads flows by their addresses alone is told so, with the cause."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from kubepeer.checks import Finding
from tasks.linux.observe import Answer
from tasks.platforms.kernel_questions import hash_policy_question
from tasks.routes.checks import HASH_POLICY, Case, judge
from tasks.routes.expected import Announced
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
