"""What real routers said against what an inventory says of sessions and paths, one small file a situation: `intended/*.yaml`.

A case: `recorded`, `wrong` (check, subject and reason of each finding beside sessions and routes), `remarks`. Of every other recording
nothing may be said: what is wrong there is wrong with sessions and routes alone.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.checks import Finding
from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms.attributes import INCOMPLETE, Attributes, Terms
from tasks.platforms.reader import ReadsCommunities, ReadsLeaks
from tasks.platforms.seen import Path as BgpPath
from tasks.platforms.seen import RibRoute, RouterSeen, Session
from tasks.routes.checks import FURTHER, REMARK, Case, judge
from tasks.routes.expected import Announced, ExpectedRoute
from tasks.routes.failures import causes
from tasks.routes.intended import Intended, intended
from tasks.routes.leaks import suspects
from tasks.routes.table import route_table
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, names, path_of, reader, tutorial
from tests.unit.routes.intents import intent

CASES = {name: path_of(name, "intended", ".yaml") for name in names("intended", ".yaml")}
QUIET = [name for name in names("recorded", ".json") if name not in CASES]
STRANGER = IPv4Address("10.31.0.66")
TOLD_BEFORE = ("announcements", "received", "equal paths", "limit of prefixes")  # remarks that judge no intent
BACKUP = "bird/backup-path-of-another-neighbour"


def seen_on(name: str) -> RouterSeen:
    """As a run sees it: with what the second question brings, where it is asked."""
    said, platform = answers(name), reader(name)
    seen = platform.read(said, PROBES)
    assert isinstance(platform, ReadsLeaks)
    doubtful = platform.leak_questions(suspects(seen, NODES), NETWORKS)
    assert doubtful.keys() == {question for question in said if question.startswith("brought")}
    return replace(seen, leaked=platform.read_leaks({question: said[question] for question in doubtful}, NETWORKS))


def wanted(name: str, seen: RouterSeen | None = None, **other: Any) -> Intended:
    """The recordings' routers are in several AS, each in one for all of its neighbours."""
    own = {session.terms.local_as for session in seen.sessions.values()} if seen else {64512}
    nodes = 64512 if "internal-bgp" in name else 64517
    known = Intended(
        router_as=max(own, key=lambda one: one or 0, default=64512) or 64512,
        as_numbers=frozenset({nodes}),
        nodes=dict.fromkeys(NODES, nodes),
        links=(IPv4Network("10.31.0.0/16"),),
        hold_seconds=9,
        keepalive_seconds=3,
    )
    return replace(known, **other)


def judge_all(seen: RouterSeen, of: Intended) -> tuple[Finding, ...]:
    return judge(Case("a-router", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), intended=of))


def said_of(findings: Sequence[Finding]) -> list[str]:
    further = (one for one in findings if one.check in FURTHER and not one.ok)
    return [f"{one.check} {one.subject}: {one.reason}" for one in further]


