"""The API server as seen from one node: what stands there, and the few things that calico-node writes."""

import base64
import binascii
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from cluster_api.access import Access
from cluster_api.client import STRATEGIC_PATCH, Client
from cluster_api.objects import Json, annotations, name, status
from cluster_api.watch import Watch

from calico_node import versions
from calico_node.bgp import PasswordReference
from calico_node.ipam import AFFINITIES, CALICO, IPAM_BLOCKS, Ipam
from calico_node.versions import Version


def paths(version: Version) -> dict[str, str]:
    """Say what is watched; a kind that came after this version is not."""
    found = {
        "nodes": "/api/v1/nodes",
        "pools": f"{CALICO}/ippools",
        "configurations": f"{CALICO}/bgpconfigurations",
        "peers": f"{CALICO}/bgppeers",
        "affinities": AFFINITIES,
        "ipam_blocks": IPAM_BLOCKS,
        "services": "/api/v1/services",
        "endpoints": "/api/v1/endpoints",
    }
    if version.has(versions.FILTERS):
        found["filters"] = f"{CALICO}/bgpfilters"
    if version.has(versions.SLICES_WITHOUT_READINESS):
        found["endpoints"] = "/apis/discovery.k8s.io/v1/endpointslices"
    return found


@dataclass(frozen=True)
class Snapshot:
    """All objects that matter to a node, at one moment."""

    nodes: list[Json]
    pools: list[Json]
    configurations: list[Json]
    peers: list[Json]
    affinities: list[Json]
    ipam_blocks: list[Json]
    services: list[Json]
    endpoints: list[Json]
    filters: list[Json]

    def node(self, node_name: str) -> Json | None:
        """Find a Node."""
        return next((item for item in self.nodes if name(item) == node_name), None)


class Datastore:
    """Reads by watches, writes by requests."""

    def __init__(self, access: Access, namespace: str, version: Version, changed: threading.Event) -> None:
        self._access = access
        self._namespace = namespace
        self._changed = changed
        self._client = Client(access)
        self._watches = {kind: Watch(access, path, changed).start() for kind, path in paths(version).items()}
        self._secrets: dict[str, Watch] = {}
        self.ipam = Ipam(self._client)

    def snapshot(self) -> Snapshot | None:
        """Take what is known, once every kind has been listed at least once."""
        if not all(watch.listed for watch in self._watches.values()):
            return None
        listed = {kind: watch.objects() for kind, watch in self._watches.items()}
        return Snapshot(**({"filters": []} | listed))

    def passwords(self, references: Iterable[PasswordReference]) -> dict[PasswordReference, str]:
        """Read the passwords that can be read; each Secret is watched by its name, which is all that RBAC may allow."""
        wanted = list(references)
        for secret in {reference.secret for reference in wanted} - self._secrets.keys():
            path = f"/api/v1/namespaces/{self._namespace}/secrets"
            self._secrets[secret] = Watch(self._access, path, self._changed, f"metadata.name={secret}").start()
        for secret in self._secrets.keys() - {reference.secret for reference in wanted}:
            self._secrets.pop(secret).stop()
        if not all(watch.answered for watch in self._secrets.values()):
            raise LookupError("the Secrets with BGP passwords are not read yet")
        found = {reference: self._password(reference) for reference in wanted}
        return {reference: password for reference, password in found.items() if password is not None}

    def _password(self, reference: PasswordReference) -> str | None:
        for item in self._secrets[reference.secret].objects():
            try:
                return base64.b64decode(item["data"][reference.key]).decode()
            except (KeyError, binascii.Error, UnicodeDecodeError):
                return None
        return None

    def annotate(self, item: Json, wanted: dict[str, str]) -> None:
        """Write annotations of a Node where they are others: how Calico's nodes tell each other their addresses."""
        if not wanted.items() <= annotations(item).items():
            self._client.patch(f"/api/v1/nodes/{name(item)}", {"metadata": {"annotations": wanted}})

    def declare_network_available(self, item: Json) -> None:
        """Set the node's condition NetworkUnavailable to False, as calico-node does once it is up."""
        for condition in status(item).get("conditions") or []:
            if condition["type"] == "NetworkUnavailable" and condition["status"] == "False":
                return
        condition = {"type": "NetworkUnavailable", "status": "False", "reason": "CalicoIsUp"}
        condition["message"] = "Calico is running on this node"
        path = f"/api/v1/nodes/{name(item)}/status"
        self._client.patch(path, {"status": {"conditions": [condition]}}, STRATEGIC_PATCH)
