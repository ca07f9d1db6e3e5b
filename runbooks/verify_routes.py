"""Prove the routes: every prefix of the cluster on every router, with exactly the right next hops, in BGP, RIB and kernel."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.opening import Opening
from kubepeer.phases import Phase, Purpose, Together, UntilItHolds
from kubepeer.runbook import run
from tasks.adopt.known import know_members
from tasks.endpoint import one_that_asks, verify_endpoint
from tasks.platforms.platform import PLATFORMS
from tasks.routes import records
from tasks.routes.nodes import nodes_to_ask, verify_pod_routes
from tasks.routes.table import describe
from tasks.routes.tasks import routers_to_ask, verify

PHASES: list[Phase | Together] = [
    UntilItHolds(
        Phase("Verify routes", verify, on=routers_to_ask),
        Phase("Verify endpoint", verify_endpoint, on=one_that_asks),
        Phase("Verify nodes", verify_pod_routes, on=nodes_to_ask),
    )
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "verify_routes",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=records.show,
            describe=describe,
            tell=records.tell,
            purpose=Purpose.VERIFY,
            opening=Opening(arguments=records.arguments, selection=records.with_snapshot, runner=records.run),
            members=know_members,
        )
    )
