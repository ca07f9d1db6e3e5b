"""The inventory of examples/two-racks: a second rack with a link, an AS and a pair of routers of its own.

It is deployed over whatever stands (bare machines, or the cluster of the tests before), proved right, loses a router, and is left again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.lab import second_rack
from tests.lab.conftest import FIRST_RUN_SECONDS, HEALED_SECONDS, Measure
from tests.lab.devices import LOAD_BALANCERS, SERVICES, Kubectl, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, ROUTERS, Laboratory, wait_for
from tests.lab.router import Routes
from tests.lab.runbooks import Answer, Runbooks
from tests.lab.second_rack import ALL_NODES, NODES
from tests.lab.second_rack import ROUTERS as TORS

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
NAMESPACE = "across"
ROLLED_OUT = "300s"
REACHED_SECONDS = 90  # a dead neighbour of OSPF is given up after 12 s, one of BGP after 9
CUT, OTHER = TORS
# One pod on every node, control planes included, of an image that the nodes have already.
PODS: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": NAMESPACE, "namespace": NAMESPACE},
    "spec": {
        "selector": {"matchLabels": {"app": NAMESPACE}},
        "template": {
            "metadata": {"labels": {"app": NAMESPACE}},
            "spec": {
                "tolerations": [{"operator": "Exists"}],
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "web",
                        "image": "docker.io/tinychen777/nginx-quic:latest",
                        "imagePullPolicy": "IfNotPresent",
                        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1},
                    }
                ],
            },
        },
    },
}


@dataclass(frozen=True)
class Deployed:
    """The example's cluster, and the run that made it."""

    runbooks: Runbooks
    answer: Answer


@pytest.fixture(scope="module")
def deployed(
    lab: Laboratory, runbooks: Runbooks, tmp_path_factory: pytest.TempPathFactory, measure: Measure
) -> Iterator[Deployed]:
    """Both racks by one run of deploy.py; at the end the second one is gone, and the cluster is the shipped inventory's."""
    with second_rack.up(lab):
        both = second_rack.example(tmp_path_factory.mktemp("two-racks"), lab)
        try:
            answer = both.deploy("--output", "json", deadline=FIRST_RUN_SECONDS)
            measure("deploy.py of examples/two-racks: eight nodes and four routers", answer.seconds)
            yield Deployed(both, answer)
        finally:
            kubectl = Kubectl.of(lab, tmp_path_factory.mktemp("leaving"))
            kubectl("delete", "node", "--ignore-not-found", *(f"{name}.tinychen.io" for name in NODES))
    runbooks.deploy().ended(0)


@pytest.fixture(scope="module")
def two_racks(lab: Laboratory, deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The cluster through its API."""
    deployed.answer.ended(0)
    return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def pods(two_racks: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A pod on every node: node -> the pod's name."""
    file = tmp_path_factory.mktemp("pods") / "pods.yaml"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    file.write_text(yaml.safe_dump_all([namespace, PODS]))
    two_racks("apply", "-f", str(file))
    try:
        two_racks(
            "rollout", "status", "-n", NAMESPACE, f"daemonset/{NAMESPACE}", f"--timeout={ROLLED_OUT}", deadline=330
        )
        yield {
            short(pod["spec"]["nodeName"]): pod["metadata"]["name"] for pod in two_racks.get("pods", "-n", NAMESPACE)
        }
    finally:
        two_racks("delete", "namespace", NAMESPACE, "--wait=false")


def short(name: str) -> str:
    return name.partition(".")[0]


def blocks(cluster: Kubectl) -> dict[str, str]:
    """Pod block -> address of its node, of both racks."""
    found = cluster.get("blockaffinities.crd.projectcalico.org")
    return {block["spec"]["cidr"]: ALL_NODES[short(block["spec"]["node"])] for block in found}


def expected(cluster: Kubectl, nodes: dict[str, str]) -> Routes:
    """What the routers of a rack should have: its nodes' blocks, and the service networks over all of its nodes."""
    addresses = set(nodes.values())
    own = {block: {address} for block, address in blocks(cluster).items() if address in addresses}
    return own | {SERVICES: addresses, LOAD_BALANCERS: addresses}


def silent(cluster: Kubectl, pods: dict[str, str]) -> list[str]:
    """Which pods did not answer which others."""
    addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.get("pods", "-n", NAMESPACE)}
    unheard = []
    for node, pod in pods.items():
        others = " ".join(addresses[other] for other in pods.values() if other != pod)
        ask = f"for a in {others}; do curl -sS -o /dev/null --max-time 5 http://$a/ 2>&1 || echo $a; done"
        said = cluster("exec", "-n", NAMESPACE, pod, "--", "sh", "-c", ask, deadline=120).split("\n")
        unheard += [f"{node} to {line}" for line in said if line]
    return unheard


def defaults_of(lab: Laboratory, node: str) -> str:
    """The default routes that BGP has brought to a node."""
    return lab.kernel(node, "route", "show", "default", "proto", "bird")


