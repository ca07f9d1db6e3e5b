"""New passwords of the BGP sessions and of VRRP, at both ends: one router after the other, and the API's address never without a holder."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, one_by_one
from kubepeer.runbook import run
from tasks.endpoint import verify_endpoint
from tasks.platforms.platform import PLATFORMS
from tasks.rotation.exchange import bring, exchange, keep
from tasks.rotation.look import observe, preflight
from tasks.rotation.order import show
from tasks.rotation.selection import (
    ROTATION,
    everyone,
    holder_last,
    one_that_asks,
    one_that_writes,
    routers,
    virtual_routers,
)
from tasks.rotation.virtual_router import one_holder, preflight_endpoint, reload, restart, write
from tasks.routes.table import describe
from tasks.routes.tasks import verify_when_settled

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=everyone),
    Phase("Endpoint", verify_endpoint, on=one_that_asks, needs=everyone),
    Phase("keepalived", preflight_endpoint, on=virtual_routers, needs=everyone),
    Phase("Both ends", preflight, on=routers, needs=everyone),
    Phase("New key", bring, on=one_that_writes, needs=everyone),
    Phase("Sessions", exchange, on=routers, turns=one_by_one, needs=everyone),
    Phase("Usual key", keep, on=one_that_writes, needs=everyone),
    Phase("Write keepalived's file", write, on=virtual_routers, needs=everyone),
    Phase("Reload keepalived", reload, on=virtual_routers, needs=everyone),
    Phase("One holder", one_holder, on=one_that_asks, needs=everyone),
    Phase("keepalived's pod", restart, on=virtual_routers, turns=holder_last, needs=everyone),
    Phase("Verify endpoint", verify_endpoint, on=one_that_asks, needs=everyone),
    Phase("Verify both ends", verify_when_settled, on=routers, needs=everyone),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "rotate_passwords",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            describe=describe,
            opening=ROTATION,
        )
    )
