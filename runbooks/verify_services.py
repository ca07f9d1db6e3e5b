"""Prove the data path: traffic from outside, from nodes and from pods to every address of the workload, counted and explained."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.opening import Opening
from kubepeer.phases import Phase, Purpose, Together
from kubepeer.runbook import run
from tasks.platforms.platform import PLATFORMS
from tasks.services.arguments import arguments
from tasks.services.table import show
from tasks.services.tasks import all_nodes, clean_up, look, one_that_reads, read, send, sources
from tasks.services.temporary import meet
from tasks.services.verdict import ask_for_causes, conclude, suspects, tell

PHASES: list[Phase | Together] = [
    Together(
        Phase("Read the workload", read, on=one_that_reads),
        Phase("Look at the nodes", look, on=all_nodes),
    ),
    Phase("Send traffic", send, on=sources, needs=one_that_reads),
    Phase("Ask for causes", ask_for_causes, on=suspects),
    Phase("Clean up", clean_up, on=one_that_reads),
    Phase("Conclude", conclude, on=sources, needs=one_that_reads),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "verify_services",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            tell=tell,
            purpose=Purpose.VERIFY,
            opening=Opening(arguments=arguments, meet=meet, probes=True),
        )
    )
