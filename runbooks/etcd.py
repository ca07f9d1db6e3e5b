"""etcd's members, their leader, sizes and alarms; with --defragment, what is free in their databases is given back, one after the other."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together
from kubepeer.runbook import run
from tasks.etcd.arguments import OPENING, control_planes, one_that_is_asked
from tasks.etcd.table import show, tell, turns
from tasks.etcd.tasks import compact, defragment, disarm, look, observe, refuse_early, verify
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("etcd", look, on=one_that_is_asked),
    Phase("Observe", observe, on=control_planes, needs=one_that_is_asked),
    Phase("Preflight", refuse_early, on=one_that_is_asked, needs=control_planes),
    Phase("Compact", compact, on=one_that_is_asked, needs=control_planes),
    Phase("Defragment", defragment, on=control_planes, turns=turns, needs=control_planes),
    Phase("Alarm", disarm, on=one_that_is_asked, needs=control_planes),
    Phase("Verify", verify, on=one_that_is_asked),
]

if __name__ == "__main__":
    raise SystemExit(
        run("etcd", PHASES, platforms=PLATFORMS, description=__doc__, show=show, tell=tell, opening=OPENING)
    )