def test_one_run_deploys_both_racks_and_the_next_one_does_nothing(deployed: Deployed, two_racks: Kubectl) -> None:
    assert two_racks.ready() == set(ALL_NODES)
    peers = {peer["metadata"]["name"]: peer["spec"] for peer in two_racks.get("bgppeers.projectcalico.org")}
    assert {router: peers[f"{router}-peer"]["nodeSelector"] for router in (*ROUTERS, *TORS)} == {
        router: f"has(router.kubepeer.io/{router})" for router in (*ROUTERS, *TORS)
    }
    own_as = {
        short(node["metadata"]["name"]): node["metadata"].get("annotations", {}).get("projectcalico.org/ASNumber")
        for node in two_racks.get("nodes")
    }
    assert own_as == dict.fromkeys(ADDRESSES, None) | dict.fromkeys(NODES, "64520")
    assert deployed.runbooks.deploy("--output", "json").ended(0).changes == {}
    deployed.runbooks.drift().ended(0)


def test_each_router_has_the_routes_of_its_own_rack_in_all_layers(
    lab: Laboratory, deployed: Deployed, two_racks: Kubectl
) -> None:
    answer = deployed.runbooks.verify("--output", "json", "--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120)
    answer.ended(0)
    for router, nodes in {**dict.fromkeys(ROUTERS, ADDRESSES), **dict.fromkeys(TORS, NODES)}.items():
        assert routes_of_kernel(lab, router) == expected(two_racks, nodes), router
        judged = {
            (check["layer"], check["subject"]): set(check["observed"])
            for check in answer.json["checks"]
            if check["host"] == router and check["check"] in ("route", "fib")
        }
        layers = ("bgp", "rib", "kernel")
        assert judged == {(layer, *one[:1]): one[1] for layer in layers for one in expected(two_racks, nodes).items()}
        sessions = [c["subject"] for c in answer.json["checks"] if (c["host"], c["check"]) == (router, "session")]
        assert set(sessions) == set(nodes.values())


def test_every_pod_answers_every_other_also_across_the_racks(two_racks: Kubectl, pods: dict[str, str]) -> None:
    assert set(pods) == set(ALL_NODES)
    assert silent(two_racks, pods) == []


def test_the_nodes_of_the_second_rack_go_out_by_both_of_its_routers(lab: Laboratory, two_racks: Kubectl) -> None:
    assert two_racks
    for node in NODES:
        assert all(address in defaults_of(lab, node) for address in TORS.values()), node


def test_pods_across_nodes_are_told_in_a_line_and_a_block_without_a_way_is_named(
    lab: Laboratory, deployed: Deployed, two_racks: Kubectl
) -> None:
    node = next(iter(NODES))
    block = next(block for block, address in blocks(two_racks).items() if address == NODES[list(NODES)[1]])
    answer = deployed.runbooks.verify().ended(0)
    assert f"(vxlan, chosen); proved on {len(ALL_NODES)} nodes" in " ".join(answer.text.split())
    lab.kernel(node, "route", "prepend", "blackhole", block)  # before Felix's own, which stays
    try:
        answer = deployed.runbooks.verify("--host", node, "--output", "json").ended(1)
        (wrong,) = (check for check in answer.failures() if check["check"] == "pod routes")
        assert (wrong["host"], wrong["missing"]) == (node, [block])
        assert "Felix has not put it there" in wrong["reason"]
    finally:
        lab.kernel(node, "route", "del", "blackhole", block)
    deployed.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def test_a_router_that_hashes_by_addresses_alone_is_named_planned_and_put_right(
    lab: Laboratory, deployed: Deployed
) -> None:
    lab.inside(CUT, "sysctl -qw net.ipv4.fib_multipath_hash_policy=0")
    try:
        answer = deployed.runbooks.verify("--host", CUT, "--output", "json").ended(1)
        (wrong,) = answer.failures()
        assert (wrong["check"], wrong["host"], wrong["observed"]) == ("hash policy", CUT, ["0"])
        assert "layer 3" in wrong["reason"]
    finally:
        changes = deployed.runbooks.deploy("--host", CUT, "--output", "json").changes
    assert list(changes) == [(CUT, "sysctl net.ipv4.fib_multipath_hash_policy")]
    deployed.runbooks.verify("--host", CUT).ended(0)


def test_when_one_router_of_the_pair_loses_its_power_the_other_one_carries_all(
    lab: Laboratory, deployed: Deployed, two_racks: Kubectl, pods: dict[str, str]
) -> None:
    lab.must("cut", CUT)
    try:
        for node in NODES:
            wait_for(
                f"{node} goes out by {OTHER} alone",
                lambda node=node: TORS[CUT] not in defaults_of(lab, node) and TORS[OTHER] in defaults_of(lab, node),
                REACHED_SECONDS,
            )
        wait_for("every pod answers every other", lambda: not silent(two_racks, pods), REACHED_SECONDS, pause=2)
        answer = deployed.runbooks.verify("--output", "json").ended(3)
        assert not [check for check in answer.failures() if check["host"] != CUT]
        assert set(answer.errors) == {CUT}
        assert routes_of_kernel(lab, OTHER) == expected(two_racks, NODES)
        assert two_racks.ready() == set(ALL_NODES)
    finally:
        lab.must("up", CUT)
    deployed.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def test_a_node_of_the_second_rack_alone_is_configured_without_a_look_at_the_first(deployed: Deployed) -> None:
    answer = deployed.runbooks.deploy("--group", "rack-2", "--output", "json").ended(0)
    assert answer.changes == {}
    hosts = {host for phase in answer.json["phases"] for host in phase["hosts"]}
    assert hosts >= set(NODES)
    assert not hosts & (set(ADDRESSES) - set(MASTERS))
