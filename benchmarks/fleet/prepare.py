"""deploy.py's phases up to the nodes' preparation: what workers have a part in."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, nodes
from kubepeer.runbook import run
from tasks.nodes.tasks import prepare
from tasks.observe import observe, preflight
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("Observe", observe, on=nodes),
    Phase("Preflight", preflight, on=nodes),
    Phase("Prepare nodes", prepare, on=nodes),
]

if __name__ == "__main__":
    raise SystemExit(run("prepare", PHASES, platforms=PLATFORMS, description=__doc__))
