"""What the plugin starts: the phases of runbooks/verify_routes.py, with the command line that all runbooks have.

A process of its own: it enters the network namespace that config.yaml names, ends at once when it is interrupted, and loads what reads
routers. None of that is for a process in which other people's tests run.
"""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Purpose, Together, UntilItHolds
from kubepeer.runbook import run
from tasks.endpoint import one_that_asks, verify_endpoint
from tasks.platforms.platform import PLATFORMS
from tasks.routes.nodes import nodes_to_ask, verify_pod_routes
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
        run("verify_routes", PHASES, platforms=PLATFORMS, description=__doc__ or "", purpose=Purpose.VERIFY)
    )
