"""`calico_node` runs the node's agent, `calico_node install-cni` is its init container."""

import logging
import os
import sys
from pathlib import Path

from cluster_api.access import Access
from cluster_api.log import log_to_standard_output
from cluster_api.termination import Termination

from calico_node import cni, health
from calico_node.agent import Agent, Places
from calico_node.readiness import HEALTH_PORT
from calico_node.versions import Version


def main(arguments: list[str]) -> None:
    """Do what the container was started for."""
    log_to_standard_output()
    if arguments == ["install-cni"]:
        source = Path(os.environ.get("CNI_PLUGIN_DIR", "/usr/lib/cni"))
        installed = cni.install_plugins(source, Path(os.environ.get("CNI_BIN_DIR", "/opt/cni/bin")))
        logging.getLogger("install-cni").info("installed: %s", ", ".join(installed) or "nothing, all are in place")
        return
    termination = Termination()
    agent = Agent(Places.from_environment(), Access.from_environment(), Version.from_environment())
    termination.then(agent.stop)
    health.serve(
        int(os.environ.get("FELIX_HEALTHPORT", HEALTH_PORT)),
        {"readiness": agent.not_ready, "liveness": agent.not_alive},
    )
    agent.run()


if __name__ == "__main__":
    main(sys.argv[1:])
