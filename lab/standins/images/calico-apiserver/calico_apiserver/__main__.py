"""`calico_apiserver` serves projectcalico.org/v3 to kube-apiserver."""

import logging
import os
import sys
from pathlib import Path

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError, Client
from cluster_api.log import log_to_standard_output
from cluster_api.loop import until_answered
from cluster_api.termination import Termination

from calico_apiserver.authentication import FrontProxy
from calico_apiserver.kinds import Kind, kinds
from calico_apiserver.server import Server
from calico_apiserver.serving import Service
from calico_apiserver.store import Store

PORT = 5443
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LOOK_SECONDS = 1.0
"""How often the server looks whether it is to end: the kubelet kills after 30 s."""

log = logging.getLogger("calico_apiserver")


def _learn(client: Client) -> tuple[FrontProxy, dict[str, Kind]]:
    """Read who may ask and what there is."""
    return FrontProxy.read(client), kinds(client.get(DEFINITIONS)["items"])


def main() -> int:
    """Run until the kubelet says stop."""
    termination = Termination()
    log_to_standard_output()
    version = os.environ["CALICO_VERSION"].removeprefix("v")
    certificates = Path(os.environ.get("CERTIFICATES_FOLDER", "/calico-apiserver-certs"))
    access = Access.from_environment()
    client = Client(access)
    learned = until_answered(
        lambda: _learn(client), termination.asked
    )  # a cluster that has just started may not answer at once
    client.close()
    if learned is None:
        return 0
    proxy, served = learned
    store = Store(access)

    def ready() -> str:
        try:
            store.client.demand_ready()
        except (*UNREACHABLE, ApiError) as error:
            return f"the datastore does not answer: {error}"
        return ""

    context = proxy.context(str(certificates / "tls.crt"), str(certificates / "tls.key"))
    port = int(os.environ.get("APISERVER_PORT", PORT))
    with Server(port, Service(store, served, version), proxy, context, ready) as server:
        termination.then(server.shutdown)
        log.info("Calico v%s: serving %s on port %d", version, ", ".join(sorted(served)), port)
        server.serve_forever(LOOK_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
