"""A small backup as tests want it: of a cluster of three control planes, with real certificates."""

import functools
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.backup import archive
from tasks.backup import document as documents
from tasks.backup.document import KEYS, Document, kept, node_path
from tasks.control_plane.join_secrets import ca_hash
from tests.unit.certificates.authority import kubeconfig_line, pem

TAKEN = datetime(2026, 11, 26, 12, tzinfo=UTC)
SNAPSHOT = bytes(range(256)) * 5000
MASTERS = tuple(f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3))
CA = pem("kubernetes", 3650, authority=True)
ETCD_MANIFEST = "spec:\n  containers:\n  - command:\n    - etcd\n    image: registry.k8s.io/etcd:3.6.8-0\n"


@functools.cache
def node_files(days: float = 300) -> dict[str, str]:
    """A control plane's files."""
    folder = "/etc/kubernetes"
    return {
        f"{folder}/pki/ca.crt": CA,
        f"{folder}/pki/ca.key": "the key of the CA\n",
        f"{folder}/pki/sa.key": "the key of service accounts\n",
        f"{folder}/pki/apiserver.crt": pem("kube-apiserver", days),
        f"{folder}/pki/apiserver.key": "the key of the apiserver\n",
        f"{folder}/admin.conf": kubeconfig_line(pem("kubernetes-admin", days)),
        f"{folder}/kubelet.conf": "of the kubelet\n",
        f"{folder}/manifests/etcd.yaml": ETCD_MANIFEST,
        f"{folder}/manifests/kube-apiserver.yaml": "of the apiserver\n",
        f"{folder}/kubepeer/apiserver/encryption.yaml": "the keys of the encryption\n",
        f"{folder}/kubepeer/record": "what was written\n",
        "/etc/keepalived/keepalived.conf": "the password of VRRP\n",
        "/var/lib/kubelet/config.yaml": "of the kubelet\n",
    }


def parts(nodes: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, bytes]:
    """Path in the backup -> its bytes."""
    nodes = {name: node_files() for name in MASTERS} if nodes is None else nodes
    found = {
        "inventory/hosts.yaml": b"hosts",
        "inventory/groups.yaml": b"groups",
        "inventory/defaults.yaml": b"defaults",
    }
    found[KEYS] = b"3 namespaces/default\n"
    found |= {node_path(name, path): text.encode() for name, files in nodes.items() for path, text in files.items()}
    return found | {"routers/openwrt/running": b"hostname openwrt\n"}


def document(files: Mapping[str, bytes], **fields: Any) -> Document:
    """What the backup says of itself; keywords are laid over it."""
    planes = {
        name: {"full_name": f"{name}.tinychen.io", "address": f"10.31.90.{number}"}
        for number, name in enumerate(MASTERS, start=1)
    }
    said: dict[str, Any] = {
        "kubepeer_backup": 1,
        "cluster": "seed",
        "taken": TAKEN,
        "by": "root@controller",
        "kubernetes": "1.26.0",
        "ca": ca_hash(CA),
        "endpoint": "10.31.90.0:8443",
        "networks": ("10.33.128.0/18",),
        "control_planes": planes,
        "snapshot": {
            "member": MASTERS[0],
            "revision": 100,
            "hash": 7,
            "keys": 1,
            "size": len(SNAPSHOT),
            "sha256": kept(SNAPSHOT).sha256,
        },
        "files": {path: kept(content, "600", "root:root") for path, content in files.items()},
    }
    return documents.read(documents.Document.model_validate({**said, **fields}).model_dump_json().encode())


def packed(files: Mapping[str, bytes] | None = None, said: Document | None = None, snapshot: bytes = SNAPSHOT) -> bytes:
    """The file."""
    files = parts() if files is None else files
    sink = io.BytesIO()
    archive.write(sink, said or document(files), files, io.BytesIO(snapshot))
    return sink.getvalue()
