"""Routers that are not simply beside the nodes: one behind another hop, on its loopback; one with the nodes in a VRF, a network namespace.

They join the lab's cluster by an inventory that has them besides, are proved right, are broken on purpose, and leave it again.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab import further_routers
from tests.lab.conftest import FOREIGN_SECONDS, HEALED_SECONDS, Measure
from tests.lab.devices import FOREIGN_PEER, Kubectl, expected_routes, routes_in, routes_of_kernel
from tests.lab.further_routers import FAR, GATEWAY, HOSTS, IN_VRF, LOOPBACK, VRF, VRF_ADDRESS, VRF_MANAGEMENT
from tests.lab.laboratory import ADDRESSES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.router import Routes, Session
from tests.lab.router_frr import Frr
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
NODE, OTHER = ADDRESSES[WORKERS[1]], ADDRESSES[WORKERS[2]]
LOST_SECONDS = 60
RECKONED_SECONDS = 5  # FRR counts whole seconds, and an answer may come late on a busy machine
FRR = Frr()
OURS_OF_BGP = {f"BGPPeer {router}-peer" for router in HOSTS}


@dataclass(frozen=True)
class Joined:
    """The cluster with both routers.

    Attributes:
        owners: what each router ran with before.
        answer: of the run by which they joined.

    """

    runbooks: Runbooks
    owners: dict[str, str]
    answer: Answer


@pytest.fixture(scope="module")
def sessions(lab: Laboratory, cluster: Kubectl) -> dict[tuple[str, str], Session]:
    """The sessions of the routers that the cluster has without the further ones."""
    assert cluster
    return sessions_of(lab)


def sessions_of(lab: Laboratory) -> dict[tuple[str, str], Session]:
    peers = (*ADDRESSES.values(), FOREIGN_PEER)
    found = {(router, peer): DEVICES[router].session(lab, router, peer) for router in ROUTERS for peer in peers}
    return {one: session for one, session in found.items() if session is not None}


def foreign_session(lab: Laboratory, router: str) -> Session:
    found = FRR.session(lab, router, FOREIGN_PEER)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def joined(
    lab: Laboratory,
    runbooks: Runbooks,
    sessions: dict[tuple[str, str], Session],
    tmp_path_factory: pytest.TempPathFactory,
    measure: Measure,
) -> Iterator[Joined]:
    """Both routers are up as their owners have them, and the cluster is deployed with them; at the end it is what it was."""
    assert sessions
    with further_routers.up(lab):
        for router in HOSTS:
            wait_for(
                f"{router}: its owner's session is up",
                lambda router=router: foreign_session(lab, router).established,
                FOREIGN_SECONDS,
            )
        owners = {router: FRR.running(lab, router) for router in HOSTS}
        with_them = Project.of(tmp_path_factory.mktemp("further"), lab.instance).edited(hosts=HOSTS)
        try:
            answer = with_them.deploy("--output", "json")
            measure("deploy.py: two routers more, one behind a hop and one with a VRF", answer.seconds)
            yield Joined(with_them, owners, answer)
        finally:
            runbooks.deploy().ended(0)


@pytest.fixture
def well(joined: Joined) -> Iterator[Runbooks]:
    """The runbooks with both routers, before and after something was broken."""
    joined.answer.ended(0)
    yield joined.runbooks
    joined.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def nodes_of(lab: Laboratory, router: str) -> list[Session | None]:
    return [FRR.session(lab, router, address) for address in ADDRESSES.values()]


def established(session: Session | None) -> bool:
    return session is not None and session.established


def block_of(cluster: Kubectl, address: str) -> str:
    return next(block for block, owner in cluster.blocks().items() if owner == address)


def wrong(answer: Answer, router: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What did not pass on a router, by layer and subject; nothing else was judged wrong."""
    found = list(answer.failures())
    assert {check["host"] for check in found} == {router}, found
    return {("session" if check["check"] == "session" else check["layer"], check["subject"]): check for check in found}


def processes_with_ours(running: str) -> set[str]:
    """The BGP processes that have neighbours of ours."""
    sections = re.findall(r"^(router bgp .*)\n((?: .*\n)*)", running, re.MULTILINE)
    return {process for process, lines in sections if f"neighbor {FRR.mark}" in lines}


