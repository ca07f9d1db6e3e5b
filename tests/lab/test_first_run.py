"""The first run of deploy.py: from bare machines to a cluster whose routes are where they belong."""

import pytest

from tests.lab.devices import (
    LOAD_BALANCERS,
    SERVICES,
    Kubectl,
    expected_routes,
    routes_of_kernel,
)
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer

pytestmark = pytest.mark.lab


def test_the_first_run_ends_well_and_prints_the_table(first_run: Answer) -> None:
    first_run.ended(0)
    for router, number in (("openwrt", 64512), ("tiny-unraid", 64516)):
        assert f" {router}  AS {number}  6 of 6 sessions established" in first_run.stdout
    for network in (SERVICES, LOAD_BALANCERS):
        rows = [line.split() for line in first_run.stdout.splitlines() if line.split()[:1] == [network]]
        assert rows == [[network, "10.31.90.1-6", "ok", "ok", "ok"]] * 2


def test_all_six_nodes_are_ready_by_the_virtual_ip(cluster: Kubectl) -> None:
    assert cluster.ready() == set(NODES)


def test_every_node_has_one_block_of_its_own(cluster: Kubectl) -> None:
    blocks = cluster.blocks()
    assert sorted(blocks.values()) == sorted(ADDRESSES.values())
    assert all(block.endswith(".0/24") for block in blocks)


@pytest.mark.parametrize("router", ROUTERS)
def test_a_router_reaches_a_block_by_its_node_alone_and_the_services_by_all_six(
    lab: Laboratory, cluster: Kubectl, router: str
) -> None:
    expected = expected_routes(cluster.blocks())
    assert len(expected) == 8
    assert DEVICES[router].routes(lab, router) == expected
    assert routes_of_kernel(lab, router) == expected


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.usefixtures("cluster")
def test_a_router_has_six_sessions_and_tells_the_nodes_nothing(lab: Laboratory, router: str) -> None:
    device = DEVICES[router]
    # its block, which FRR counts twice (by ADD-PATH: static and learned), and the two networks; a node's BIRD learns every 10 s
    everything = {"openwrt": 4, "tiny-unraid": 3}[router]

    def heard(address: str) -> int | None:
        said = device.session(lab, router, address)
        return said.accepted if said else None

    for address in ADDRESSES.values():
        wait_for(
            f"{router} has {everything} paths of {address}", lambda address=address: heard(address) == everything, 30
        )
        said = device.session(lab, router, address)
        assert said is not None
        assert said.established
        assert said.sent == 0
        assert said.accepted == everything
        assert said.policy.startswith(device.mark)


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.usefixtures("cluster")
def test_a_router_starts_with_what_it_runs_with(lab: Laboratory, router: str) -> None:
    DEVICES[router].assert_starts_as_it_runs(lab, router)
    assert lab.inside(router, "cat /etc/sysctl.d/90-kubepeer.conf") == "net.ipv4.fib_multipath_hash_policy = 1\n"


def test_the_secrets_of_the_joins_are_gone(cluster: Kubectl) -> None:
    names = {secret["metadata"]["name"] for secret in cluster.get("secrets", "-n", "kube-system")}
    assert not {name for name in names if name.startswith("bootstrap-token-") or name == "kubeadm-certs"}


def test_a_service_made_after_the_joins_gets_endpoints(cluster: Kubectl) -> None:
    here, name = ("-n", "nginx-quic"), "made-by-a-test"
    cluster("expose", "deployment", "nginx-quic-deployment", *here, f"--name={name}", "--port=80")
    try:
        pods = {pod["status"]["podIP"] for pod in cluster.get("pods", *here, "-l", "app=nginx-quic")}
        assert pods
        wait_for(f"the service has the endpoints {pods}", lambda: ready_endpoints(cluster, name) == pods, 60)
    finally:
        cluster("delete", "service", name, *here)


def ready_endpoints(cluster: Kubectl, name: str) -> set[str]:
    slices = cluster.get("endpointslices", "-n", "nginx-quic", "-l", f"kubernetes.io/service-name={name}")
    endpoints = [endpoint for one in slices for endpoint in one["endpoints"] or [] if endpoint["conditions"]["ready"]]
    return {address for endpoint in endpoints for address in endpoint["addresses"]}
