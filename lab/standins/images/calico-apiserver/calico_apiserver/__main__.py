"""`calico_apiserver` serves projectcalico.org/v3 to kube-apiserver."""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from cluster_api.access import Access
from cluster_api.client import UNREACHABLE, ApiError, Client
from cluster_api.log import log_to_standard_output

from calico_apiserver.authentication import FrontProxy
from calico_apiserver.kinds import Kind, kinds
from calico_apiserver.server import Server
from calico_apiserver.serving import Service
from calico_apiserver.store import Store

PORT = 5443
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RETRY_SECONDS = 1.0

log = logging.getLogger("calico_apiserver")


def _learn(client: Client) -> tuple[FrontProxy, dict[str, Kind]]:
    """Read who may ask and what there is; a cluster that has just started may not answer at once."""
    while True:
        try:
            return FrontProxy.read(client), kinds(client.get(DEFINITIONS)["items"])
        except (*UNREACHABLE, ApiError) as error:
            log.warning("%s: %s", type(error).__name__, error)
            time.sleep(RETRY_SECONDS)


def main() -> int:
    """Run until the kubelet says stop."""
    log_to_standard_output()
    version = os.environ["CALICO_VERSION"].removeprefix("v")
    certificates = Path(os.environ.get("CERTIFICATES_FOLDER", "/calico-apiserver-certs"))
    access = Access.from_environment()
    client = Client(access)
    proxy, served = _learn(client)
    client.close()
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
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        log.info("Calico v%s: serving %s on port %d", version, ", ".join(sorted(served)), port)
        server.serve_forever(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
