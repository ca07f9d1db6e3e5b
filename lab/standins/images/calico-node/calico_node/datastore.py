"""The API server as seen from one node: what stands there, and the few things that calico-node writes."""

import base64
import binascii
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Interface, IPv4Network

from cluster_api.access import Access
from cluster_api.client import STRATEGIC_PATCH, ApiError, Client
from cluster_api.objects import Json, annotations, name, status
from cluster_api.watch import Watch

from calico_node import blocks
from calico_node.bgp import PasswordReference
from calico_node.resources import ADDRESS_ANNOTATION, TUNNEL_ADDRESS_ANNOTATION, Pool
from calico_node.resources import blocks as read_blocks

AFFINITIES = "/apis/crd.projectcalico.org/v1/blockaffinities"
_PATHS = {
    "nodes": "/api/v1/nodes",
    "pools": "/apis/projectcalico.org/v3/ippools",
    "configurations": "/apis/projectcalico.org/v3/bgpconfigurations",
    "peers": "/apis/projectcalico.org/v3/bgppeers",
    "affinities": AFFINITIES,
    "services": "/api/v1/services",
    "endpoints": "/api/v1/endpoints",
}


@dataclass(frozen=True)
class Snapshot:
    """All objects that matter to a node, at one moment."""

    nodes: list[Json]
    pools: list[Json]
    configurations: list[Json]
    peers: list[Json]
    affinities: list[Json]
    services: list[Json]
    endpoints: list[Json]

    def node(self, node_name: str) -> Json | None:
        """Find a Node."""
        return next((item for item in self.nodes if name(item) == node_name), None)


class Datastore:
    """Reads by watches, writes by requests."""

    def __init__(self, access: Access, namespace: str, changed: threading.Event) -> None:
        self._access = access
        self._namespace = namespace
        self._changed = changed
        self._client = Client(access)
        self._watches = {kind: Watch(access, path, changed).start() for kind, path in _PATHS.items()}
        self._secrets: dict[str, Watch] = {}

    def snapshot(self) -> Snapshot | None:
        """Take what is known, once every kind has been listed at least once."""
        if not all(watch.listed for watch in self._watches.values()):
            return None
        return Snapshot(**{kind: watch.objects() for kind, watch in self._watches.items()})

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

    def claim_block(self, node_name: str, pool: Pool) -> IPv4Network:
        """Hold a block: the first free one in the node's own order that no other node creates before us."""
        standing = read_blocks(self._client.get(AFFINITIES)["items"])
        for own in blocks.own_blocks(node_name, standing):
            return own  # an earlier request had arrived although its answer had not
        for candidate in blocks.candidates(node_name, pool, (block.cidr for block in standing)):
            try:
                self._client.create(AFFINITIES, dict(blocks.affinity(node_name, candidate)))
            except ApiError as error:
                if error.code == HTTPStatus.CONFLICT:
                    continue
                raise
            return candidate
        raise LookupError(f"pool {pool.name} ({pool.cidr}) has no free block of /{pool.block_size}")

    def announce_node(self, item: Json, address: IPv4Interface, block: IPv4Network | None) -> None:
        """Tell the other nodes this node's address and tunnel address, in the annotations that Calico uses."""
        wanted = {ADDRESS_ANNOTATION: str(address)}
        if block is not None:
            wanted[TUNNEL_ADDRESS_ANNOTATION] = str(blocks.tunnel_address(block))
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
