"""The control planes are put back from a backup, onto the same machines or bare ones of the same names; then both ends are proved."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, control_planes, nodes, one_by_one, one_control_plane, workers
from kubepeer.runbook import run
from tasks.endpoint import one_that_asks
from tasks.endpoint_as_seen import verify_endpoint_when_built
from tasks.nodes.tasks import prepare, pull_images
from tasks.platforms.platform import PLATFORMS
from tasks.restore.arguments import OPENING
from tasks.restore.look import look_at_worker, observe, preflight, unless_put_back
from tasks.restore.steps import (
    bring_snapshot,
    clean,
    finish_identity,
    place_endpoint,
    put_files_back,
    restore_data,
    start,
    stop,
    wait_for_api,
    wait_for_nodes,
)
from tasks.restore.table import show, tell
from tasks.routes.nodes import nodes_to_ask, verify_pod_routes_when_settled
from tasks.routes.tasks import routers_to_ask, verify_when_settled

PHASES: list[Phase | Together] = [
    Together(Phase("Control planes", observe, on=control_planes), Phase("Workers", look_at_worker, on=workers)),
    Phase("Preflight", preflight, on=control_planes, needs=nodes),
    Phase("Prepare nodes", prepare, on=unless_put_back, needs=nodes),
    Phase("Pull images", pull_images, on=unless_put_back, needs=nodes),
    Phase("Snapshot", bring_snapshot, on=control_planes, needs=nodes),
    Phase("Stop", stop, on=control_planes, needs=nodes),
    Phase("Data of etcd", restore_data, on=control_planes, needs=nodes),
    Phase("Files", put_files_back, on=control_planes, needs=nodes),
    Phase("API endpoint", place_endpoint, on=control_planes, turns=one_by_one, needs=nodes),
    Phase("Start", start, on=control_planes, needs=nodes),
    Phase("API", wait_for_api, on=one_control_plane, needs=control_planes),
    Phase("Kubelets", finish_identity, on=control_planes, turns=one_by_one, needs=control_planes),
    Phase("Nodes", wait_for_nodes, on=one_control_plane, needs=control_planes),
    Phase("Verify endpoint", verify_endpoint_when_built, on=one_that_asks, needs=control_planes),
    Phase("Verify both ends", verify_when_settled, on=routers_to_ask, needs=control_planes),
    Phase("Verify nodes", verify_pod_routes_when_settled, on=nodes_to_ask, needs=control_planes),
    Phase("Clean", clean, on=control_planes, needs=control_planes),
]

if __name__ == "__main__":
    raise SystemExit(
        run("restore", PHASES, platforms=PLATFORMS, description=__doc__, show=show, tell=tell, opening=OPENING)
    )
