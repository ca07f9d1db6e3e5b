"""Bring a node back that drain.py took out: its pods may come, it works, its sessions are up; then the routers send to it again."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together
from kubepeer.runbook import run
from tasks.drain.look import observe, preflight_undrain
from tasks.drain.routers import back, sessions
from tasks.drain.selection import UNDRAIN, all_of_them, its_routers, the_node
from tasks.drain.steps import include, ready, uncordon
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=the_node),
    Phase("Preflight", preflight_undrain, on=the_node),
    Phase("Uncordon", uncordon, on=the_node, needs=all_of_them),
    Phase("Node works", ready, on=the_node, needs=all_of_them),
    Phase("Sessions", sessions, on=its_routers, needs=all_of_them),
    Phase("Include", include, on=the_node, needs=all_of_them),
    Phase("Next hops with it", back, on=its_routers, needs=all_of_them),
]

if __name__ == "__main__":
    raise SystemExit(run("undrain", PHASES, platforms=PLATFORMS, description=__doc__, opening=UNDRAIN))