def observed(answer: Answer, router: str, layer: str) -> Routes:
    return {
        check["subject"]: set(check["observed"])
        for check in answer.json["checks"]
        if check["host"] == router and check["layer"] == layer and check["check"] in ("route", "fib")
    }


def test_both_join_by_one_run_that_touches_no_other_router(lab: Laboratory, joined: Joined, cluster: Kubectl) -> None:
    changes = joined.answer.ended(0).changes
    assert not {host for host, _ in changes} & set(ROUTERS)
    assert {what for _, what in changes} >= OURS_OF_BGP
    assert "+ neighbor KUBEPEER ebgp-multihop 3" in changes[FAR, FRR.change]
    assert f"+ neighbor KUBEPEER update-source {LOOPBACK}" in changes[FAR, FRR.change]
    processes = {router: processes_with_ours(FRR.running(lab, router)) for router in HOSTS}
    assert processes == {FAR: {"router bgp 64513"}, IN_VRF: {f"router bgp 64518 vrf {VRF}"}}
    peers = {peer["metadata"]["name"]: peer["spec"] for peer in cluster.get("bgppeers.projectcalico.org")}
    assert {peers[f"{router}-peer"]["peerIP"] for router in HOSTS} == {LOOPBACK, VRF_ADDRESS}
    assert joined.runbooks.deploy("--output", "json").ended(0).changes == {}


@pytest.mark.parametrize("router", HOSTS)
def test_what_was_the_owners_is_byte_for_byte_what_it_was(lab: Laboratory, joined: Joined, router: str) -> None:
    joined.answer.ended(0)
    now = FRR.running(lab, router)
    assert FRR.mark in now
    assert FRR.foreign(now) == joined.owners[router]
    FRR.assert_starts_as_it_runs(lab, router)
    session = foreign_session(lab, router)
    assert session.established
    assert session.counters == FRR.never_down


