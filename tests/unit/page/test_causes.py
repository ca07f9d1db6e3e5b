"""Which causes a page shows for what a real router said, one small file a situation."""

from dataclasses import replace
from typing import Any

import pytest

from kubepeer.checks import Evidence, Finding
from kubepeer.page.document import Cause
from tasks.routes.checks import HASH_POLICY
from tasks.routes.failures import SYMPTOMS, causes
from tasks.routes.selection import NOT_A_MEMBER
from tests.unit.page.reported import judged

ROUTER = "a-router"


def written(cause: Cause) -> dict[str, Any]:
    """A cause as the files have it: only what says something."""
    told = {
        key: getattr(cause, key) for key in ("what", "reason", "missing", "unexpected", "cure") if getattr(cause, key)
    }
    symptoms = [f"{one.subject} {one.differs} ({one.where})" for one in cause.symptoms]
    return told | {"symptoms": symptoms} | ({"unlisted": cause.unlisted} if cause.unlisted else {})


@pytest.mark.cases("causes")
def test_the_causes_are(case: dict[str, Any]) -> None:
    findings, _ = judged(ROUTER, case["recorded"])
    found = causes(ROUTER, findings, lambda hop: f"node of {hop}")
    assert [written(cause) for cause in found] == case["causes"]
    assert {cause.host for cause in found} <= {ROUTER}


def session(peer: str, reason: str) -> Finding:
    return Finding(ROUTER, "session", peer, "bgp", not reason, ("Established",), ("Active",), reason=reason)


def missing(prefix: str, hops: tuple[str, ...], reason: str) -> Finding:
    return Finding(ROUTER, "route", prefix, "bgp", ok=False, expected=hops, missing=hops, reason=reason)


def test_a_prefix_that_lacks_more_than_lost_nodes_is_a_cause_of_its_own() -> None:
    both = missing("10.33.128.0/18", ("10.1.1.1", "10.1.1.2"), "10.1.1.1: session Active: off; 10.1.1.2: filtered")
    found = causes(ROUTER, [session("10.1.1.1", "Active: off"), session("10.1.1.2", ""), both], str)
    assert [cause.what for cause in found] == ["session with 10.1.1.1", "10.33.128.0/18"]
    assert found[0].symptoms == ()
    assert found[1].reason == both.reason  # which of the two is which stays


def test_a_prefix_with_a_reason_of_its_own_is_not_blamed_on_a_lost_session() -> None:
    other = missing("10.33.5.0/24", ("10.1.1.1",), "10.1.1.1: better route by static [1/0]")
    found = causes(ROUTER, [session("10.1.1.1", "Active: off"), other], str)
    assert [(cause.what, len(cause.symptoms)) for cause in found] == [("session with 10.1.1.1", 0), ("10.33.5.0/24", 1)]


def test_of_many_prefixes_the_first_are_listed_and_the_others_counted() -> None:
    many = [
        missing(f"10.33.{number}.0/24", ("10.1.1.1",), "10.1.1.1: session Active: off")
        for number in range(SYMPTOMS + 3)
    ]
    (cause,) = causes(ROUTER, [session("10.1.1.1", "Active: off"), *many], str)
    assert (len(cause.symptoms), cause.unlisted, cause.weight) == (SYMPTOMS, 3, SYMPTOMS + 4)


def test_addresses_of_ipv6_are_no_part_of_a_reason_either() -> None:
    alike = [
        missing(f"fd00:{number}::/64", (f"fd00::{number}",), f"fd00::{number}: not in the kernel's main table")
        for number in (1, 2)
    ]
    (cause,) = causes(ROUTER, alike, str)
    assert (cause.what, cause.reason, cause.missing) == (
        "2 prefixes",
        "not in the kernel's main table",
        "fd00::1, fd00::2",
    )


def test_a_reason_without_next_hops_is_kept_as_it_is() -> None:
    (cause,) = causes(ROUTER, [missing("10.33.5.0/24", ("10.1.1.1",), "cafe: closed: as it says")], str)
    assert cause.reason == "cafe: closed: as it says"


def test_what_proves_what_to_do_says_so() -> None:
    policy = Finding(
        ROUTER, HASH_POLICY, "net.ipv4.fib_multipath_hash_policy", "kernel", ok=False, reason="by addresses alone"
    )
    stranger = session("10.1.1.9", f"not a neighbour in the router's configuration; {NOT_A_MEMBER}")
    hashed, not_there = sorted(causes(ROUTER, [policy, stranger], str), key=lambda cause: "session" in cause.what)
    assert hashed.cure == f"python runbooks/deploy.py --host {ROUTER} sets it"
    assert "deploy.py" in not_there.cure


def test_sessions_that_are_lost_for_one_cause_are_one_with_its_proof_and_its_cure() -> None:
    proved = [
        replace(
            session(peer, f"{name} answers nobody; Active: off"),
            cause="NodeUnreachable",
            evidence=(Evidence(name, "ssh", "no answer"),),
            cure="its console",
        )
        for peer, name in (("10.1.1.1", "n1"), ("10.1.1.2", "n2"))
    ]
    both = replace(
        missing(
            "10.33.128.0/18",
            ("10.1.1.1", "10.1.1.2"),
            "n1 answers nobody; n2 answers nobody; 10.1.1.1-2: session Active: off",
        ),
        cause="NodeUnreachable",
    )
    (cause,) = causes(ROUTER, [*proved, both], str)
    assert (cause.name, cause.cure) == ("NodeUnreachable", "its console")
    assert cause.reason == "n1 answers nobody, n2 answers nobody"
    assert cause.evidence == ("n1: ssh: no answer", "n2: ssh: no answer")
    assert [one.subject for one in cause.symptoms] == ["10.33.128.0/18"]


def test_prefixes_of_one_cause_are_one() -> None:
    rows = [
        replace(
            missing(f"10.33.{number}.0/24", ("10.1.1.1",), f"lost 10.33.{number}.0/24; not in the kernel"),
            cause="KernelRouteMissing",
            evidence=(Evidence(ROUTER, "ip route", "nothing"),),
            cure="install it",
        )
        for number in (1, 2)
    ]
    (cause,) = causes(ROUTER, rows, str)
    assert (cause.what, cause.name, cause.cure) == ("2 prefixes", "KernelRouteMissing", "install it")
    assert cause.reason == "lost 10.33.1.0/24, lost 10.33.2.0/24"
