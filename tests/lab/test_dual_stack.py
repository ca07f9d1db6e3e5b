"""The inventory of examples/dual-stack: both families of IP, deployed from bare machines, and proved right in each."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest

from tests.lab import both_families
from tests.lab.both_families import ADDRESSES, LOAD_BALANCERS, PODS, SERVICES
from tests.lab.conftest import FIRST_RUN_SECONDS, HEALED_SECONDS, STANDING, Measure
from tests.lab.devices import Kubectl, routes_in
from tests.lab.laboratory import NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.router import Routes
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.long("layouts")]
FAMILIES = (4, 6)
# What the routes of each family's cluster begin with.
BEGINS = {4: "10.33.", 6: "fd00:10:33:"}
WORKLOAD = "nginx-quic"
SESSION_SECONDS = 120
NODE = WORKERS[1]


@dataclass(frozen=True)
class Deployed:
    """The example's cluster, and the run that made it."""

    runbooks: Runbooks
    answer: Answer


@pytest.fixture(scope="module")
def deployed(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory, measure: Measure) -> Iterator[Deployed]:
    """Bare machines with addresses of both families become the example's cluster by one run; in a standing one, another run."""
    standing = os.environ.get(STANDING)
    if not standing:
        lab.must("reset")
    with both_families.up(lab):
        runbooks = both_families.example(tmp_path_factory.mktemp("dual-stack"), lab)
        answer = runbooks.deploy("--output", "json", deadline=FIRST_RUN_SECONDS)
        if not standing:
            measure("first deploy.py of examples/dual-stack", answer.seconds)
        yield Deployed(runbooks, answer)


