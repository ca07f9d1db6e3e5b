"""verify_services.py: a healthy matrix is green, faults turn their own cells red and are named, and nothing of the test stays behind."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = pytest.mark.lab
PROBE = "client"
OUTSIDE = (PROBE, *ROUTERS)
SICK, OTHER = WORKERS[1], WORKERS[0]
NAMESPACE = "nginx-quic"
LOCAL_SERVICE = "kubepeer-verify-local"
CONNECTIONS = 1000
SHARE = CONNECTIONS / len(NODES)
HEALED_SECONDS = 240
RUN_SECONDS = 600
TIMEOUT = ("--timeout", "15")  # nobody is in a hurry: a machine that is busy with other things is no fault
WAIT = ("--wait", str(HEALED_SECONDS), *TIMEOUT)
LOST = (
    "--timeout",
    "5",
)  # of a fault many connections are lost, and each takes so long; what is red by chance is so once
FAULT_SECONDS = 300


@pytest.fixture(scope="session")
def services(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Runbooks:
    """The runbooks on the shipped inventory with the machine behind the router as a probing host."""
    project = Project.of(tmp_path_factory.mktemp("services"), lab.instance)
    return project.edited(hosts={PROBE: {"hostname": "10.32.0.10", "groups": ["probes"]}})


@pytest.fixture(scope="class")
def well(cluster: Kubectl, services: Runbooks) -> Iterator[Kubectl]:
    """A cluster whose matrix must be green again after the fault of a test, which stands on it and so is undone first."""
    yield cluster
    services.services(*WAIT, deadline=RUN_SECONDS).ended(0)


def left(cluster: Kubectl) -> list[dict[str, Any]]:
    return cluster.get("services", "-n", NAMESPACE, "-l", "app.kubernetes.io/managed-by=kubepeer-verify-services")


def test_every_cell_of_a_healthy_cluster_is_green(cluster: Kubectl, services: Runbooks, measure: Measure) -> None:
    answer = services.services("--output", "json", *WAIT, deadline=RUN_SECONDS).ended(0)
    measure("verify_services.py on a healthy cluster: the whole matrix", answer.seconds)
    checks = answer.json["checks"]
    assert {check["host"] for check in checks} == {*OUTSIDE, *NODES}
    tried = {
        (check["subject"].partition(" to ")[0].split()[0], check["subject"].partition(" to ")[2].split()[0])
        for check in checks
    }
    kinds = {"pod", "cluster-ip", "node-port", "load-balancer", "local", "local-node-port"}
    assert {(source, kind) for source in (*OUTSIDE, *NODES, "pod") for kind in kinds} <= tried
    assert {check["check"] for check in checks} == {"traffic", "mtu", "spread"}
    assert answer.json["not_tried"] == []
    assert left(cluster) == []


def test_the_table_has_a_row_a_source_and_a_bar_a_node(cluster: Kubectl, services: Runbooks) -> None:
    assert cluster
    answer = services.services("--host", PROBE, *WAIT, deadline=RUN_SECONDS).ended(0)
    assert [line.split()[0] for line in answer.stdout.splitlines() if " ok " in line] == [PROBE]
    assert sum(line.split()[:1] == [NODES[0]] and "#" in line for line in answer.stdout.splitlines()) == 2


def test_without_a_probing_host_the_routers_try_and_it_is_said(cluster: Kubectl, runbooks: Runbooks) -> None:
    assert cluster
    answer = runbooks.services("--output", "json", "--group", "routers", *WAIT, deadline=RUN_SECONDS).ended(0)
    assert {check["host"] for check in answer.json["checks"]} == set(ROUTERS)
    assert any(
        line.startswith("no host is in the group probes: the routers try instead") for line in answer.json["not_tried"]
    )


def test_a_thousand_connections_of_one_client_enter_by_all_six_nodes(cluster: Kubectl, services: Runbooks) -> None:
    assert cluster.ready() == set(NODES)
    many = ("--connections", str(CONNECTIONS), "--seconds", "120")
    answer = services.services("--output", "json", "--host", PROBE, *many, *WAIT, deadline=RUN_SECONDS).ended(0)
    for address, counts in answer.json["spread"][PROBE].items():
        assert set(counts) == set(NODES), address
        assert sum(counts.values()) == CONNECTIONS, counts
        assert min(counts.values()) >= SHARE / 2, counts


class TestTheLocalServiceIsTakenAway:
    @pytest.fixture
    def running(self, cluster: Kubectl, services: Runbooks, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
        with services.start(log=tmp_path / "log", runbook="verify_services") as process:
            wait_for("the Local service is there", lambda: left(cluster), 120)
            yield process
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def test_when_somebody_interrupts(self, cluster: Kubectl, running: subprocess.Popen[bytes]) -> None:
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=60) == 130
        assert left(cluster) == []

    def test_by_the_next_run_when_one_was_killed(
        self, cluster: Kubectl, services: Runbooks, running: subprocess.Popen[bytes]
    ) -> None:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(timeout=60)
        assert left(cluster) != []
        services.services("--host", PROBE, *WAIT, deadline=RUN_SECONDS).ended(0)
        assert left(cluster) == []


@dataclass(frozen=True)
class Fault:
    """What is broken, and what must and may be red for it.

    Attributes:
        make: breaks it; what it is left with undoes it.
        must: cells that every connection of theirs tells of, or so many that chance does not hide it.
        may: whether another cell may be red, since some of its connections take the broken way.
        cause: words that stand in the reason of each cell that must be red.

    """

    make: Callable[[Laboratory, Kubectl], Any]
    must: set[tuple[str, str, str]]
    may: Callable[[str, str, str], bool]
    cause: tuple[str, ...]


def commands(node: str, *pairs: tuple[str, str]) -> Callable[[Laboratory, Kubectl], Any]:
    """Commands on a machine, each with the one that undoes it; {block} is the pods' network of the node SICK."""

    @contextmanager
    def made(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
        block = next(block for block, address in cluster.blocks().items() if address == ADDRESSES[SICK])
        with ExitStack() as stack:
            for do, undo in pairs:
                lab.inside(node, do.format(block=block))
                stack.callback(lab.inside, node, undo)
            yield

    return made


@contextmanager
def no_endpoints(_: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """The selector of one service matches nothing."""

    def select(app: str) -> None:
        patch = f'{{"spec": {{"selector": {{"app": "{app}"}}}}}}'
        cluster("patch", "service", "nginx-lb2-service", "-n", NAMESPACE, "--type", "merge", "-p", patch)

    try:
        select("none")
        wait_for("the service has no endpoint", lambda: not ready_endpoints(cluster), 60)
        yield
    finally:
        select("nginx-quic")
        wait_for("the service has its endpoints again", lambda: ready_endpoints(cluster), 60)


def ready_endpoints(cluster: Kubectl) -> bool:
    slices = cluster.get("endpointslices", "-n", NAMESPACE, "-l", "kubernetes.io/service-name=nginx-lb2-service")
    return any(endpoint for one in slices for endpoint in one.get("endpoints") or ())


@contextmanager
def one_session_less(lab: Laboratory, _: Kubectl) -> Iterator[None]:
    """A node's session is shut down on one router, and its routes are gone from that router's kernel.

    On the router, since BIRD on the node takes a protocol that was disabled by hand up again when calico-node configures it anew, as
    it does for every service with externalTrafficPolicy Local (BIRD: nest/proto.c, proto_reconfigure).
    """
    peer = f"neighbor {ADDRESSES[SICK]} shutdown"

    def configure(statement: str) -> None:
        lab.inside("openwrt", f"vtysh -c 'configure terminal' -c 'router bgp 64512' -c '{statement}'")

    try:
        configure(peer)
        wait_for(
            "openwrt has lost the node",
            lambda: ADDRESSES[SICK] not in set().union(*routes_of_kernel(lab, "openwrt").values()),
            60,
        )
        yield
    finally:
        configure(f"no {peer}")


def touches(node: str) -> Callable[[str, str, str], bool]:
    """Cells some of whose connections may meet a node: those of services, those from it, those to it."""
    return lambda source, kind, where: kind not in ("pod", "mtu pod") or node in (source.removeprefix("pod on "), where)


def of(sources: tuple[str, ...], *targets: tuple[str, str]) -> set[tuple[str, str, str]]:
    return {(source, kind, node) for source in sources for kind, node in targets}


INSIDE = tuple(node for node in NODES if node != SICK)
BALANCED = ("load-balancer", "")
SPREAD = ("spread", "")
FULL = ("mtu load-balancer", "")
MTU = r"ip link show dev eth0 | sed -n 's/.* mtu \([0-9]*\).*/\1/p'"
DROP = "-p tcp --dport 80 -j DROP"
PAST = "-p tcp --dport 80 -j ACCEPT"

FAULTS: dict[str, Fault] = {
    "kube_proxy_is_stopped_on_a_node": Fault(
        commands(SICK, ("pkill -STOP -x kube-proxy", "pkill -CONT -x kube-proxy")),
        # the node itself sends what it has no rule for to the router, which spreads it as what comes from outside
        of(OUTSIDE, ("local", ""), ("local-node-port", SICK)),
        lambda source, kind, node: (
            (kind == "local-node-port" and node == SICK)
            or (kind == "local" and source.removeprefix("pod on ") in (SICK, *OUTSIDE))
        ),
        (f"{SICK}: kube-proxy does not answer, and it has no rule for",),
    ),
    "the_mtu_of_a_card_is_too_small": Fault(
        commands(
            SICK,
            (
                f"{MTU} > /run/mtu && ip link set eth0 mtu $(( $(cat /run/mtu) - 300 ))",
                "ip link set eth0 mtu $(cat /run/mtu)",
            ),
        ),
        of((PROBE,), ("mtu pod", SICK), FULL),
        lambda _source, kind, node: kind == "mtu load-balancer" or (kind == "mtu pod" and node == SICK),
        (f"{SICK}: the MTU of eth0 is ", "and the path's should be "),
    ),
    "nothing_is_masqueraded_on_a_node": Fault(
        commands(SICK, (f"iptables -t nat -I POSTROUTING {PAST}", f"iptables -t nat -D POSTROUTING {PAST}")),
        # a router itself opens few connections: none of them may have come to this node
        of((*OUTSIDE, *INSIDE), ("node-port", SICK)) | of(OUTSIDE, BALANCED, ("cluster-ip", "")) | of((PROBE,), SPREAD),
        lambda source, kind, node: (
            (kind == "node-port" and node == SICK)
            or (source in OUTSIDE and kind in ("load-balancer", "cluster-ip", "spread", "mtu load-balancer"))
            or (source == f"pod on {SICK}" and kind not in ("pod", "mtu pod"))
        ),
        (f"{SICK}: nothing is masqueraded for what a rule takes out before: POSTROUTING ", "--dport 80 -j ACCEPT"),
    ),
    "a_router_hashes_by_addresses": Fault(
        commands(
            "openwrt",
            ("sysctl -w net.ipv4.fib_multipath_hash_policy=0", "sysctl -w net.ipv4.fib_multipath_hash_policy=1"),
        ),
        of((PROBE,), SPREAD),
        lambda source, kind, _node: kind == "spread" and source in (PROBE, "openwrt"),
        ("openwrt hashes by addresses alone",),
    ),
    "a_firewall_on_a_node": Fault(
        commands(SICK, (f"iptables -I FORWARD {DROP}", f"iptables -D FORWARD {DROP}")),
        # who waits for its answers opens too few connections in its time for every node to have its share: no spread is judged
        of((*OUTSIDE, *INSIDE), ("pod", SICK), ("node-port", SICK)) | of((PROBE,), BALANCED, ("mtu pod", SICK)),
        touches(SICK),
        (f"{SICK}: a firewall rule has met packets: FORWARD ", "--dport 80 -j DROP"),
    ),
    "a_node_forwards_nothing": Fault(
        commands(SICK, ("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv4.ip_forward=1")),
        of((*OUTSIDE, *INSIDE), ("pod", SICK), ("node-port", SICK)) | of((PROBE,), BALANCED, ("mtu pod", SICK)),
        touches(SICK),
        (f"{SICK}: net.ipv4.ip_forward is 0",),
    ),
    "a_service_has_no_endpoints": Fault(
        no_endpoints,
        of(OUTSIDE, BALANCED) | of((PROBE,), FULL, SPREAD) | of(NODES, BALANCED),
        lambda _source, kind, _node: kind in ("load-balancer", "spread", "mtu load-balancer"),
        ("no endpoints: its selector app=none matches no pod",),
    ),
    "a_nodes_way_to_the_pods_of_another_is_lost": Fault(
        commands(OTHER, ("ip rule add prio 100 to {block} unreachable", "ip rule del prio 100")),
        of((OTHER,), ("pod", SICK)),
        lambda source, kind, node: (
            (kind == "pod" and node == SICK and source.removeprefix("pod on ") == OTHER)
            or (kind not in ("pod", "mtu pod", "local") and source in OUTSIDE)
            or (kind == "node-port" and node == OTHER)
            or (kind not in ("pod", "mtu pod") and source.removeprefix("pod on ") == OTHER)
            or source == f"pod on {SICK}"  # the answers to it do not come either
        ),
        (f"{OTHER}: it has no way to",),
    ),
    "a_nodes_way_back_to_the_client_is_lost": Fault(
        commands(SICK, ("ip rule add prio 100 to 10.32.0.0/24 unreachable", "ip rule del prio 100")),
        of((PROBE,), ("pod", SICK), ("node-port", SICK), ("mtu pod", SICK), BALANCED, SPREAD),
        lambda source, kind, node: (
            source == PROBE and (kind not in ("pod", "mtu pod", "node-port", "local-node-port") or node == SICK)
        ),
        (f"{SICK}: it has no way to 10.32.0.10",),
    ),
    "a_router_has_one_next_hop_less": Fault(
        one_session_less,
        of((PROBE,), SPREAD, ("pod", SICK)),
        lambda source, kind, node: (
            source in (PROBE, "openwrt") and (kind == "spread" or (kind in ("pod", "mtu pod") and node == SICK))
        ),
        ("openwrt: ", f"has no next hop {ADDRESSES[SICK]}"),
    ),
}


def reds(answer: Answer, cluster: Kubectl) -> dict[tuple[str, str, str], str]:
    """(source, kind, node of the target or "") -> the reason; of several cells of that name the first."""
    homes = {
        pod["status"]["podIP"]: pod["spec"]["nodeName"].partition(".")[0]
        for pod in cluster.get("pods", "-n", NAMESPACE, "-l", "app=nginx-quic")
    } | {address: node for node, address in ADDRESSES.items()}
    found: dict[tuple[str, str, str], str] = {}
    for check in answer.failures():
        source, _, target = check["subject"].partition(" to ")
        kind, _, authority = target.partition(" ")
        if source.startswith("pod "):
            source = f"pod on {check['host']}"
        name = {"traffic": kind, "mtu": f"mtu {kind}", "spread": "spread"}[check["check"]]
        found.setdefault((source, name, homes.get(authority.partition(":")[0], "")), check["reason"])
    return found


@pytest.mark.long("faults")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_turns_its_cells_red_and_is_named(
    lab: Laboratory, well: Kubectl, services: Runbooks, name: str
) -> None:
    fault = FAULTS[name]

    def exact() -> bool:
        found = reds(services.services("--output", "json", *LOST, deadline=RUN_SECONDS).ended(1), well)
        assert fault.must - set(found) == set(), f"these must be red, beside {found}"
        assert {cell: why for cell, why in found.items() if cell not in fault.must and not fault.may(*cell)} == {}
        for cell in fault.must:
            assert all(words in found[cell] for words in fault.cause), (cell, found[cell])
        return True

    with fault.make(lab, well):
        wait_for(f"its cells are red, and no others: {name}", exact, FAULT_SECONDS)
    assert left(well) == []
