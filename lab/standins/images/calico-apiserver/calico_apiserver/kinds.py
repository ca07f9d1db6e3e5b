"""The kinds that are served, and how their objects are kept: crd.projectcalico.org/v1, as the real server keeps them."""

import json
from dataclasses import dataclass

from cluster_api.objects import Json

from calico_apiserver.schemas import of_object, view

GROUP, VERSION = "projectcalico.org", "v3"
STORE = "/apis/crd.projectcalico.org/v1"
METADATA = "projectcalico.org/metadata"
"""The annotation that holds what the object behind cannot hold itself."""
SERVED = (
    "bgpconfigurations", "bgpfilters", "bgppeers", "blockaffinities", "clusterinformations", "felixconfigurations",
    "ippools", "kubecontrollersconfigurations", "tiers",
)  # fmt: skip
_DIRECT = ("name", "resourceVersion", "labels", "annotations")
_HIDDEN = ("uid", "creationTimestamp", "managedFields", "finalizers", "ownerReferences")


@dataclass(frozen=True)
class Kind:
    """One kind, with the schema of a whole object."""

    plural: str
    kind: str
    schema: Json

    @property
    def resource(self) -> str:
        """Its name with the group, as errors say it."""
        return f"{self.plural}.{GROUP}"

    @property
    def path(self) -> str:
        """Where its objects are kept."""
        return f"{STORE}/{self.plural}"


def kinds(definitions: list[Json]) -> dict[str, Kind]:
    """Read the kinds from the definitions behind: what a release does not define it does not serve."""
    found: dict[str, Kind] = {}
    for item in definitions:
        names, versions = item["spec"]["names"], item["spec"]["versions"]
        if item["spec"]["group"] == f"crd.{GROUP}" and names["plural"] in SERVED:
            spec = versions[0]["schema"]["openAPIV3Schema"]["properties"].get("spec", {"type": "object"})
            found[names["plural"]] = Kind(names["plural"], names["kind"], of_object(view(spec)))
    return found


def shown(kept: Json, kind: Kind) -> Json:
    """Show an object of the store as one of this API."""
    metadata = dict(kept["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    hidden = json.loads(annotations.pop(METADATA, "{}") or "{}")
    visible: Json = {key: metadata[key] for key in _DIRECT if metadata.get(key)}
    visible |= {key: metadata[key] for key in ("uid", "creationTimestamp") if metadata.get(key)} | hidden
    visible.pop("annotations", None)
    if annotations:
        visible["annotations"] = annotations
    rest = {key: value for key, value in kept.items() if key not in {"apiVersion", "kind", "metadata"}}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind.kind, "metadata": visible, **rest}


def kept(item: Json, kind: Kind) -> Json:
    """Write an object of this API as the store keeps it."""
    metadata = item["metadata"]
    hidden = {key: metadata[key] for key in _HIDDEN if metadata.get(key)}
    annotations = dict(metadata.get("annotations") or {}) | {METADATA: json.dumps(hidden, sort_keys=True)}
    direct: Json = {key: metadata[key] for key in _DIRECT if metadata.get(key)} | {"annotations": annotations}
    rest = {key: value for key, value in item.items() if key not in {"apiVersion", "kind", "metadata", "status"}}
    return {"apiVersion": f"crd.{GROUP}/v1", "kind": kind.kind, "metadata": direct, **rest}
