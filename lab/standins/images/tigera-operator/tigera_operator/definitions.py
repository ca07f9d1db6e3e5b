"""The custom resource definitions: installed by the operator itself from 3.30 on, when it is told to; else they must be there."""

import logging
import os
import re
import threading
import time
from pathlib import Path

from cluster_api.client import ApiError, Client
from cluster_api.versions import number

FOLDER = Path(os.environ.get("DEFINITIONS_FOLDER", "/opt/standin/crds"))
MANAGER = "operator"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NEEDED = {
    "/apis/operator.tigera.io/v1/installations": ("Installation", "operator.tigera.io/v1"),
    "/apis/operator.tigera.io/v1/apiservers": ("APIServer", "operator.tigera.io/v1"),
    "/apis/operator.tigera.io/v1/tigerastatuses": ("TigeraStatus", "operator.tigera.io/v1"),
    "/apis/crd.projectcalico.org/v1/ippools": ("IPPool", "crd.projectcalico.org/v1"),
    "/apis/crd.projectcalico.org/v1/bgpconfigurations": ("BGPConfiguration", "crd.projectcalico.org/v1"),
}
SETTLE_SECONDS, ASK_SECONDS = 30.0, 0.5

log = logging.getLogger(__name__)


def documents(text: str) -> dict[str, str]:
    """Take a file with several documents apart: the YAML of each by its metadata.name, the first line `  name: NAME`."""
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    return {match.group(1): part for part in parts if (match := re.search(r"^  name: (\S+)$", part, re.MULTILINE))}


def file_for(version: str, folder: Path = FOLDER) -> Path | None:
    """Find the newest file of definitions that is not newer than the release."""
    known = {number(file.stem): file for file in folder.glob("*.yaml")}
    fitting = [release for release in known if release[:2] <= number(version)[:2]]
    return known[max(fitting)] if fitting else None


def install(client: Client, version: str) -> None:
    """Apply all definitions of the release."""
    file = file_for(version)
    if file is None:
        return
    for title, text in documents(file.read_text()).items():
        client.apply(f"{DEFINITIONS}/{title}", text, MANAGER)
    log.info("installed the definitions of %s", file.name)


def missing(client: Client) -> str:
    """Say which kind that the operator cannot do without is not served, in the words of the real one's library."""
    for path, (kind, version) in NEEDED.items():
        if client.find(path) is None:
            return f'no matches for kind "{kind}" in version "{version}"'
    return ""


def settled(client: Client, stopping: threading.Event, *, patient: bool) -> str:
    """Say what is missing; a server that has just learned of a kind gets a moment, and a patient caller waits for all."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            absent, settling = missing(client), patient
        except ApiError as error:  # 429: the kind's storage initializes
            absent, settling = str(error), True
        if not absent or not settling or time.monotonic() > deadline or stopping.wait(ASK_SECONDS):
            return absent
