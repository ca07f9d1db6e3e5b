"""A Calico that somebody else has installed: by manifest, by Helm, by an operator that we have never written to. Pure."""

from collections.abc import Mapping

from tasks.cluster.api import FIELD_MANAGER, Manifest

BY_MANIFEST = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"
CANAL = "/apis/apps/v1/namespaces/kube-system/daemonsets/canal"
OPERATOR = "/apis/apps/v1/namespaces/tigera-operator/deployments/tigera-operator"
INSTALLATION = "/apis/operator.tigera.io/v1/installations/default"
ASKED = (BY_MANIFEST, CANAL, OPERATOR, INSTALLATION)


def reasons(standing: Mapping[str, Manifest], *, adopt: bool) -> list[str]:
    """Why the cluster's network is not ours to change.

    Args:
        standing: path -> object, of those in ASKED that are there.
        adopt: an operator by kubectl is to be taken over.

    """
    for path, name in ((BY_MANIFEST, "calico-node"), (CANAL, "canal")):
        if path in standing:
            what = f"Calico was installed here by manifest (DaemonSet kube-system/{name}), and Kubepeer has it by its operator"
            return [f"{what}: migrate it first (docs.tigera.io, operator migration), or remove it"]
    metadata = standing.get(OPERATOR, {}).get("metadata", {})
    release = (metadata.get("annotations") or {}).get("meta.helm.sh/release-name")
    if release or (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") == "Helm":
        what = (
            f"Calico was installed here by Helm (release {release or 'unknown'}), which would take back what is changed"
        )
        return [f"{what}: take it out of Helm's hands first, or leave this cluster's network to Helm"]
    return [] if adopt else _operator_of_others(standing)


def _operator_of_others(standing: Mapping[str, Manifest]) -> list[str]:
    """An operator that we have never written to, and that we have never told what to install.

    One of the two is enough to be ours: who upgrades Calico as its project says (kubectl apply --server-side --force-conflicts) takes all
    fields of the operator from us, and none of the Installation.
    """
    parts = {"Deployment tigera-operator": standing.get(OPERATOR), "Installation default": standing.get(INSTALLATION)}
    there = {name: one for name, one in parts.items() if one is not None}
    if not there or any(is_ours(one) for one in there.values()):
        return []
    by = dict.fromkeys(writer for one in there.values() for writer in _writers(one))
    what = f"Calico was installed here by somebody else ({', '.join(there)}; written by {', '.join(by) or 'nobody knows whom'})"
    cure = "software.adopt_calico: true takes it over (--dry-run shows what changes), or remove it first"
    return [f"{what}, and Kubepeer would set it otherwise: {cure}"]


def _writers(manifest: Manifest) -> list[str]:
    """Who has written an object, but for its status."""
    fields = manifest["metadata"].get("managedFields") or ()
    return [str(one["manager"]) for one in fields if one.get("manager") and one.get("subresource") != "status"]


def is_ours(manifest: Manifest) -> bool:
    """Whether we have ever written this object."""
    return any(one.get("manager") == FIELD_MANAGER for one in manifest["metadata"].get("managedFields") or ())
