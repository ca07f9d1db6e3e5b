"""deploy.py's first phase alone, on all nodes: what bare SSH is measured against."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, nodes
from kubepeer.runbook import run
from tasks.observe import observe
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [Phase("Observe", observe, on=nodes)]

if __name__ == "__main__":
    raise SystemExit(run("observe", PHASES, platforms=PLATFORMS, description=__doc__))
