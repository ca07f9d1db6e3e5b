"""Two nodes with one router id: told of both, with what the router was told; the sessions of one node in both families are no such two."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from tasks.platforms.attributes import Terms
from tasks.platforms.seen import RouterSeen, Session
from tasks.routes.case import Case
from tasks.routes.causes.cause import Situation
from tasks.routes.causes.explain import explained
from tasks.routes.expected import Announced
from tasks.routes.router_ids import RouterIds
from tests.unit.platforms.recordings import NODES
from tests.unit.platforms.test_intended import seen_on

FIRST, SECOND, *_ = NODES


@pytest.mark.parametrize("recorded", ["frr/healthy", "bird/healthy", "bird/bird3-healthy"])
def test_the_readers_know_what_each_node_has_told(recorded: str) -> None:
    sessions = seen_on(recorded).sessions
    assert {sessions[node].terms.router_id for node in NODES} == {str(node) for node in NODES}


@pytest.mark.parametrize("recorded", ["frr/healthy", "bird/healthy"])
def test_two_nodes_with_one_number_are_told_each_with_its_cause(recorded: str) -> None:
    seen = seen_on(recorded)
    assert RouterIds().findings(case(seen)) == []
    session = seen.sessions[FIRST]
    twice = replace(session, terms=replace(session.terms, router_id=str(SECOND)))
    found = RouterIds().findings(case(replace(seen, sessions={**seen.sessions, FIRST: twice})))
    assert [(one.subject, one.ok, one.observed, one.unexpected) for one in found] == [
        (str(FIRST), False, (str(SECOND),), (str(SECOND),)),
        (str(SECOND), False, (str(SECOND),), (str(FIRST),)),
    ]
    told = explained(found, Situation("r", (), 64512, seen))
    assert {one.cause for one in told} == {"DuplicateRouterId"}
    assert all(one.cure and "CALICO_ROUTER_ID" in one.cure for one in told)
    assert {proof.answered for one in told for proof in one.evidence} == {
        f"{node} has router id {SECOND}" for node in (FIRST, SECOND)
    }


def test_other_families_other_as_lost_sessions_and_what_is_not_shown_are_no_such_two() -> None:
    one = IPv4Address("10.0.0.1")
    sessions = {
        one: up(one, 64517, "10.0.0.1"),
        IPv6Address("fd00::1"): up(IPv6Address("fd00::1"), 64517, "10.0.0.1"),
        IPv4Address("10.0.0.2"): up(IPv4Address("10.0.0.2"), 64518, "10.0.0.1"),
        IPv4Address("10.0.0.3"): replace(up(IPv4Address("10.0.0.3"), 64517, "10.0.0.1"), state="Active"),
        IPv4Address("10.0.0.4"): up(IPv4Address("10.0.0.4"), 64517, ""),
        IPv4Address("10.0.0.5"): up(IPv4Address("10.0.0.5"), 64517, ""),
    }
    assert RouterIds().findings(case(RouterSeen(sessions=sessions))) == []


def up(peer: IPv4Address | IPv6Address, number: int, router_id: str) -> Session:
    return Session(peer, "Established", terms=Terms(remote_as=number, router_id=router_id))


def case(seen: RouterSeen) -> Case:
    return Case("r", Announced(), seen, (), peers=dict.fromkeys(seen.sessions, ""))