@pytest.mark.parametrize("path", CASES.values(), ids=CASES)
def test_what_a_real_router_has_against_the_inventory_is(path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    communities = {NETWORKS[0]: frozenset({"64517:120", "64517:300:100"})}
    name = case["recorded"]
    seen = seen_on(name)
    findings = judge_all(seen, wanted(name, seen, communities=communities))
    assert said_of(findings) == case["wrong"]
    assert [f"{one.subject}: {one.reason}" for one in findings if one.check == REMARK] == case.get("remarks", [])


@pytest.mark.parametrize("name", QUIET)
def test_nothing_else_is_said_of_a_router_whose_terms_are_right(name: str) -> None:
    """Every node announces every block, graceful restart, multihop, internal BGP, VRFs, filters that lack a network: no false alarm."""
    try:
        seen = seen_on(name)
    except CommandError:
        assert "not-running" in name
        return
    assert len({session.terms.local_as for session in seen.sessions.values()}) <= 1
    findings = judge_all(seen, wanted(name, seen))
    assert said_of(findings) == []
    remarks = [one.subject for one in findings if one.check == REMARK and one.subject not in TOLD_BEFORE]
    assert remarks == ([str(STRANGER)] if name == BACKUP else [])


@pytest.mark.parametrize("name", ["with-communities", "bird/with-communities", "bird/bird3-with-communities"])
def test_what_a_router_shows_of_a_path_and_of_a_session(name: str) -> None:
    seen = seen_on(name)
    (path,) = seen.bgp[ip_network("10.33.5.0/24")]
    assert path.attributes == Attributes(("64517",), "IGP", frozenset({"64517:120", "64517:300:100"}))
    terms = seen.sessions[NODES[0]].terms
    assert (terms.remote_as, terms.hold_seconds, terms.keepalive_seconds, terms.limit) == (64517, 9, 3, 1000)
    assert (terms.established, terms.dropped) == ((None, None) if "bird" in name else (1, 0))


def test_frr_10_shows_a_path_in_detail_in_another_form() -> None:
    of_ten, of_eight = (seen_on(name).bgp for name in ("frr10-with-communities", "with-communities"))
    assert {prefix: frozenset(paths) for prefix, paths in of_ten.items()} == {
        prefix: frozenset(paths) for prefix, paths in of_eight.items()
    }


def test_communities_are_asked_for_where_they_are_wanted_alone() -> None:
    frr = reader("healthy")
    assert isinstance(frr, ReadsCommunities)
    assert not isinstance(reader("bird/healthy"), ReadsCommunities)  # it shows them anyway
    plain, detailed = (one.questions(NETWORKS, PROBES) for one in (frr, frr.with_communities()))
    assert plain.keys() == detailed.keys()
    changed = [name for name in plain if plain[name] != detailed[name]]
    assert changed == [f"bgp {network}" for network in NETWORKS]
    assert all(detailed[name].endswith(f"|| {plain[name]}") for name in changed)


PREFIX, SERVICES = IPv4Network("10.33.5.0/24"), NETWORKS[1]
ONE = Announced((ExpectedRoute(PREFIX, frozenset(NODES[:1]), "pod block"),), {NODES[0]: "node-1"})


def judged(path: Attributes, terms: Terms = Terms(64517, 64512), **of: Any) -> list[str]:  # noqa: B008  frozen
    seen = RouterSeen(
        {NODES[0]: Session(NODES[0], "Established", terms=terms)},
        {PREFIX: (BgpPath("10.31.90.1", NODES[0], chosen=True, attributes=path),)},
        layers=frozenset({"bgp"}),
    )
    of_inventory = replace(wanted(""), nodes={NODES[0]: of.pop("node", 64517)}, **of)
    case = Case("r", ONE, seen, NETWORKS, {NODES[0]: ""}, intended=of_inventory)
    return said_of(judge(case))


@pytest.mark.parametrize(
    ("path", "terms", "of", "says"),
    [
        pytest.param(Attributes(("64517",), "IGP"), Terms(64517, 64512), {}, [], id="its_own_as"),
        pytest.param(Attributes(), Terms(), {}, [], id="nothing_is_shown"),
        pytest.param(Attributes(()), Terms(64512, 64512), {"node": 64512}, [], id="internal_bgp"),
        pytest.param(Attributes(("65100", "64517")), Terms(64517, 65100), {"router_as": 65100}, [], id="local_as_before_it"),
        pytest.param(Attributes(("64517",), INCOMPLETE), Terms(), {"origin": None}, [], id="a_speaker_of_metallb"),
        pytest.param(
            Attributes(("64517", "65000")), Terms(), {},
            ["as path 10.31.90.1: AS path 64517 65000 and not 64517: 10.33.5.0/24"], id="a_foreign_as",
        ),
        pytest.param(
            Attributes(("64517",)), Terms(64517, 65100), {},
            ["as number 10.31.90.1: the router is in AS 65100 for it, the inventory says 64512"], id="another_as_of_the_router",
        ),
        pytest.param(
            Attributes(communities=frozenset({"64517:120"})), Terms(), {"added": frozenset({"64512:7"})},
            ["community 10.31.90.1: its routes lack 64512:7: 10.33.5.0/24"], id="what_the_router_should_add",
        ),
        pytest.param(Attributes(communities=frozenset({"65535:0", "1:2"})), Terms(), {}, [], id="communities_beside"),
        pytest.param(
            Attributes(), Terms(hold_seconds=9, configured_hold=9, configured_keepalive=1), {},
            ["timers 10.31.90.1: the router has keepalive and hold time 1/9 s, the inventory says 3/9 s"], id="keepalive",
        ),
        pytest.param(Attributes(), Terms(hold_seconds=3, keepalive_seconds=1), {}, [], id="the_node_offers_less"),
    ],
)  # fmt: skip
def test_a_path_and_a_session_are_judged(path: Attributes, terms: Terms, of: dict[str, Any], says: list[str]) -> None:
    assert judged(path, terms, **of) == says


def test_a_node_that_the_api_alone_knows_is_held_to_no_inventory() -> None:
    seen = seen_on("timers-changed-by-hand")
    assert said_of(judge_all(seen, wanted("", nodes={}))) == []


def test_a_node_that_another_router_serves_or_another_router_is_no_stranger() -> None:
    seen = seen_on("stranger-in-the-clusters-as")
    assert said_of(judge_all(seen, wanted("", others=frozenset({STRANGER})))) == []


def test_another_routers_path_to_the_cluster_is_nobodys_own() -> None:
    """The AS path ends in the cluster's AS: a spine passes on what it was told, and its session is the owner's."""
    seen = seen_on("stranger-announces-services")
    told = {
        prefix: tuple(
            replace(path, attributes=Attributes(("65000", "64517"))) if path.peer == STRANGER else path
            for path in paths
        )
        for prefix, paths in seen.bgp.items()
    }
    assert said_of(judge_all(replace(seen, bgp=told), wanted(""))) == []


def test_only_the_chosen_nodes_are_judged() -> None:
    seen = seen_on("filter-opened-by-hand")
    chosen = frozenset({"10.31.90.5"})
    case = Case("r", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), chosen, intended=wanted(""))
    assert [line.split(":")[0] for line in said_of(judge(case))] == ["as path 10.31.90.5"]


