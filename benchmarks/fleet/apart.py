"""Observe and Prepare nodes alone: the part of deploy.py that workers may have; what passed the wire is told on standard error."""

import logging

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, nodes
from kubepeer.runbook import run
from tasks.nodes.tasks import prepare
from tasks.observe import observe
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [Phase("Observe", observe, on=nodes), Phase("Prepare nodes", prepare, on=nodes)]

if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    logging.getLogger("kubepeer.workers").setLevel(logging.INFO)
    raise SystemExit(run("apart", PHASES, platforms=PLATFORMS, description=__doc__))
