"""Manifests, and that of Calico, judged before anything is applied: are they what the inventory takes them for. Pure."""

import yaml

from tasks.cluster.api import Manifest
from tasks.cluster.balancers.manifest import containers_of, find
from tasks.cluster.documents import documents

OPERATOR = ("Deployment", "tigera-operator")
INSTALLATIONS = "installations.operator.tigera.io"
MANAGES_CRDS = "-manage-crds=true"  # tigera/operator, cmd/main.go: it makes the definitions itself
CRD = "CustomResourceDefinition"


class UnreadableError(ValueError):
    """A text is no manifest; says why in the words of a person."""


def parsed(text: str) -> list[Manifest]:
    """The objects of a manifest.

    Raises:
        UnreadableError: it is a page, no YAML, or cut off in the middle of an object.

    """
    if text.lstrip()[:1] == "<":
        raise UnreadableError("is a web page (HTML), no manifest")
    try:
        found = documents(text)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadableError(f"is no YAML{f' (line {mark.line + 1})' if mark else ''}: is it whole?") from error
    for number, manifest in enumerate(found, start=1):
        if not _is_object(manifest):
            raise UnreadableError(f"is no manifest: its object number {number} has no apiVersion, kind and name")
    return found


def _is_object(manifest: object) -> bool:
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(key), str) for key in ("apiVersion", "kind")):
        return False
    metadata = manifest.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)


def calico_reasons(operator: list[Manifest], definitions: list[Manifest], *, stands: bool) -> list[str]:
    """Why Calico cannot be installed from these.

    Args:
        operator: the objects of manifests.calico.
        definitions: those of manifests.calico_crds; none where it is not set.
        stands: whether the cluster has the operator's definitions already.

    """
    deployment = find(operator, *OPERATOR)
    if deployment is None or not containers_of(deployment):
        return ["manifests.calico has no Deployment tigera-operator: is it Calico's tigera-operator.yaml, and whole?"]
    if find([*operator, *definitions], CRD, INSTALLATIONS) or makes_definitions(deployment) or stands:
        return []
    if definitions:
        return [
            f"manifests.calico_crds has no {INSTALLATIONS}: name the file of the operator's and Calico's definitions"
        ]
    what = "manifests.calico has no custom resource definitions (Calico 3.30 and newer)"
    return [
        f"{what}: name their file under manifests.calico_crds, or give the operator {MANAGES_CRDS} in a manifest of your own"
    ]


def makes_definitions(deployment: Manifest) -> bool:
    """Whether this operator makes its definitions itself."""
    words = [
        str(word) for one in containers_of(deployment) for key in ("command", "args") for word in one.get(key) or []
    ]
    return any(word.lstrip("-") == MANAGES_CRDS.lstrip("-") for word in words)
