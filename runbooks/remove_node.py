"""Remove a node for good: drained, then gone from routers, endpoint, etcd, its own machine and the cluster; what is left is proved."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, one_by_one, one_of_each_redundancy_group
from kubepeer.runbook import run
from tasks.drain.eviction import evict
from tasks.drain.routers import gone, may_go
from tasks.drain.selection import its_routers, the_node
from tasks.drain.steps import cordon
from tasks.platforms.platform import PLATFORMS
from tasks.removal.both_ends import (
    endpoint_right,
    no_neighbour,
    place_endpoint,
    remind,
    take_neighbour,
    verify,
    verify_nodes,
)
from tasks.removal.calico import release
from tasks.removal.look import observe, preflight
from tasks.removal.selection import (
    REMOVAL,
    all_of_them,
    all_routers,
    nodes_that_are_left,
    observed,
    one_that_is_left,
    one_that_takes_over,
    other_control_planes,
    routers_of_the_member,
    the_control_plane,
    the_control_plane_s_machine,
    the_machine,
    the_member,
)
from tasks.removal.steps import clean, exclude, forget, leave_endpoint, leave_etcd, reset
from tasks.routers.tasks import refuse_early
from tasks.routes.table import describe, show

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=observed),
    Phase("Preflight", preflight, on=the_node, needs=all_of_them),
    Phase("Routers", refuse_early, on=its_routers, needs=all_of_them),
    Phase("Next hops", may_go, on=routers_of_the_member, needs=all_of_them),
    Phase("Exclude", exclude, on=the_member, needs=all_of_them),
    Phase("Next hops without it", gone, on=routers_of_the_member, needs=all_of_them),
    Phase("Cordon", cordon, on=the_member, needs=all_of_them),
    Phase("Evict pods", evict, on=the_member, needs=all_of_them),
    Phase("Router neighbour", take_neighbour, on=its_routers, turns=one_of_each_redundancy_group, needs=all_of_them),
    Phase("API endpoint", place_endpoint, on=other_control_planes, turns=one_by_one, needs=all_of_them),
    Phase("Leave the endpoint", leave_endpoint, on=the_control_plane_s_machine, needs=all_of_them),
    Phase("Endpoint elsewhere", endpoint_right, on=one_that_takes_over, needs=all_of_them),
    Phase("etcd member", leave_etcd, on=the_control_plane, needs=all_of_them),
    Phase("Reset", reset, on=the_machine, needs=all_of_them),
    Phase("Clean", clean, on=the_machine, needs=all_of_them),
    Phase("Node", forget, on=the_node, needs=all_of_them),
    Phase("Pod blocks", release, on=the_node, needs=all_of_them),
    Phase("No neighbour", no_neighbour, on=its_routers, needs=all_of_them),
    Phase("Verify endpoint", endpoint_right, on=one_that_is_left, needs=all_of_them),
    Phase("Verify both ends", verify, on=all_routers, needs=all_of_them),
    Phase("Verify nodes", verify_nodes, on=nodes_that_are_left, needs=all_of_them),
    Phase("Inventory", remind, on=the_node, needs=the_node),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "remove_node",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            describe=describe,
            opening=REMOVAL,
        )
    )
