"""What a manifest has: an object by its name, its containers, the versions of a definition. Pure."""

from collections.abc import Sequence

from tasks.cluster.api import Manifest


def find(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest | None:
    """The object of that kind and name."""
    return next((one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name)), None)


def containers_of(workload: Manifest) -> list[Manifest]:
    """Its containers; none where the text ends before them."""
    below: Manifest = workload
    for key in ("spec", "template", "spec"):
        below = below.get(key) or {}
    return list(below.get("containers") or [])


def versions_of(definition: Manifest | None) -> list[str]:
    """The versions of a kind that a definition serves."""
    versions = (definition or {}).get("spec", {}).get("versions") or []
    return [version["name"] for version in versions if version.get("served")]
