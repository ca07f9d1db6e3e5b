"""What a backup says of itself, its first part: whose it is, of when, and what belongs to it. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kubepeer.errors import UsageError
from kubepeer.intent import Intent

FORM: Literal[1] = 1
DOCUMENT, SNAPSHOT, KEYS = "kubepeer-backup.json", "etcd/snapshot.db", "etcd/keys"
INVENTORY, NODES, ROUTERS, CLUSTER = "inventory", "nodes", "routers", "cluster"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kept(_Section):
    """A file of the backup: what its bytes are, and how it lay on its machine."""

    sha256: str
    size: int
    mode: str = ""
    owner: str = ""


class Snapshot(_Section):
    """Etcd's part.

    Attributes:
        member: the control plane that it was taken from.
        revision: etcd's, up to which it holds everything.
        hash: as etcdutl snapshot status tells it.
        keys: how many it has.

    """

    member: str
    revision: int
    hash: int
    keys: int
    size: int
    sha256: str


class ControlPlane(_Section):
    """A control plane by its inventory."""

    full_name: str
    address: str


class Document(_Section):
    """The whole.

    Attributes:
        kubepeer_backup: the form of this document.
        taken: when its snapshot was asked for.
        by: USER@HOST.
        ca: the hash of the CA's public key, as kubeadm's discovery knows it.
        endpoint: ADDRESS:PORT of the API.
        networks: of services, by which a cluster's apiserver was born.
        missing: hosts of the inventory that could not be asked.
        files: path in the backup -> what is there; the snapshot is not among them.

    """

    kubepeer_backup: Literal[1]
    cluster: str
    taken: datetime
    by: str
    kubernetes: str
    ca: str
    endpoint: str
    networks: tuple[str, ...]
    control_planes: dict[str, ControlPlane]
    missing: tuple[str, ...] = ()
    snapshot: Snapshot
    files: dict[str, Kept]

    @property
    def inventory(self) -> dict[str, str]:
        """Name of a file of the inventory -> its digest."""
        begin = f"{INVENTORY}/"
        return {path.removeprefix(begin): kept.sha256 for path, kept in self.files.items() if path.startswith(begin)}

    def of_node(self, name: str) -> dict[str, Kept]:
        """Absolute path on a node -> the file that lay there."""
        begin = f"{NODES}/{name}/"
        return {path[len(begin) - 1 :]: kept for path, kept in self.files.items() if path.startswith(begin)}


def kept(content: bytes, mode: str = "", owner: str = "") -> Kept:
    """What a document says of a file."""
    return Kept(sha256=hashlib.sha256(content).hexdigest(), size=len(content), mode=mode, owner=owner)


def node_path(name: str, path: str) -> str:
    """Where a node's file lies in a backup."""
    return f"{NODES}/{name}{path}"


def identity(intent: Intent) -> dict[str, object]:
    """The fields of a document that the inventory has."""
    return {
        "cluster": intent.cluster.name,
        "kubernetes": intent.software.kubernetes,
        "endpoint": intent.cluster.endpoint.at,
        "networks": tuple(map(str, intent.cluster.networks.every_services)),
        "control_planes": {
            node.name: ControlPlane(full_name=node.full_name, address=str(node.address))
            for node in intent.control_planes
        },
    }


def read(text: bytes) -> Document:
    """A document as it is written.

    Raises:
        UsageError: it is none, or one of a later form.

    """
    try:
        return Document.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{DOCUMENT}: {where}: {first['msg']}") from error


def written(document: Document) -> bytes:
    """The document as a file."""
    return document.model_dump_json(indent=1).encode()


def age(taken: datetime, now: datetime) -> str:
    """How old, in words."""
    seconds = max(0, int((now.astimezone(UTC) - taken.astimezone(UTC)).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s old"
    return f"{seconds} seconds old"


def differences(document: Document, intent: Intent, digests: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What is otherwise in the inventory than when the backup was made: what forbids a restore, and what is worth a word.

    Args:
        document: of the backup.
        intent: of the inventory.
        digests: name of a file of the inventory -> SHA-256.

    """
    stands, refused = identity(intent), []
    for what, key in (("cluster.name", "cluster"), ("the networks of services", "networks")):
        if (then := getattr(document, key)) != stands[key]:
            refused.append(f"{what} is {_shown(stands[key])} in the inventory, and was {_shown(then)}")
    for name, one in document.control_planes.items():
        node = next((node for node in intent.control_planes if node.name == name), None)
        if node is None:
            refused.append(f"{name} was a control plane, and is none in the inventory")
        elif (node.full_name, str(node.address)) != (one.full_name, one.address):
            refused.append(
                f"{name} is {node.full_name} at {node.address} in the inventory, and was {one.full_name} at {one.address}"
            )
    refused += [
        f"{node.name} is a control plane in the inventory, and was none"
        for node in intent.control_planes
        if node.name not in document.control_planes
    ]
    if _minor(document.kubernetes) != _minor(intent.software.kubernetes):
        refused.append(
            f"software.kubernetes is {intent.software.kubernetes}, and the backup is of {document.kubernetes}: another minor version"
        )
    remarks = [
        f"{name} of the inventory has changed since the backup"
        for name, digest in digests.items()
        if document.inventory.get(name) != digest
    ]
    if document.endpoint != stands["endpoint"]:
        remarks.append(f"the API's endpoint is {stands['endpoint']}, and was {document.endpoint}")
    return refused, remarks


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
