"""Take a node out without losing a connection attempt: the routers forget it first, then its pods move. undrain.py brings it back."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together
from kubepeer.runbook import run
from tasks.drain.eviction import evict
from tasks.drain.look import observe, preflight_drain
from tasks.drain.routers import gone, may_go
from tasks.drain.selection import DRAIN, all_of_them, its_routers, the_node
from tasks.drain.steps import cordon, exclude
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=the_node),
    Phase("Preflight", preflight_drain, on=the_node),
    Phase("Next hops", may_go, on=its_routers, needs=all_of_them),
    Phase("Exclude", exclude, on=the_node, needs=all_of_them),
    Phase("Next hops without it", gone, on=its_routers, needs=all_of_them),
    Phase("Cordon", cordon, on=the_node, needs=all_of_them),
    Phase("Evict pods", evict, on=the_node, needs=all_of_them),
]

if __name__ == "__main__":
    raise SystemExit(run("drain", PHASES, platforms=PLATFORMS, description=__doc__, opening=DRAIN))
