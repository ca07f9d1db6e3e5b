"""What the real Calico does to a cluster that it runs in: what its operator writes, what its nodes announce, what they wait for."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.lab.conftest import FOREIGN_SECONDS, HEALED_SECONDS, Measure, OwnersState, established, owners_state
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab
NODE = WORKERS[2]
FULL_NAME = f"{NODE}.tinychen.io"
PEERS = ("openwrt-peer", "tiny-unraid-peer")
FORCED = 100
NOBODY = "10.31.254.99"  # an address of the nodes' network that no machine has
NOT_READY_SECONDS, READY_SECONDS = 240, 240
RESET_SECONDS = 300  # kubeadm stops one container after the other
DEPLOY_SECONDS = 600


def calico_nodes_ready(cluster: Kubectl) -> int:
    (daemon_set,) = cluster.get("daemonset", "calico-node", "-n", "calico-system")
    ready: int = daemon_set["status"]["numberReady"]
    return ready


def patch(cluster: Kubectl, what: str, document: object) -> None:
    cluster("patch", *what.split(), "--type=merge", "-p", json.dumps(document))


def test_a_hundred_forced_reconciles_of_the_operator_leave_nothing_to_change(
    cluster: Kubectl, runbooks: Runbooks
) -> None:
    """Each time it writes what it fills in; and each deploy would have taken that away again, once."""
    for number in range(FORCED):
        cluster("annotate", "installation", "default", "--overwrite", f"trial={number}")
    cluster("annotate", "installation", "default", "trial-")
    assert runbooks.deploy("--output", "json").ended(0).changes == {}


def test_after_a_restart_of_every_component_there_is_nothing_to_change(cluster: Kubectl, runbooks: Runbooks) -> None:
    components = (
        ("tigera-operator", "deployment/tigera-operator"), ("calico-system", "deployment/calico-apiserver"),
        ("calico-system", "deployment/calico-kube-controllers"), ("calico-system", "daemonset/calico-node"),
        ("purelb-system", "deployment/allocator"), ("kube-system", "deployment/coredns"),
    )  # fmt: skip
    # All of calico-node's pods at once, and not by a rollout, which would take half a minute for each.
    cluster("delete", "pods", "-n", "calico-system", "-l", "k8s-app=calico-node", "--wait=false")
    for namespace, name in components:
        if name != "daemonset/calico-node":
            cluster("rollout", "restart", "-n", namespace, name)
    for namespace, name in components:
        cluster("rollout", "status", "-n", namespace, name, "--timeout=240s", deadline=270)
    runbooks.verify("--wait", "240", deadline=300).ended(0)
    assert runbooks.deploy("--output", "json").ended(0).changes == {}


@pytest.mark.usefixtures("cluster")
def test_each_block_has_one_path_on_each_router_and_it_is_its_owners(lab: Laboratory, cluster: Kubectl) -> None:
    for router in ROUTERS:
        for block, owner in cluster.blocks().items():
            paths = DEVICES[router].paths(lab, router, block)
            assert set(paths) == {(owner, owner)}, f"{router}: {block}: {paths}"


@pytest.fixture
def repaired(cluster: Kubectl, runbooks: Runbooks) -> Iterator[Kubectl]:
    """A cluster that a test breaks: deploy.py brings it back, also where the test has ended before it came to that."""
    yield cluster
    wait_for("the API answers", cluster.ready, READY_SECONDS, pause=2)
    runbooks.deploy(deadline=DEPLOY_SECONDS).ended(0)


@pytest.fixture
def without_filter(repaired: Kubectl) -> Kubectl:
    """Our BGPPeers without their BGPFilter: each node announces all blocks, as Calico does by itself."""
    for peer in PEERS:
        patch(repaired, f"bgppeer {peer}", {"spec": {"filters": None}})
    return repaired


def test_without_calicos_filter_the_routers_keep_to_the_owners_and_the_proof_tells_of_it(
    lab: Laboratory, without_filter: Kubectl, runbooks: Runbooks
) -> None:
    blocks = without_filter.blocks()

    def announces_all(node: str) -> bool:
        exported = without_filter.birdc(node, "show route export Global_10_31_254_253")
        return all(f"{block} " in exported for block in blocks)

    for node in NODES:
        wait_for(f"{node} announces the others' blocks", lambda node=node: announces_all(node), 60)
    for router in ROUTERS:
        assert routes_of_kernel(lab, router) == expected_routes(blocks)
    answer = runbooks.verify("--output", "json").ended(0)
    remarks = [check for check in answer.json["checks"] if check["check"] == "remark"]
    assert {check["host"] for check in remarks} == set(ROUTERS)
    assert all("announces the other nodes' blocks as well" in check["reason"] for check in remarks), remarks


@pytest.mark.fault
def test_the_block_of_a_node_without_power_is_a_finding_on_every_router_also_while_others_announce_it(
    lab: Laboratory, without_filter: Kubectl, runbooks: Runbooks
) -> None:
    block = next(block for block, address in without_filter.blocks().items() if address == ADDRESSES[NODE])
    lab.must("cut", NODE)
    try:
        for router in ROUTERS:
            wait_for(
                f"{router} has forgotten {NODE}",
                lambda router=router: ADDRESSES[NODE] not in set().union(*routes_of_kernel(lab, router).values()),
                60,
            )
        answer = runbooks.verify("--output", "json").ended(1)
        for router in ROUTERS:
            layers = {
                check["layer"] for check in answer.failures() if (check["host"], check["subject"]) == (router, block)
            }
            assert layers == {"bgp", "rib", "kernel"}
    finally:
        lab.must("up", NODE)
    # Ready alone says little: the API calls a silent node NotReady only after 40 s or more. Its routes are the sign that it is back.
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
    wait_for("all nodes are Ready", lambda: without_filter.ready() == set(NODES), READY_SECONDS, pause=2)


@pytest.mark.fault
def test_a_cluster_whose_own_peers_are_lost_is_repaired(
    repaired: Kubectl, runbooks: Runbooks, measure: Measure
) -> None:
    """No calico-node is ready without a peer, and TigeraStatus waits for them: the objects that cure it must not wait for that."""
    for peer in PEERS:
        patch(repaired, f"bgppeer {peer}", {"spec": {"peerIP": NOBODY}})
    wait_for("no calico-node is ready", lambda: calico_nodes_ready(repaired) == 0, NOT_READY_SECONDS, pause=2)
    began = time.monotonic()
    answer = runbooks.deploy("--output", "json", deadline=DEPLOY_SECONDS).ended(0)
    measure(
        "deploy.py of a cluster whose peers are lost and whose calico-nodes are not ready", time.monotonic() - began
    )
    assert {what for _, what in answer.changes} == {f"BGPPeer {peer}" for peer in PEERS}
    wait_for("all calico-nodes are ready", lambda: calico_nodes_ready(repaired) == len(NODES), READY_SECONDS, pause=2)
    runbooks.verify().ended(0)


@pytest.mark.fault
def test_while_a_router_is_down_a_new_node_is_waited_for_and_the_other_routers_table_is_right(
    lab: Laboratory, repaired: Kubectl, runbooks: Runbooks, owners_states: dict[str, OwnersState], measure: Measure
) -> None:
    """Calico's BIRD takes every start for a restart: it tells the one router nothing until the other one answers, for up to 240 s."""
    absent, other = "tiny-unraid", "openwrt"
    lab.inside(
        NODE, "kubeadm reset -f >/dev/null 2>&1; rm -f /etc/cni/net.d/10-calico.conflist", deadline=RESET_SECONDS
    )
    repaired("delete", "node", FULL_NAME)
    lab.must("cut", absent)
    try:
        began = time.monotonic()
        answer = runbooks.deploy("--output", "json", deadline=900).ended(3)
        measure("deploy.py of a node that joins while a router is down", time.monotonic() - began)
        assert set(answer.errors) == {absent}
        waited = [check for check in answer.json["checks"] if "BIRD recovers from a restart" in check["reason"]]
        said = answer.stderr + json.dumps(waited)
        assert f"waits for the session with {absent}" in said
        assert " s more" in said
        failures = [check for check in answer.failures() if check["host"] == other]
        assert failures == []
        table = routes_of_kernel(lab, other)
        assert table[SERVICES] == table[LOAD_BALANCERS] == set(ADDRESSES.values())
    finally:
        lab.must("up", absent)
        # the cut has ended the session of the router's owner, too: what test_owners_state compares with begins anew
        wait_for(f"{absent}: the foreign session is up", lambda: established(lab, absent), FOREIGN_SECONDS)
        owners_states[absent] = replace(owners_states[absent], session=owners_state(lab, absent).session)
    runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
    assert runbooks.deploy("--output", "json").ended(0).changes == {}
