"""What a second run does: nothing, or exactly what somebody has changed by hand."""

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab

SYSCTL = "net.bridge.bridge-nf-call-ip6tables"
HAPROXY = "/etc/haproxy/haproxy.cfg"
PEER = "bgppeers.projectcalico.org/openwrt-peer"
BY_HAND = {
    (WORKERS[0], f"sysctl {SYSCTL}"),
    (WORKERS[1], "/etc/hosts"),
    (MASTERS[1], HAPROXY),
    (MASTERS[0], "BGPPeer openwrt-peer"),
    *((router, DEVICES[router].change) for router in ROUTERS),
}


def configurations(lab: Laboratory) -> dict[str, tuple[str, str]]:
    return {router: (device.running(lab, router), device.startup(lab, router)) for router, device in DEVICES.items()}


@pytest.mark.usefixtures("cluster")
def test_a_second_run_changes_nothing(lab: Laboratory, runbooks: Runbooks, measure: Measure) -> None:
    before = configurations(lab)
    answer = runbooks.deploy("--output", "json").ended(0)
    measure("second deploy.py, nothing to do", answer.seconds)
    assert answer.changes == {}
    assert not answer.json["changed"]
    assert configurations(lab) == before


@pytest.mark.usefixtures("cluster")
def test_a_dry_run_after_it_shows_nothing(runbooks: Runbooks) -> None:
    answer = runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
    assert answer.lines[-1].startswith(" would change nothing in ")


@pytest.fixture(scope="module")
def changed_by_hand(lab: Laboratory, cluster: Kubectl) -> dict[str, tuple[str, str]]:
    """Six changes, each on a device of its own kind; gives for each router the line that stands there, and the right one."""
    lab.inside(WORKERS[0], f"sysctl -qw {SYSCTL}=0")
    lab.inside(WORKERS[1], "sed -i 's/^10.31.90.2 .*/10.31.90.222 somebody.else/' /etc/hosts")
    lab.inside(MASTERS[1], f"sed -i 's/retries 3/retries 9/' {HAPROXY}")
    cluster("patch", PEER, "--type=merge", '--patch={"spec":{"nextHopMode":"Self"}}')
    return {router: device.loosen_by_hand(lab, router) for router, device in DEVICES.items()}


def test_a_dry_run_shows_the_six_changes_made_by_hand_and_no_other(
    runbooks: Runbooks, changed_by_hand: dict[str, tuple[str, str]]
) -> None:
    answer = runbooks.deploy("--dry-run", "--detailed-exitcode", "--output", "json").ended(4)
    assert set(answer.changes) == BY_HAND
    diffs = {what: diff for (_, what), diff in answer.changes.items()}
    assert diffs[f"sysctl {SYSCTL}"].splitlines() == ["- 0", "+ 1"]
    assert "-10.31.90.222 somebody.else" in diffs["/etc/hosts"]
    assert {"-  retries 9", "+  retries 3"} <= set(diffs[HAPROXY].splitlines())
    assert {"-  nextHopMode: Self", "+  nextHopMode: Keep"} <= set(diffs["BGPPeer openwrt-peer"].splitlines())
    for router, (loose, right) in changed_by_hand.items():
        lines = set(diffs[DEVICES[router].change].splitlines())
        assert {f"-{loose}", f"+{right}"} <= lines


@pytest.mark.usefixtures("changed_by_hand")
def test_drift_shows_the_same_and_changes_nothing(
    lab: Laboratory, runbooks: Runbooks, changed_by_hand: dict[str, tuple[str, str]]
) -> None:
    before = configurations(lab)
    answer = runbooks.drift("--output", "json").ended(1)
    assert set(answer.changes) == BY_HAND
    assert answer.json["ok"] is False
    assert configurations(lab) == before
    assert all(stands in before[router][0] + before[router][1] for router, (stands, _) in changed_by_hand.items())


def test_a_run_for_one_worker_cures_that_worker_and_leaves_both_routers_as_they_are(
    lab: Laboratory, runbooks: Runbooks
) -> None:
    before = configurations(lab)
    answer = runbooks.deploy("--host", WORKERS[0], "--output", "json").ended(0)
    assert set(answer.changes) == {(WORKERS[0], f"sysctl {SYSCTL}")}
    assert lab.inside(WORKERS[0], f"sysctl -n {SYSCTL}").strip() == "1"
    assert configurations(lab) == before


@pytest.mark.usefixtures("changed_by_hand")
def test_a_run_for_one_group_shows_the_changes_of_that_group_alone(runbooks: Runbooks) -> None:
    answer = runbooks.deploy("--dry-run", "--group", "routers", "--output", "json").ended(0)
    assert set(answer.changes) == {(router, DEVICES[router].change) for router in ROUTERS}


def test_a_full_run_cures_the_rest(
    lab: Laboratory, cluster: Kubectl, runbooks: Runbooks, changed_by_hand: dict[str, tuple[str, str]]
) -> None:
    answer = runbooks.deploy("--output", "json").ended(0)
    assert set(answer.changes) == {(host, what) for host, what in BY_HAND if host != WORKERS[0]}
    assert "10.31.90.2 k8s-calico-master-10-31-90-2 " in lab.inside(WORKERS[1], "cat /etc/hosts")
    assert "  retries 3\n" in lab.inside(MASTERS[1], f"cat {HAPROXY}")
    (peer,) = cluster.get(PEER)
    assert peer["spec"]["nextHopMode"] == "Keep"
    for router, (loose, right) in changed_by_hand.items():
        lines = DEVICES[router].startup(lab, router).splitlines()
        assert right in lines
        assert loose not in lines
        DEVICES[router].assert_starts_as_it_runs(lab, router)
    wait_for("haproxy runs again", lambda: haproxy_answers(lab), 60)
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(cluster.blocks())


def haproxy_answers(lab: Laboratory) -> bool:
    """Whether the restarted haproxy of the second control plane passes requests on."""
    done = lab.try_inside(MASTERS[1], "curl -sk --max-time 2 https://127.0.0.1:8443/readyz")
    return done.stdout == "ok"


@pytest.mark.usefixtures("changed_by_hand")
def test_after_the_cure_there_is_nothing_left_to_show(runbooks: Runbooks) -> None:
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
    assert runbooks.drift().ended(0).lines[-1].startswith(" no drift in ")
