"""How long the certificates of all nodes are valid yet; with --renew, what is due is renewed, one control plane after the other."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, control_planes, nodes, one_by_one
from kubepeer.runbook import run
from tasks.certificates.arguments import OPENING
from tasks.certificates.table import show, tell
from tasks.certificates.tasks import observe, refuse_early, renew, renew_kubelets, verify_again
from tasks.control_plane.kubelets import first_alone
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Phase("Certificates", observe, on=nodes),
    Phase("Preflight", refuse_early, on=control_planes, needs=control_planes),
    Phase("Renew", renew, on=control_planes, turns=one_by_one, needs=control_planes),
    Phase("Kubelets", renew_kubelets, on=nodes, turns=first_alone, needs=control_planes),
    Phase("Verify", verify_again, on=nodes),
]

if __name__ == "__main__":
    raise SystemExit(
        run("certificates", PHASES, platforms=PLATFORMS, description=__doc__, show=show, tell=tell, opening=OPENING)
    )