class TestBehindAnotherHop:
    """Its own routes lead to the nodes over a gateway: that is what its kernel has, and BGP has the nodes."""

    def test_it_is_right_in_all_three_layers(self, lab: Laboratory, well: Runbooks, cluster: Kubectl) -> None:
        expected = expected_routes(cluster.blocks())
        over_the_gateway = {prefix: {GATEWAY} for prefix in expected}
        assert routes_of_kernel(lab, FAR) == over_the_gateway
        answer = well.verify("--output", "json").ended(0)
        assert {layer: observed(answer, FAR, layer) for layer in ("bgp", "rib", "kernel")} == {
            "bgp": expected,
            "rib": expected,
            "kernel": over_the_gateway,
        }

    def test_a_node_that_its_routes_do_not_reach_is_missing_though_its_session_is_up(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        block = block_of(cluster, NODE)
        route = f"ip route {NODE}/32 {GATEWAY}"
        further_routers.configure(lab, FAR, f"no {route}")
        try:
            wait_for("its block is gone", lambda: block not in routes_of_kernel(lab, FAR), LOST_SECONDS)
            answer = well.verify("--host", FAR, "--output", "json").ended(1)
        finally:
            further_routers.configure(lab, FAR, route)
        found = wrong(answer, FAR)
        services = expected_routes({})  # the kernel has them right: over the same gateway as the other nodes
        assert set(found) == {("bgp", block), ("rib", block), ("kernel", block)} | {
            (layer, prefix) for layer in ("bgp", "rib") for prefix in services
        }
        assert all(
            check["missing"] == ([GATEWAY] if layer == "kernel" else [NODE]) and not check["unexpected"]
            for (layer, _), check in found.items()
        )
        said = f"{NODE}: announced, but the router cannot reach the next hop: the one route to it is 0.0.0.0/0"
        assert all(check["reason"].startswith(said) for check in found.values())

    def test_a_node_that_the_kernel_reaches_by_another_way_than_the_table_says_is_wrong(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        rule = ("rule", "{}", "to", NODE, "lookup", "99")
        lab.kernel(FAR, "route", "add", NODE, "via", VRF_MANAGEMENT, "table", "99")
        lab.kernel(FAR, *(word.format("add") for word in rule))
        try:
            answer = well.verify("--host", FAR, "--output", "json").ended(1)
        finally:
            lab.kernel(FAR, *(word.format("del") for word in rule))
            lab.kernel(FAR, "route", "del", NODE, "table", "99")
        found = wrong(answer, FAR)
        assert set(found) == {("kernel", prefix) for prefix in (block_of(cluster, NODE), *expected_routes({}))}
        said = f"the router's table resolves it by {GATEWAY}, the kernel reaches it by {VRF_MANAGEMENT} ({NODE}/32)"
        assert all(check["reason"] == f"{NODE}: {said}" for check in found.values())

    def test_nodes_without_a_way_back_to_the_loopback_have_lost_their_sessions(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        lab.kernel("openwrt", "route", "del", LOOPBACK)
        try:
            wait_for("all sessions are lost", lambda: not any(map(established, nodes_of(lab, FAR))), LOST_SECONDS)
            answer = well.verify("--output", "json").ended(1)
        finally:
            further_routers.lead_to_the_far_one(lab)
        found = wrong(answer, FAR)
        prefixes = expected_routes(cluster.blocks())
        layers = {(layer, prefix) for layer in ("bgp", "rib", "kernel") for prefix in prefixes}
        assert set(found) == layers | {("session", address) for address in ADDRESSES.values()}
        assert all("Hold Timer Expired" in check["reason"] for check in found.values())
        routes = [check for (layer, _), check in found.items() if layer != "session"]
        assert all(check["missing"] == check["expected"] and not check["observed"] for check in routes)


class TestInsideAVrf:
    """The nodes are its neighbours in a network namespace; what its default VRF has is not looked at."""

    def test_it_is_right_in_all_three_layers_and_the_default_vrf_has_nothing(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        expected = expected_routes(cluster.blocks())
        assert in_namespace(lab) == expected
        assert routes_of_kernel(lab, IN_VRF) == {}
        answer = well.verify("--output", "json").ended(0)
        assert all(observed(answer, IN_VRF, layer) == expected for layer in ("bgp", "rib", "kernel"))

    def test_a_route_made_by_hand_counts_in_the_namespace_alone(
        self, lab: Laboratory, well: Runbooks, cluster: Kubectl
    ) -> None:
        block = block_of(cluster, NODE)
        with by_hand(lab, f"ip route ADD {block} via {FOREIGN_PEER} metric 5"):
            well.verify("--host", IN_VRF).ended(0)
        with by_hand(lab, f"ip -n {VRF} route ADD {block} via {OTHER} metric 5"):
            answer = well.verify("--host", IN_VRF, "--output", "json").ended(1)
        found = wrong(answer, IN_VRF)
        assert set(found) == {("rib", block), ("kernel", block)}
        assert all((check["missing"], check["unexpected"]) == ([NODE], [OTHER]) for check in found.values())
        assert found["rib", block]["reason"] == "better route by kernel [0/5]"
        assert "made by hand" in found["kernel", block]["reason"]

    def test_a_static_route_of_the_vrf_is_named(self, lab: Laboratory, well: Runbooks, cluster: Kubectl) -> None:
        block = block_of(cluster, NODE)
        route = f"ip route {block} {OTHER}"
        further_routers.configure(lab, IN_VRF, f"vrf {VRF}", route)
        try:
            wait_for("it is installed", lambda: in_namespace(lab)[block] == {OTHER}, LOST_SECONDS)
            answer = well.verify("--host", IN_VRF, "--output", "json").ended(1)
        finally:
            further_routers.configure(lab, IN_VRF, f"vrf {VRF}", f"no {route}")
        found = wrong(answer, IN_VRF)
        assert set(found) == {("rib", block), ("kernel", block)}
        assert all((check["missing"], check["unexpected"]) == ([NODE], [OTHER]) for check in found.values())
        assert found["rib", block]["reason"] == "better route by static [1/0]"

    def test_a_neighbour_that_was_shut_down_there_is_named_and_deployed_again(
        self, lab: Laboratory, well: Runbooks, joined: Joined, cluster: Kubectl
    ) -> None:
        further_routers.configure(lab, IN_VRF, f"router bgp 64518 vrf {VRF}", f"neighbor {NODE} shutdown")
        try:
            everywhere = {block_of(cluster, NODE), *expected_routes({})}
            wait_for(
                "its routes are gone",
                lambda: NODE not in set().union(*in_namespace(lab).values()),
                LOST_SECONDS,
            )
            answer = well.verify("--host", IN_VRF, "--output", "json").ended(1)
        finally:
            again = well.deploy("--host", IN_VRF, "--output", "json")
        found = wrong(answer, IN_VRF)
        layers = {(layer, prefix) for layer in ("bgp", "rib", "kernel") for prefix in everywhere}
        assert set(found) == layers | {("session", NODE)}
        assert all("shut down in the router's configuration" in check["reason"] for check in found.values())
        assert f"- neighbor {NODE} shutdown" in again.ended(0).changes[IN_VRF, FRR.change]
        assert FRR.foreign(FRR.running(lab, IN_VRF)) == joined.owners[IN_VRF]

    def test_a_vrf_that_the_router_has_not_is_refused_and_nothing_is_changed(
        self, lab: Laboratory, joined: Joined, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        before = FRR.running(lab, IN_VRF)
        elsewhere = {**HOSTS, IN_VRF: {**HOSTS[IN_VRF], "data": in_another_vrf()}}
        runbooks = Project.of(tmp_path_factory.mktemp("elsewhere"), lab.instance).edited(hosts=elsewhere)
        answer = runbooks.deploy("--host", IN_VRF).ended(1)
        assert f"{IN_VRF}: it has no VRF elsewhere, neither a device nor a network namespace" in answer.text
        assert FRR.running(lab, IN_VRF) == before
        assert joined

    def test_what_its_startup_file_has_and_nothing_runs_of_is_not_lost_with_a_change(
        self, lab: Laboratory, joined: Joined
    ) -> None:
        """As after the crash of a daemon that came back without its lines."""
        assert joined
        startup = FRR.startup(lab, IN_VRF)
        routes = re.findall(r"^ip route .*$", startup, re.MULTILINE)
        further_routers.configure(lab, IN_VRF, *(f"no {route}" for route in routes))
        try:
            answer = joined.runbooks.deploy("--host", IN_VRF).ended(1)
        finally:
            further_routers.configure(lab, IN_VRF, *routes)
        assert f"{IN_VRF}: /etc/frr/frr.conf has `ip route`, and FRR runs with none" in answer.text
        assert FRR.startup(lab, IN_VRF) == startup


def in_another_vrf() -> dict[str, Any]:
    data = HOSTS[IN_VRF]["data"]
    return {**data, "peering": {**data["peering"], "vrf": "elsewhere"}}


def in_namespace(lab: Laboratory) -> Routes:
    return routes_in(json.loads(lab.inside(IN_VRF, f"ip -n {VRF} -j route show")))


@contextmanager
def by_hand(lab: Laboratory, command: str) -> Iterator[None]:
    lab.inside(IN_VRF, command.replace("ADD", "add"))
    try:
        yield
    finally:
        lab.inside(IN_VRF, command.replace("ADD", "del"))


def test_without_them_the_cluster_is_as_before_and_no_other_session_has_flapped(
    lab: Laboratory, runbooks: Runbooks, joined: Joined, sessions: dict[tuple[str, str], Session], cluster: Kubectl
) -> None:
    joined.answer.ended(0)
    changes = runbooks.deploy("--output", "json").ended(0).changes
    assert {what for _, what in changes} == OURS_OF_BGP
    assert not {host for host, _ in changes} & set(ROUTERS)
    assert {peer["spec"]["peerIP"] for peer in cluster.get("bgppeers.projectcalico.org")}.isdisjoint(
        {LOOPBACK, VRF_ADDRESS}
    )
    now = sessions_of(lab)
    assert set(now) == set(sessions)
    assert all(session.established for session in now.values())
    assert {one: session.counters for one, session in now.items()} == {
        one: session.counters for one, session in sessions.items()
    }
    assert all(abs(session.since - sessions[one].since) <= RECKONED_SECONDS for one, session in now.items())
    assert runbooks.deploy("--output", "json").ended(0).changes == {}
