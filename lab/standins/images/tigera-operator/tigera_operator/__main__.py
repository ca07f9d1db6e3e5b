"""`tigera_operator [-manage-crds=true]` runs the operator."""

import logging
import sys

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError, Client
from cluster_api.log import log_to_standard_output
from cluster_api.termination import Termination

from tigera_operator import definitions
from tigera_operator.operator import Operator
from tigera_operator.release import Release

log = logging.getLogger("setup")


def main(arguments: list[str]) -> int:
    """Run until the kubelet says stop."""
    termination = Termination()
    log_to_standard_output()
    release, access = Release.from_environment(), Access.from_environment()
    log.info("Version: %s, Calico v%s", release.operator, release.calico)
    client = Client(access)
    managing = any(argument.lstrip("-") in {"manage-crds", "manage-crds=true"} for argument in arguments)
    try:
        if managing:
            definitions.install(client, release.calico)
        absent = definitions.settled(client, termination.asked, patient=managing)
    except (*UNREACHABLE, ApiError) as error:
        log.error("unable to start manager: %s: %s", type(error).__name__, error)  # noqa: TRY400  no traceback for a server that is away
        return 1
    client.close()
    if termination.asked.is_set():
        return 0
    if absent:
        log.error("problem running manager: if kind is a CRD, it should be installed before calling Start: %s", absent)
        return 1
    operator = Operator(access, release)
    termination.then(operator.stop)
    operator.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