def rib_of(*weights: int, recursive: bool = False) -> RouterSeen:
    hops = [str(node) for node in NODES[: len(weights)]]
    lines = tuple(
        (f"{hop} (recursive)" if recursive else hop, "eth0", weight) for hop, weight in zip(hops, weights, strict=True)
    )
    route = RibRoute("bgp", 20, 0, frozenset(hops), selected=True, lines=lines)
    return RouterSeen(rib={SERVICES: (route,)}, layers=frozenset({"rib"}))


UNEVEN = "10.31.90.1 50.0 %, 10.31.90.4 25.0 %, 10.31.90.2-3 12.5 %"


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (rib_of(1, 1, 1), []),
        (rib_of(4, 1, recursive=True), []),  # its gateways decide
        (rib_of(0, 0), []),  # none is shown
        (
            rib_of(4, 1, 1, 2),
            [f"share 10.33.128.0/18: flows are not spread evenly over 4 next hops: {UNEVEN}, and not 25.0 % each"],
        ),
    ],
)
def test_the_shares_of_next_hops_are_judged_by_their_weights(seen: RouterSeen, says: list[str]) -> None:
    route = ExpectedRoute(SERVICES, frozenset(NODES[:4]), "service network")
    findings = judge(Case("r", Announced((route,)), seen, NETWORKS))
    assert said_of(findings) == says


def test_a_node_with_one_family_alone_is_named() -> None:
    both = {NODES[0]: "node-1", NODES[1]: "node-2"}
    second = {ip_network(f"fd00::{number}/128").network_address: f"node-{number}" for number in (1, 2)}
    up = {
        address: Session(address, state)
        for address, state in zip((*both, *second), ("Established", "Established", "Idle", "Established"), strict=True)
    }
    case = Case("r", Announced((), {**both, **second}), RouterSeen(up), NETWORKS)
    (remark,) = (one for one in judge(case) if one.check == REMARK)
    assert (remark.subject, remark.reason) == ("families", "node-1 speaks IPv4 alone: its session of IPv6 is not up")


def test_the_inventory_says_what_a_router_should_have() -> None:
    of = intent(n1="10.31.90.1", n2="10.31.90.2")
    live = Announced((), {IPv4Address("10.31.0.9"): "n1.example.org"})
    asked = intended(of, of.router("r1"), live)
    assert asked.nodes == {
        IPv4Address("10.31.0.9"): 64517,
        NODES[1]: 64517,
    }  # Calico may have autodetected another address
    assert {IPv4Address("10.31.254.253"), NODES[0]} <= asked.others  # no stranger under the inventory's address either
    assert (asked.router_as, asked.hold_seconds, asked.keepalive_seconds, asked.origin) == (64512, 9, 3, "IGP")
    assert asked.communities_of(PREFIX) == frozenset()


