"""What stands on nodes, in the cluster and on routers against intent: exit code 1 on any difference. Changes nothing; made for cron."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Purpose, Together, chosen, control_planes, nodes, one_control_plane, routers
from kubepeer.runbook import run
from tasks.adopt.known import know_members
from tasks.certificates.table import show_drift
from tasks.certificates.tasks import verify
from tasks.cluster.node_tasks import settle_nodes
from tasks.cluster.tasks import build_load_balancer, build_network, run_workload
from tasks.control_plane.encrypting import encrypt_standing, one_that_encrypts
from tasks.control_plane.etcd_look import verify_etcd
from tasks.control_plane.kubelets import settle_kubelet
from tasks.control_plane.settling import settle
from tasks.control_plane.tasks import join, place_endpoint
from tasks.endpoint import one_that_asks
from tasks.endpoint_as_seen import verify_endpoint_as_seen
from tasks.nodes.tasks import prepare
from tasks.observe import observe
from tasks.platforms.platform import PLATFORMS
from tasks.routers.tasks import configure

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=chosen),
    Together(Phase("Nodes", prepare, on=nodes), Phase("Routers", configure, on=routers)),
    Phase("API endpoint", place_endpoint, on=control_planes),
    Phase("Control plane settings", settle, on=control_planes),
    Phase("Members", join, on=nodes),
    Phase("Kubelets", settle_kubelet, on=nodes),
    Phase("Labels and taints", settle_nodes, on=one_control_plane),
    Phase("Objects encrypted", encrypt_standing, on=one_that_encrypts),
    Phase("Cluster network", build_network, on=one_control_plane),
    Phase("Load balancer", build_load_balancer, on=one_control_plane),
    Phase("Workload", run_workload, on=one_control_plane),
    Phase("Certificates", verify, on=nodes),
    Phase("Etcd", verify_etcd, on=one_that_asks),
    Phase("Endpoint's holder", verify_endpoint_as_seen, on=one_that_asks),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "drift",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show_drift,
            purpose=Purpose.DRIFT,
            members=know_members,
        )
    )
