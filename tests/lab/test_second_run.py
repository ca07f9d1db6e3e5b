"""What a second run does: nothing, or exactly what somebody has changed by hand."""

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel, running, startup
from tests.lab.laboratory import MASTERS, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab

SYSCTL = "net.bridge.bridge-nf-call-ip6tables"
HAPROXY = "/etc/haproxy/haproxy.cfg"
PEER = "bgppeers.projectcalico.org/openwrt-peer"
PREFIX_LIST = "ip prefix-list KUBEPEER-IN seq 35 permit 10.33.192.0/18"
BY_HAND = {
    (WORKERS[0], f"sysctl {SYSCTL}"),
    (WORKERS[1], "/etc/hosts"),
    (MASTERS[1], HAPROXY),
    (MASTERS[0], "BGPPeer openwrt-peer"),
    ("tiny-unraid", "FRR configuration"),
}


def configurations(lab: Laboratory) -> dict[str, tuple[str, str]]:
    return {router: (running(lab, router), startup(lab, router)) for router in ROUTERS}


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
def changed_by_hand(lab: Laboratory, cluster: Kubectl) -> None:
    """Five changes, each on a device of its own kind."""
    lab.inside(WORKERS[0], f"sysctl -qw {SYSCTL}=0")
    lab.inside(WORKERS[1], "sed -i 's/^10.31.90.2 .*/10.31.90.222 somebody.else/' /etc/hosts")
    lab.inside(MASTERS[1], f"sed -i 's/retries 3/retries 9/' {HAPROXY}")
    cluster("patch", PEER, "--type=merge", '--patch={"spec":{"keepOriginalNextHop":false}}')
    lab.inside("tiny-unraid", f"vtysh -c 'configure terminal' -c 'no {PREFIX_LIST} ge 32' -c '{PREFIX_LIST} ge 31'")


@pytest.mark.usefixtures("changed_by_hand")
def test_a_dry_run_shows_the_five_changes_made_by_hand_and_no_other(runbooks: Runbooks) -> None:
    answer = runbooks.deploy("--dry-run", "--detailed-exitcode", "--output", "json").ended(4)
    assert set(answer.changes) == BY_HAND
    diffs = {what: diff for (_, what), diff in answer.changes.items()}
    assert diffs[f"sysctl {SYSCTL}"].splitlines() == ["- 0", "+ 1"]
    assert "-10.31.90.222 somebody.else" in diffs["/etc/hosts"]
    assert {"-  retries 9", "+  retries 3"} <= set(diffs[HAPROXY].splitlines())
    assert {"-  keepOriginalNextHop: false", "+  keepOriginalNextHop: true"} <= set(
        diffs["BGPPeer openwrt-peer"].splitlines()
    )
    assert f"-{PREFIX_LIST} ge 31" in diffs["FRR configuration"]


@pytest.mark.usefixtures("changed_by_hand")
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
    assert set(answer.changes) == {("tiny-unraid", "FRR configuration")}


@pytest.mark.usefixtures("changed_by_hand")
def test_a_full_run_cures_the_rest(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks) -> None:
    answer = runbooks.deploy("--output", "json").ended(0)
    assert set(answer.changes) == {(host, what) for host, what in BY_HAND if host != WORKERS[0]}
    assert "10.31.90.2 k8s-calico-master-10-31-90-2 " in lab.inside(WORKERS[1], "cat /etc/hosts")
    assert "  retries 3\n" in lab.inside(MASTERS[1], f"cat {HAPROXY}")
    (peer,) = cluster.get(PEER)
    assert peer["spec"]["keepOriginalNextHop"] is True
    assert f"{PREFIX_LIST} ge 32\n" in running(lab, "tiny-unraid")
    assert f"{PREFIX_LIST} ge 32\n" in startup(lab, "tiny-unraid")
    wait_for("haproxy runs again", lambda: haproxy_answers(lab), 60)
    assert routes_of_kernel(lab, "tiny-unraid") == expected_routes(cluster.blocks())


def haproxy_answers(lab: Laboratory) -> bool:
    """Whether the restarted haproxy of the second control plane passes requests on."""
    done = lab.try_inside(MASTERS[1], "curl -sk --max-time 2 https://127.0.0.1:8443/readyz")
    return done.stdout == "ok"


@pytest.mark.usefixtures("changed_by_hand")
def test_after_the_cure_there_is_nothing_left_to_show(runbooks: Runbooks) -> None:
    runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
