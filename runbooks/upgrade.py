"""Upgrade Kubernetes in kubeadm's order: node by node, each drained at both ends, upgraded, back, and proved on the routers."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.opening import Opening
from kubepeer.phases import Phase, Together, one_by_one
from kubepeer.runbook import run
from tasks.control_plane.kubelets import first_alone
from tasks.platforms.platform import PLATFORMS
from tasks.routes.nodes import nodes_to_ask, verify_pod_routes_when_settled
from tasks.routes.table import describe, show
from tasks.upgrade.batch import (
    back,
    cordon,
    evict,
    exclude,
    gone,
    include,
    may_go,
    preflight_drain,
    ready,
    sessions,
    uncordon,
    verify,
    verify_first,
)
from tasks.upgrade.look import observe, preflight
from tasks.upgrade.network import upgrade_calico, upgrade_load_balancer
from tasks.upgrade.selection import (
    arguments,
    batches_of_workers,
    checked,
    each_control_plane,
    each_kubelet_of_a_control_plane,
    every_node,
    every_router,
    everyone,
    nodes_behind,
    one_that_plans,
    one_that_saves,
    one_that_speaks,
    routers_after_calico,
    routers_of_the_batch,
    the_batch,
    with_calico,
    with_containerd,
    with_load_balancer,
)
from tasks.upgrade.steps import (
    configure_worker,
    plan_by_kubeadm,
    pull_images,
    save_etcd,
    upgrade_containerd,
    upgrade_control_plane,
    upgrade_kubeadm,
    upgrade_kubelet,
    verify_versions,
    wait_for_addons,
)
from tasks.upgrade.turns import in_turn, run_in_turns

OUT = (
    Phase("Preflight of drain", preflight_drain, on=the_batch, needs=everyone),
    Phase("Next hops", may_go, on=routers_of_the_batch, needs=everyone),
    Phase("Exclude", exclude, on=the_batch, turns=one_by_one, needs=routers_of_the_batch),
    Phase("Next hops without", gone, on=routers_of_the_batch),
    Phase("Cordon", cordon, on=the_batch, needs=routers_of_the_batch),
    Phase("Evict pods", evict, on=the_batch, needs=routers_of_the_batch),
)
BACK = (
    Phase("Uncordon", uncordon, on=the_batch, needs=routers_of_the_batch),
    Phase("Node works", ready, on=the_batch, needs=routers_of_the_batch),
    Phase("Sessions", sessions, on=routers_of_the_batch),
    Phase("Include", include, on=the_batch, needs=routers_of_the_batch),
    Phase("Next hops with", back, on=routers_of_the_batch),
    Phase("Verify", verify, on=every_router, needs=routers_of_the_batch),
)
PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=every_node),
    Phase("Preflight", preflight, on=every_node, needs=everyone),
    Phase("Routes", verify_first, on=every_router, needs=everyone),
    Phase("etcd snapshot", save_etcd, on=one_that_saves, needs=everyone),
    Phase("kubeadm", upgrade_kubeadm, on=nodes_behind, turns=first_alone, needs=everyone),
    Phase("Images", pull_images, on=nodes_behind, needs=everyone),
    Phase("Upgrade plan", plan_by_kubeadm, on=one_that_plans, needs=everyone),
    *in_turn(
        each_control_plane,
        Phase("Control plane", upgrade_control_plane, on=the_batch, needs=everyone),
        Phase("Verify", verify, on=every_router, needs=everyone),
    ),
    Phase("Add-ons", wait_for_addons, on=one_that_speaks, needs=everyone),
    *in_turn(
        each_kubelet_of_a_control_plane,
        *OUT,
        Phase("containerd", upgrade_containerd, on=with_containerd, needs=routers_of_the_batch),
        Phase("Kubelet", upgrade_kubelet, on=the_batch, needs=routers_of_the_batch),
        *BACK,
    ),
    *in_turn(
        batches_of_workers,
        *OUT,
        Phase("containerd", upgrade_containerd, on=with_containerd, needs=routers_of_the_batch),
        Phase("Worker", configure_worker, on=the_batch, needs=routers_of_the_batch),
        Phase("Kubelet", upgrade_kubelet, on=the_batch, needs=routers_of_the_batch),
        *BACK,
    ),
    Phase("Calico", upgrade_calico, on=with_calico, needs=everyone),
    Phase("Verify", verify, on=routers_after_calico, needs=everyone),
    Phase("Load balancer", upgrade_load_balancer, on=with_load_balancer, needs=everyone),
    Phase("Versions", verify_versions, on=one_that_speaks, needs=everyone),
    Phase("Verify both ends", verify, on=every_router, needs=everyone),
    Phase("Verify nodes", verify_pod_routes_when_settled, on=nodes_to_ask, needs=everyone),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "upgrade",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            describe=describe,
            opening=Opening(arguments=arguments, selection=checked, runner=run_in_turns),
        )
    )