@pytest.mark.parametrize(
    "name", ["filter-opened-by-hand", "bird/filter-opened-by-hand", "bird/bird3-filter-opened-by-hand"]
)
def test_a_path_that_is_worse_than_the_best_one_says_in_what(name: str) -> None:
    findings = judge_all(seen_on(name), wanted(name))
    (reason,) = {one.reason for one in findings if one.subject == str(SERVICES) and not one.ok}
    assert reason == (
        "10.31.90.2: announced, but not chosen as an equal path (its AS path 64517 64517 64517 is longer than the best one, 64517);"
        " 10.31.90.5: announced, but not chosen as an equal path (its origin is incomplete, the best one's IGP)"
    )


LEAKED = (
    "the router takes 0.0.0.0/0 (a default route), 10.31.0.0/16 (of the nodes' network), 172.17.0.0/16 (Docker's bridge), 192.168.7.0/24"
    " from it, outside of the cluster's networks: its filter in lets them pass"
)


def test_the_table_and_the_page_say_it_once_for_all_that_it_is_so_of() -> None:
    seen = seen_on("filter-opened-by-hand")
    wanted_more = wanted("", added=frozenset({"64512:7"}))
    findings = judge_all(seen, wanted_more)
    lines = [line.plain for line in route_table("openwrt", 64512, findings)]
    marked = [line for line in lines if line.startswith(" x ")]
    assert marked[0] == f" x 10.31.90.4      {LEAKED}"
    assert marked[1].startswith(" x 10.31.90.2      AS path 64517 64517 64517 and not 64517: ")
    shared = [line for line in marked if "its routes lack 64512:7" in line]
    assert len(shared) == len(NODES)  # each of another block
    found = causes("openwrt", findings, str)
    assert ("10.31.90.4", LEAKED) in [(one.what, one.reason) for one in found]


def test_what_is_so_of_several_nodes_is_one_line() -> None:
    seen = seen_on("healthy")
    findings = judge_all(seen, wanted("", hold_seconds=30))
    (line,) = (line.plain for line in route_table("r", 64512, findings) if line.plain.startswith(" x "))
    assert line.split()[:2] == ["x", "10.31.90.1-6"]
    (cause,) = causes("r", findings, str)
    assert (cause.what, cause.reason) == (
        "10.31.90.1-6",
        "the router has keepalive and hold time 3/9 s, the inventory says 3/30 s",
    )


def test_a_count_that_was_out_of_date_is_no_leak() -> None:
    """A route that goes between two questions leaves a count that is one too high: the second question finds nothing."""
    seen = seen_on("with-communities")
    late = replace(seen.sessions[NODES[0]], accepted=4)
    doubtful = replace(seen, sessions={**seen.sessions, NODES[0]: late})
    assert [session.peer for session in suspects(doubtful, NODES)] == [NODES[0]]
    frr = reader("healthy")
    assert isinstance(frr, ReadsLeaks)
    (question,) = frr.leak_questions(suspects(doubtful, NODES), NETWORKS)
    within = Answer(0, json.dumps({"routes": {"10.33.5.0/24": [{"valid": True, "nexthops": [{"ip": "10.31.90.1"}]}]}}))
    leaked = frr.read_leaks({question: within}, NETWORKS)
    assert said_of(judge_all(replace(doubtful, leaked=leaked), wanted(""))) == []


@pytest.mark.parametrize(
    ("hops", "says"),
    [
        ({"10.31.90.1"}, ", and takes this part of 10.33.128.0/18 (service network) to 10.31.90.1 alone"),
        (
            {"10.31.0.66"},
            ", and takes this part of 10.33.128.0/18 (service network) to 10.31.0.66 and not to 10.31.90.1-2",
        ),
        ({"blackhole"}, ", and drops this part of 10.33.128.0/18 (service network): blackhole"),
        ({"dev eth9"}, ", and takes this part of 10.33.128.0/18 (service network) to dev eth9 and not to 10.31.90.1-2"),
        ({"10.31.90.1", "10.31.90.2"}, ""),
    ],
)
def test_what_a_longer_prefix_takes_away_is_told(hops: set[str], says: str) -> None:
    route = ExpectedRoute(SERVICES, frozenset(NODES[:2]), "service network")
    seen = RouterSeen(
        rib={ip_network("10.33.128.64/26"): (RibRoute("kernel", 0, 0, frozenset(hops), selected=True),)},
        layers=frozenset({"rib"}),
    )
    (found,) = (
        one for one in judge(Case("r", Announced((route,)), seen, NETWORKS)) if one.subject == "10.33.128.64/26"
    )
    assert found.reason.startswith(f"the cluster does not announce this prefix{says}; better route by kernel")
