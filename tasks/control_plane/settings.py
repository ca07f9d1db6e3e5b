"""What the inventory adds to kubeadm: fields of its configuration, patches, and the files that the apiserver reads. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from kubepeer import versions
from kubepeer.intent import Intent, Node
from kubepeer.intent.kubeadm import Component, Patch

FOLDER = "/etc/kubernetes/kubepeer"
PATCHES_FOLDER = f"{FOLDER}/patches"
APISERVER_FOLDER = f"{FOLDER}/apiserver"  # the apiserver sees it at the same place
AUDIT_FILE, ADMISSION_FILE, ENCRYPTION_FILE = (
    f"{APISERVER_FOLDER}/{name}.yaml" for name in ("audit-policy", "admission", "encryption")
)
ETCD_FOLDER = "/etc/kubernetes/pki/external-etcd"  # in the folder that kubeadm mounts into the apiserver
ETCD_CA, ETCD_CERTIFICATE, ETCD_KEY = (f"{ETCD_FOLDER}/{name}" for name in ("ca.crt", "client.crt", "client.key"))
FILES_ANNOTATION = "kubepeer.io/files"
HEAD = "# Written by Kubepeer. The next run restores it.\n"

APISERVER, CONTROLLER_MANAGER, SCHEDULER, ETCD = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
)
# Static pod -> its section in kubeadm's ClusterConfiguration, and in the inventory.
SECTIONS: Mapping[str, tuple[str, str]] = {
    ETCD: ("etcd", "etcd"),
    APISERVER: ("apiServer", "api_server"),
    CONTROLLER_MANAGER: ("controllerManager", "controller_manager"),
    SCHEDULER: ("scheduler", "scheduler"),
}
COMPONENTS = tuple(SECTIONS)  # in the order in which they are changed
Fields = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What is not in the inventory itself, but where it points to.

    Attributes:
        encryption: the text of the EncryptionConfiguration of a control plane; None for none.
        etcd: path on the node -> text, of the files for an external etcd.

    """

    encryption: str | None = None
    etcd: Mapping[str, str] = field(default_factory=dict)


NOTHING_GIVEN = Given()


@dataclass(frozen=True)
class SettingsFile:
    """A file that the apiserver reads when it starts."""

    path: str
    text: str
    secret: bool = False

    @property
    def mode(self) -> str:
        """Of a secret: for root alone."""
        return "600" if self.secret else "644"


def files(intent: Intent, given: Given) -> tuple[SettingsFile, ...]:
    """The files that the apiserver reads, on every control plane."""
    found = []
    settings = intent.kubeadm
    if settings.audit is not None:
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"} | settings.audit.policy
        found.append(SettingsFile(AUDIT_FILE, _yaml(policy)))
    if settings.admission:
        plugins = [{"name": name, "configuration": one} for name, one in settings.admission.items()]
        configuration = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration"}
        found.append(SettingsFile(ADMISSION_FILE, _yaml(configuration | {"plugins": plugins})))
    if given.encryption is not None:
        found.append(SettingsFile(ENCRYPTION_FILE, given.encryption, secret=True))
    found += [SettingsFile(path, text, secret=path == ETCD_KEY) for path, text in given.etcd.items()]
    return tuple(found)


def _yaml(document: Mapping[str, Any]) -> str:
    return HEAD + yaml.safe_dump(dict(document), sort_keys=False, default_flow_style=False)


def cluster_fields(intent: Intent, given: Given = NOTHING_GIVEN) -> dict[str, Fields]:
    """Section of ClusterConfiguration -> what is added to it, in the form of the version; sections without anything are left out."""
    found = {
        "apiServer": _apiserver(intent, given),
        "controllerManager": _arguments(intent, intent.kubeadm.controller_manager),
        "scheduler": _arguments(intent, intent.kubeadm.scheduler),
        "etcd": _etcd(intent),
    }
    return {name: fields for name, fields in found.items() if fields}


