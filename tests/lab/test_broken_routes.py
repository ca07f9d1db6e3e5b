"""Routes that are broken in every way that was seen on real routers: the proof says which, where and why."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Runbooks

pytestmark = pytest.mark.lab
NODE, OTHER = WORKERS[1], WORKERS[2]
ADDRESS = ADDRESSES[NODE]
SESSION_SECONDS = 60
SESSIONS = ("Global_10_31_254_253", "Global_10_31_100_100")


def block_of(cluster: Kubectl, node: str) -> str:
    return next(block for block, address in cluster.blocks().items() if address == ADDRESSES[node])


def failures(answer: Answer, **wanted: str) -> list[dict[str, Any]]:
    return [check for check in answer.failures() if all(check[key] == value for key, value in wanted.items())]


def state_of(lab: Laboratory, router: str) -> str:
    session = DEVICES[router].session(lab, router, ADDRESS)
    assert session is not None
    return session.state


def says_that_it_was_closed(router: str, reason: str) -> bool:
    return any(words in reason for words in DEVICES[router].said_of_a_closed_session)


def lose_the_session(lab: Laboratory) -> None:
    for router in ROUTERS:
        wait_for(
            f"{router} has lost the session",
            lambda router=router: state_of(lab, router) != "Established",
            SESSION_SECONDS,
        )


def test_a_healthy_cluster_passes_and_prints_one_screen(healthy: Kubectl, runbooks: Runbooks, measure: Measure) -> None:
    assert healthy
    answer = runbooks.verify().ended(0)
    measure("verify_routes.py on a healthy cluster", answer.seconds)
    assert answer.stdout.count("6 of 6 sessions established") == 2
    assert len(answer.lines) <= 24


def test_ten_runs_in_a_row_on_a_healthy_cluster_find_nothing(healthy: Kubectl, runbooks: Runbooks) -> None:
    assert healthy
    for _ in range(10):
        assert list(runbooks.verify("--output", "json").ended(0).failures()) == []


@pytest.fixture(scope="class")
def peers_disabled(lab: Laboratory, healthy: Kubectl) -> Iterator[None]:
    for name in SESSIONS:
        healthy.birdc(NODE, f"disable {name}")
    lose_the_session(lab)
    for router in ROUTERS:  # the daemon first, the kernel after it
        wait_for(
            f"the kernel of {router} has lost the node",
            lambda router=router: ADDRESS not in set().union(*routes_of_kernel(lab, router).values()),
            SESSION_SECONDS,
        )
    yield
    for name in SESSIONS:
        healthy.birdc(NODE, f"enable {name}")


@pytest.mark.fault
@pytest.mark.usefixtures("peers_disabled")
class TestPeersDisabledOnOneNode:
    def test_router_prefix_next_hop_and_session_are_named_with_what_the_node_said(
        self, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
    ) -> None:
        answer = runbooks.verify("--output", "json").ended(1)
        assert not answer.json["ok"]
        for router in ROUTERS:
            (lost,) = failures(answer, host=router, check="session")
            assert lost["subject"] == ADDRESS
            assert says_that_it_was_closed(router, lost["reason"]), lost["reason"]
            for prefix in (block_of(cluster, NODE), SERVICES, LOAD_BALANCERS):
                layers = {check["layer"]: check for check in failures(answer, host=router, subject=prefix)}
                assert set(layers) == {"bgp", "rib", "kernel"}
                assert all(check["missing"] == [ADDRESS] and not check["unexpected"] for check in layers.values())
                assert all(says_that_it_was_closed(router, check["reason"]) for check in layers.values())
            assert len(failures(answer, host=router)) == 1 + 3 * 3, "nothing else is said to be wrong"
            assert routes_of_kernel(lab, router)[SERVICES] == set(ADDRESSES.values()) - {ADDRESS}

    def test_the_table_of_one_router_says_the_same_to_a_person(self, cluster: Kubectl, runbooks: Runbooks) -> None:
        answer = runbooks.verify("--host", "openwrt").ended(1)
        assert " openwrt  AS 64512  5 of 6 sessions established" in answer.lines
        assert "tiny-unraid" not in answer.text
        (row,) = [line for line in answer.lines if line.split()[:1] == [block_of(cluster, NODE)]]
        assert f"missing {ADDRESS}" in row
        assert "Cease" in row

    def test_a_run_for_another_node_does_not_judge_the_one_that_is_lost(self, runbooks: Runbooks) -> None:
        runbooks.verify("--host", OTHER).ended(0)
        runbooks.verify("--host", NODE).ended(1)


@pytest.fixture(scope="class")
def bird_killed(lab: Laboratory, healthy: Kubectl) -> Iterator[None]:
    """BIRD dies without a goodbye: its routers keep its routes for the time of a graceful restart."""
    assert healthy
    lab.inside(NODE, "touch /var/run/calico/bird.down && pkill -KILL -x bird")
    lose_the_session(lab)
    yield
    lab.inside(NODE, "rm -f /var/run/calico/bird.down")


@pytest.mark.fault
@pytest.mark.usefixtures("bird_killed")
class TestBirdKilledAndKeptDown:
    def test_its_routes_are_still_there_and_are_called_stale(
        self, lab: Laboratory, cluster: Kubectl, runbooks: Runbooks
    ) -> None:
        block = block_of(cluster, NODE)
        assert all(routes_of_kernel(lab, router)[block] == {ADDRESS} for router in ROUTERS), (
            "kept under graceful restart"
        )
        answer = runbooks.verify("--output", "json").ended(1)
        for router in ROUTERS:
            (lost,) = failures(answer, host=router, check="session")
            assert lost["subject"] == ADDRESS
            for prefix in (block, SERVICES, LOAD_BALANCERS):
                found = failures(answer, host=router, subject=prefix)
                assert found
                assert all("stale" in check["reason"] and ADDRESS in check["observed"] for check in found)


@pytest.mark.fault
class TestKernelRoutesMadeByHand:
    @pytest.fixture
    def by_hand(self, lab: Laboratory, healthy: Kubectl) -> Iterator[Callable[[str, str], None]]:
        """Add a route to a router's kernel; it is taken away at the end."""
        assert healthy
        added: list[tuple[str, str]] = []

        def add(router: str, route: str) -> None:
            lab.kernel(router, "route", "add", *route.split())
            added.append((router, route))

        yield add
        for router, route in added:
            lab.kernel(router, "route", "del", *route.split())

    def test_a_better_one_is_unexpected(
        self, cluster: Kubectl, runbooks: Runbooks, by_hand: Callable[[str, str], None]
    ) -> None:
        block = block_of(cluster, NODE)
        by_hand("tiny-unraid", f"{block} via {ADDRESSES[OTHER]} metric 5")
        answer = runbooks.verify("--output", "json").ended(1)
        (wrong,) = failures(answer, check="fib")
        assert (wrong["host"], wrong["subject"]) == ("tiny-unraid", block)
        assert wrong["unexpected"] == [ADDRESSES[OTHER]]
        assert wrong["missing"] == [ADDRESS]
        assert "made by hand" in wrong["reason"]
        assert all(check["host"] == "tiny-unraid" for check in answer.failures())

    def test_one_for_a_part_of_a_block_is_unexpected(
        self, cluster: Kubectl, runbooks: Runbooks, by_hand: Callable[[str, str], None]
    ) -> None:
        part = block_of(cluster, NODE).replace(".0/24", ".64/26")
        by_hand("openwrt", f"{part} via {ADDRESSES[OTHER]}")
        answer = runbooks.verify("--output", "json").ended(1)
        found = {(check["host"], check["subject"], check["layer"]) for check in answer.failures()}
        assert ("openwrt", part, "kernel") in found
        assert {subject for _, subject, _ in found} == {part}


@pytest.mark.fault
def test_what_was_mended_passes_within_the_time_that_is_waited(
    lab: Laboratory, healthy: Kubectl, runbooks: Runbooks, measure: Measure
) -> None:
    healthy.birdc(NODE, f"disable {SESSIONS[0]}")
    try:
        wait_for("the session is lost", lambda: state_of(lab, "openwrt") != "Established", SESSION_SECONDS)
        runbooks.verify().ended(1)
    finally:
        healthy.birdc(NODE, f"enable {SESSIONS[0]}")
    answer = runbooks.verify("--wait", "180").ended(0)
    measure("verify_routes.py --wait 180 after a session was enabled again", answer.seconds)
    assert DEVICES["openwrt"].routes(lab, "openwrt")[SERVICES] == set(ADDRESSES.values())
    assert healthy.ready() == set(NODES)
