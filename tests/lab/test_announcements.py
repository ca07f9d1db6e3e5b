"""What the nodes announce: communities, the addresses of Local services, their own blocks, and nothing else; and calicoctl beside it."""

import base64
import hashlib
import time
from collections.abc import Iterator

import pytest

from tests.lab.conftest import Measure
from tests.lab.devices import Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, NODES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.local_service import LocalService
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Project, Runbooks

pytestmark = pytest.mark.lab
COMMUNITIES = {"64517:120", "64517:300:100"}  # of the tutorial, section 5.3
ADDRESSES_OF_A_SERVICE = 2  # its ClusterIP, and the one of the load balancer
STARTS_SECONDS, FOLLOWS_SECONDS = 120, 30  # what a quiet machine takes is told: about a second
PORT = 8099
FILE, PLUGIN = "/usr/local/bin/calicoctl", "/usr/local/bin/kubectl-calico"


@pytest.mark.parametrize("router", ROUTERS)
def test_the_communities_of_the_inventory_arrive_on_the_pod_prefixes_and_on_no_other(
    lab: Laboratory, cluster: Kubectl, router: str
) -> None:
    blocks = cluster.blocks()
    assert len(blocks) == len(NODES)
    for prefix in expected_routes(blocks):
        paths = DEVICES[router].communities(lab, router, prefix)
        assert paths, prefix
        assert all(path == (COMMUNITIES if prefix in blocks else set()) for path in paths), f"{prefix}: {paths}"


@pytest.mark.parametrize("node", NODES)
def test_no_node_announces_the_block_of_another(cluster: Kubectl, node: str) -> None:
    blocks = cluster.blocks()
    exported = cluster.birdc(node, "show route export Global_10_31_254_253")
    told = {block for block in blocks if f"{block} " in exported}
    assert told == {block for block, owner in blocks.items() if owner == ADDRESSES[node]}


@pytest.fixture
def local_service(lab: Laboratory, cluster: Kubectl) -> Iterator[LocalService]:
    """None yet; afterwards none, and no route of it."""
    service = LocalService(cluster)
    yield service
    service.delete()
    for router in ROUTERS:
        wait_for(
            f"{router} has nothing but what all clusters have",
            lambda router=router: routes_of_kernel(lab, router) == expected_routes(cluster.blocks()),
            60,
        )


def test_a_local_service_has_its_endpoints_nodes_alone_and_follows_its_pod(
    lab: Laboratory, cluster: Kubectl, local_service: LocalService, measure: Measure, runbooks: Runbooks
) -> None:
    """Services of policy Cluster have no route of their own meanwhile: the tables are compared whole."""
    for number, node in enumerate(WORKERS[:2]):
        local_service.on(node)
        wait_for(f"the endpoint is on {node} alone", lambda node=node: local_service.nodes() == {node}, STARTS_SECONDS)
        began = time.monotonic()
        if number == 0:
            wait_for(
                "both addresses are there",
                lambda: len(local_service.prefixes()) == ADDRESSES_OF_A_SERVICE,
                STARTS_SECONDS,
            )
        wanted = expected_routes(cluster.blocks()) | {prefix: {ADDRESSES[node]} for prefix in local_service.prefixes()}
        deadline = FOLLOWS_SECONDS if number else STARTS_SECONDS
        for router in ROUTERS:
            left = max(began + deadline - time.monotonic(), 0)
            wait_for(
                f"{router} has the /32s by {node} alone",
                lambda router=router, wanted=wanted: routes_of_kernel(lab, router) == wanted,
                left,
                pause=0.1,
            )
        if number:
            measure("from a moved endpoint to both routers' kernels", time.monotonic() - began)
    runbooks.verify().ended(0)


@pytest.fixture
def served(lab: Laboratory) -> Iterator[bytes]:
    """A made-up program on the mirror (calicoctl is in no registry); afterwards no node has it, and the mirror neither."""
    program = b"#!/bin/sh\necho made up\n"
    site = f"server {{ listen {PORT}; root /var/lib/made-up; }}"
    lab.inside(
        "mirror",
        f"mkdir -p /var/lib/made-up && echo {base64.b64encode(program).decode()} | base64 -d >/var/lib/made-up/calicoctl"
        f" && echo '{site}' >/etc/nginx/conf.d/made-up.conf && nginx -s reload",
    )
    yield program
    lab.inside("mirror", "rm -rf /var/lib/made-up /etc/nginx/conf.d/made-up.conf && nginx -s reload")
    for node in MASTERS:
        lab.inside(
            node, f"rm -f {FILE} {PLUGIN} /etc/profile.d/kubepeer-calicoctl.sh /var/lib/kubepeer/archives/calicoctl"
        )


@pytest.mark.usefixtures("cluster")
def test_calicoctl_is_on_the_control_planes_with_its_checksum_and_its_environment(
    lab: Laboratory, project: Project, served: bytes
) -> None:
    checksum = hashlib.sha256(served).hexdigest()
    named = {"version": "3.32.1", "url": f"http://10.31.0.2:{PORT}/calicoctl", "kubectl_plugin": True}

    def runbooks(sha256: str) -> Runbooks:
        return project.edited(defaults={"data": {"software": {"calicoctl": named | {"sha256": sha256}}}})

    refused = runbooks("0" * 64).deploy("--output", "json", "--group", "control_plane")
    assert refused.code == 1
    assert all(f"its SHA-256 is {checksum}, not the inventory's" in refused.errors[node] for node in MASTERS)
    answer = runbooks(checksum).deploy("--output", "json").ended(0)
    assert {host for host, _ in answer.changes} == set(MASTERS)
    for node in MASTERS:
        assert lab.inside(node, f"stat -c '%a %U:%G' {FILE}; sha256sum <{FILE}; readlink {PLUGIN}").split() == [
            "755", "root:root", checksum, "-", FILE,
        ]  # fmt: skip
        environment = lab.inside(node, "HOME=/root sh -lc env").splitlines()
        assert {"CALICO_DATASTORE_TYPE=kubernetes", "CALICO_KUBECONFIG=/root/.kube/config"} <= set(environment)
        assert lab.inside(node, "kubectl calico") == "made up\n"
    for node in WORKERS:
        assert lab.inside(node, f"ls {FILE} 2>/dev/null || echo none") == "none\n"
    assert runbooks(checksum).deploy("--output", "json").ended(0).changes == {}
