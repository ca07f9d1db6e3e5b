"""Bare machines and routers become a verified cluster."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import (
    Phase,
    Together,
    chosen,
    control_planes,
    first_control_plane,
    nodes,
    one_by_one,
    one_control_plane,
    one_of_each_redundancy_group,
    other_control_planes,
    routers,
    workers,
)
from kubepeer.runbook import run
from tasks.adopt.known import know_members
from tasks.batches import in_batches
from tasks.cluster.access import a_cluster
from tasks.cluster.node_tasks import settle_nodes
from tasks.cluster.tasks import build_load_balancer, build_network, run_workload
from tasks.control_plane.encrypting import encrypt_standing, encrypting_control_planes, one_that_encrypts
from tasks.control_plane.kubelets import first_alone, settle_kubelet
from tasks.control_plane.settling import settle, settle_again
from tasks.control_plane.tasks import initialise, join, place_endpoint, retire_secrets
from tasks.endpoint import one_that_asks
from tasks.endpoint_as_seen import verify_endpoint_when_built
from tasks.nodes.tasks import prepare, pull_images
from tasks.observe import observe_when_usable
from tasks.platforms.platform import PLATFORMS
from tasks.replacement.look import preflight
from tasks.replacement.selection import REPLACEMENT, replaced_nodes
from tasks.replacement.tasks import take_out
from tasks.routers.tasks import configure
from tasks.routes.nodes import nodes_to_ask, verify_pod_routes_when_settled
from tasks.routes.table import describe, show
from tasks.routes.tasks import routers_to_ask, verify_when_settled

PHASES: list[Phase | Together] = [
    Phase("Observe", observe_when_usable, on=chosen),
    Phase("Preflight", preflight, on=chosen),
    Together(
        Phase("Prepare nodes", prepare, on=nodes, turns=in_batches),
        Phase("Configure routers", configure, on=routers, turns=one_of_each_redundancy_group),
    ),
    Phase("Pull images", pull_images, on=nodes, turns=in_batches),
    Phase("API endpoint", place_endpoint, on=control_planes, turns=one_by_one),
    Phase("Replace", take_out, on=replaced_nodes, turns=one_by_one),
    Phase("First control plane", initialise, on=first_control_plane),
    Phase("Control plane settings", settle, on=control_planes, turns=one_by_one, needs=a_cluster),
    Phase("Other control planes", join, on=other_control_planes, turns=one_by_one, needs=a_cluster),
    Phase("Workers", join, on=workers, turns=in_batches, needs=a_cluster),
    Phase("Kubelets", settle_kubelet, on=nodes, turns=first_alone, needs=a_cluster),
    Phase("Labels and taints", settle_nodes, on=one_control_plane, needs=a_cluster),
    Phase("Keys of encryption", settle_again, on=encrypting_control_planes, turns=one_by_one, needs=a_cluster),
    Phase("Objects encrypted", encrypt_standing, on=one_that_encrypts, needs=a_cluster),
    Phase("Retire join secrets", retire_secrets, on=one_control_plane, needs=a_cluster),
    Phase("Cluster network", build_network, on=one_control_plane, needs=a_cluster),
    Phase("Load balancer", build_load_balancer, on=one_control_plane, needs=a_cluster),
    Phase("Workload", run_workload, on=one_control_plane, needs=a_cluster),
    Phase("Verify endpoint", verify_endpoint_when_built, on=one_that_asks, needs=a_cluster),
    Phase("Verify both ends", verify_when_settled, on=routers_to_ask, needs=a_cluster),
    Phase("Verify nodes", verify_pod_routes_when_settled, on=nodes_to_ask, needs=a_cluster),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "deploy",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            describe=describe,
            members=know_members,
            opening=REPLACEMENT,
        )
    )