def _apiserver(intent: Intent, given: Given) -> Fields:
    audit, own, volumes = intent.kubeadm.audit, dict[str, str](), list[Fields]()
    if audit is not None:
        own |= {
            "audit-policy-file": AUDIT_FILE,
            "audit-log-path": audit.log,
            "audit-log-maxage": str(audit.max_age_days),
            "audit-log-maxbackup": str(audit.max_backups),
            "audit-log-maxsize": str(audit.max_size_megabytes),
        }
        folder = audit.log.rpartition("/")[0]
        volumes.append(_volume("kubepeer-audit-log", folder, "DirectoryOrCreate", read_only=False))
    if intent.kubeadm.admission:
        own["admission-control-config-file"] = ADMISSION_FILE
    if given.encryption is not None:
        own["encryption-provider-config"] = ENCRYPTION_FILE
    if {AUDIT_FILE, ADMISSION_FILE, ENCRYPTION_FILE} & set(own.values()):
        # the folder, not the files: a mounted file would stay the old one when it is replaced
        volumes.append(_volume("kubepeer", APISERVER_FOLDER, "Directory", read_only=True))
    fields = _arguments(intent, intent.kubeadm.api_server, own)
    return fields | ({"extraVolumes": volumes} if volumes else {})


def _volume(name: str, path: str, kind: str, *, read_only: bool) -> Fields:
    return {"name": name, "hostPath": path, "mountPath": path, "readOnly": read_only, "pathType": kind}


def _etcd(intent: Intent) -> Fields:
    external = intent.kubeadm.external_etcd
    if external is not None:
        files = {"caFile": ETCD_CA, "certFile": ETCD_CERTIFICATE, "keyFile": ETCD_KEY}
        return {"external": {"endpoints": list(external.endpoints), **files}}
    fields = _arguments(intent, intent.kubeadm.etcd)
    return {"local": fields} if fields else {}


def _arguments(intent: Intent, component: Component, own: Mapping[str, str] | None = None) -> Fields:
    pairs = [(name, value) for name, values in component.extra_args.items() for value in values]
    pairs = sorted([*pairs, *(own or {}).items()], key=lambda pair: pair[0])
    v1beta4 = versions.has("kubeadm", intent.software.kubernetes, "v1beta4")
    return {"extraArgs": in_form(pairs, v1beta4=v1beta4)} if pairs else {}


def in_form(pairs: Sequence[tuple[str, str]], *, v1beta4: bool) -> Any:
    """Arguments as kubeadm's API has them: a list of names and values from v1beta4 on, a mapping before."""
    return [{"name": name, "value": value} for name, value in pairs] if v1beta4 else dict(pairs)


def patches(intent: Intent, node: Node, given: Given = NOTHING_GIVEN) -> dict[str, str]:
    """Name -> text of the files that kubeadm patches with on this node (kubeadm: --patches, target[suffix][+patchtype].extension)."""
    found: dict[str, str] = {}
    if node.role == "control_plane":
        settings = intent.kubeadm
        targets = {name: getattr(settings, section).patches for name, (_, section) in SECTIONS.items()}
        for target, listed in {**targets, "corednsdeployment": settings.core_dns.patches}.items():
            found |= _numbered(target, listed)
        if marked := files(intent, given):
            # the pod's own manifest names them by path alone: with other contents it must be another manifest
            contents = digest([[one.path, one.text] for one in marked])
            found[f"{APISERVER}99+merge.json"] = _json({"metadata": {"annotations": {FILES_ANNOTATION: contents}}})
    if node.settings.kubelet_configuration:
        fields = node.settings.kubelet_configuration.items()
        operations = [{"op": "add", "path": f"/{name}", "value": value} for name, value in fields]
        found["kubeletconfiguration00+json.json"] = _json(operations)
    return dict(sorted(found.items()))


def _numbered(target: str, listed: Sequence[Patch]) -> dict[str, str]:
    return {f"{target}{number:02d}+{one.type}.json": _json(one.patch) for number, one in enumerate(listed)}


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def made_from(intent: Intent, node: Node, given: Given = NOTHING_GIVEN) -> dict[str, str]:
    """Static pod -> a digest of all that the inventory adds to its manifest; "" where it adds nothing."""
    fields, patched = cluster_fields(intent, given), patches(intent, node, given)
    found = {}
    for component, (section, _) in SECTIONS.items():
        if component == ETCD and not intent.kubeadm.stacked_etcd:
            continue
        own = fields.get(section, {})
        if component == APISERVER and "external" in fields.get("etcd", {}):
            own = own | {"etcd": fields["etcd"]}
        ours = {name: text for name, text in patched.items() if name.startswith(component)}
        found[component] = digest([own, ours]) if own or ours else ""
    return found


def digest(document: Any) -> str:
    """What tells two documents apart."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
