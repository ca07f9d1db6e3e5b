"""Take a whole cluster away: routers as they were before it, machines bare again; asked for by its name, all of it or nothing."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, chosen, one_of_each_redundancy_group, routers
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS
from tasks.reset.look import everybody, observe, one_in_whose_name, preflight
from tasks.reset.machine import clean, give_back, reset, take_packages, verify
from tasks.reset.selection import (
    RESET,
    machines,
    of_first_control_plane,
    of_other_control_planes,
    of_workers,
)
from tasks.routers import withdrawal
from tasks.routers.withdrawal import refuse_early, withdraw

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=chosen),
    Phase("Preflight", preflight, on=one_in_whose_name, needs=everybody),
    Phase("Routers", refuse_early, on=routers, needs=everybody),
    Phase("Router neighbours", withdraw, on=routers, turns=one_of_each_redundancy_group, needs=everybody),
    Phase("Verify routers", withdrawal.verify, on=routers, needs=everybody),
    Phase("Workers", reset, on=of_workers, needs=everybody),
    Phase("Other control planes", reset, on=of_other_control_planes, needs=everybody),
    Phase("First control plane", reset, on=of_first_control_plane, needs=everybody),
    Phase("Clean", clean, on=machines, needs=everybody),
    Phase("Owners' files", give_back, on=machines, needs=everybody),
    Phase("Packages", take_packages, on=machines, needs=everybody),
    Phase("Verify machines", verify, on=machines, needs=everybody),
]

if __name__ == "__main__":
    raise SystemExit(run("reset", PHASES, platforms=PLATFORMS, description=__doc__, opening=RESET))