@pytest.fixture(scope="module")
def dual(lab: Laboratory, deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The cluster through its API."""
    deployed.answer.ended(0)
    return Kubectl.of(lab, tmp_path_factory.mktemp("kubectl"))


def short(name: str) -> str:
    return name.partition(".")[0]


def expected(cluster: Kubectl, version: int) -> Routes:
    """What each router should have of a family: each block by its node, the service networks by all, by addresses of that family."""
    everyone = {ADDRESSES[version][node] for node in NODES}
    affinities = [one["spec"] for one in cluster.get("blockaffinities.crd.projectcalico.org")]
    blocks = {one["cidr"]: {ADDRESSES[version][short(one["node"])]} for one in affinities if of(one["cidr"]) == version}
    assert {hop for hops in blocks.values() for hop in hops} == everyone, "every node has a block"
    assert all(inside(block, PODS[version]) for block in blocks)
    return blocks | {SERVICES[version]: everyone, LOAD_BALANCERS[version]: everyone}


def of(network: str) -> int:
    return ip_network(network).version


def inside(block: str, network: str) -> bool:
    return int(ip_network(network)[0]) <= int(ip_network(block)[0]) <= int(ip_network(network)[-1])


def in_kernel(lab: Laboratory, router: str, version: int) -> Routes:
    listed = json.loads(lab.kernel(router, f"-{version}", "-j", "route", "show"))
    return routes_in(listed, BEGINS[version])


def in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def established(lab: Laboratory, router: str, peer: str) -> bool:
    session = DEVICES[router].session(lab, router, peer)
    return session is not None and session.established


def test_one_run_deploys_both_families_and_the_next_one_does_nothing(deployed: Deployed, dual: Kubectl) -> None:
    assert dual.ready() == set(NODES)
    internal = {
        short(node["metadata"]["name"]): [
            address["address"] for address in node["status"]["addresses"] if address["type"] == "InternalIP"
        ]
        for node in dual.get("nodes")
    }
    assert internal == {node: [ADDRESSES[version][node] for version in FAMILIES] for node in NODES}
    assert deployed.runbooks.deploy("--output", "json").ended(0).changes == {}
    deployed.runbooks.drift().ended(0)


def test_both_routers_have_the_sessions_and_the_routes_of_both_families_in_all_layers(
    lab: Laboratory, deployed: Deployed, dual: Kubectl
) -> None:
    answer = deployed.runbooks.verify("--output", "json", "--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120)
    answer.ended(0)
    wanted = {version: expected(dual, version) for version in FAMILIES}
    for router in ROUTERS:
        assert {version: in_kernel(lab, router, version) for version in FAMILIES} == wanted, router
        ours = [check for check in answer.json["checks"] if check["host"] == router]
        judged = {
            (check["layer"], check["subject"]): set(check["observed"])
            for check in ours
            if check["check"] in ("route", "fib")
        }
        both = wanted[4] | wanted[6]
        assert judged == {(layer, *one[:1]): one[1] for layer in ("bgp", "rib", "kernel") for one in both.items()}
        sessions = {check["subject"] for check in ours if check["check"] == "session"}
        assert sessions == {ADDRESSES[version][node] for version in FAMILIES for node in NODES}


@pytest.mark.parametrize("version", FAMILIES)
def test_a_pod_answers_a_pod_on_another_node(dual: Kubectl, version: int) -> None:
    pods = dual.get("pods", "-n", WORKLOAD)
    nodes = {pod["spec"]["nodeName"]: pod for pod in pods}
    assert len(nodes) > 1, "the workload's pods are on several nodes"
    asking, asked, *_ = nodes.values()
    (address,) = (one["ip"] for one in asked["status"]["podIPs"] if ip_address(one["ip"]).version == version)
    ask = ("curl", "-gsS", "--fail", "--max-time", "10", f"http://{in_url(address)}/")
    said = dual("exec", "-n", WORKLOAD, asking["metadata"]["name"], "--", *ask)
    (own,) = (one["ip"] for one in asking["status"]["podIPs"] if ip_address(one["ip"]).version == version)
    assert ip_address(said.rpartition(":")[0].strip("[]")) == ip_address(own), "between pods nothing is masqueraded"


@pytest.mark.parametrize("version", FAMILIES)
def test_the_client_gets_a_page_from_the_load_balancers_address(lab: Laboratory, dual: Kubectl, version: int) -> None:
    services = dual.get("services", "-n", WORKLOAD)
    ingress = [one["ip"] for service in services for one in service["status"]["loadBalancer"].get("ingress", ())]
    addresses = [one for one in ingress if ip_address(one).version == version]
    assert len(addresses) == {4: 2, 6: 1}[version], "the service that asks for an address of IPv4 has none of IPv6"
    for address in addresses:
        assert inside(address, LOAD_BALANCERS[version])
        ask = f"curl -gsS --fail --max-time 5 -o /dev/null http://{in_url(address)}/"
        wait_for(
            f"{address} answers the client",
            lambda ask=ask: lab.try_inside("client", ask).returncode == 0,
            HEALED_SECONDS,
        )


def tell_bird6(lab: Laboratory, command: str, answer: str) -> None:
    """Tell the node's second BIRD, by its container runtime; to say it twice does no harm."""
    container = "$(crictl ps --quiet --state running --name '^calico-node$' | head -n 1)"
    script = f"crictl exec {container} birdc -s /var/run/calico/bird6.ctl {command}"
    wait_for(f"{NODE}: {command}", lambda: answer in lab.inside(NODE, script), SESSION_SECONDS)


@pytest.fixture
def peer_disabled(lab: Laboratory, deployed: Deployed, dual: Kubectl) -> Iterator[str]:
    """A node's session of IPv6 with one router is shut down on the node; afterwards all is proved right again."""
    assert dual
    router = ROUTERS[0]
    session = f"Global_{ADDRESSES[6][router].replace(':', '_')}"
    tell_bird6(lab, f"disable {session}", "disabled")
    try:
        peer = ADDRESSES[6][NODE]
        wait_for(f"{router} has lost {peer}", lambda: not established(lab, router, peer), SESSION_SECONDS)
        yield router
    finally:
        tell_bird6(lab, f"enable {session}", "enabled")
    deployed.runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def test_a_session_of_ipv6_that_is_lost_is_named_for_its_router_and_takes_nothing_of_ipv4(
    lab: Laboratory, deployed: Deployed, dual: Kubectl, peer_disabled: str
) -> None:
    address, routes = ADDRESSES[6][NODE], expected(dual, 6)
    concerned = {prefix for prefix, hops in routes.items() if address in hops}
    wait_for(
        f"the kernel of {peer_disabled} has lost {address}",
        lambda: address not in set().union(*in_kernel(lab, peer_disabled, 6).values()),
        SESSION_SECONDS,
    )
    answer = deployed.runbooks.verify("--output", "json").ended(1)
    failures = list(answer.failures())
    assert {check["host"] for check in failures} == {peer_disabled}
    (lost,) = (check for check in failures if check["check"] == "session")
    assert lost["subject"] == address
    missing = {(check["layer"], check["subject"]): check["missing"] for check in failures if check is not lost}
    assert missing == {(layer, prefix): [address] for layer in ("bgp", "rib", "kernel") for prefix in concerned}
    assert established(lab, peer_disabled, ADDRESSES[4][NODE])
    assert in_kernel(lab, peer_disabled, 4) == expected(dual, 4)
