"""What the API would make of an object, against what stands: server-side apply with dryRun gives the diff."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from kubepeer.change import Change
from tasks.cluster.api import FIELD_MANAGER, ApiRefusal, KubernetesApi, Manifest

AT_ONCE = 8  # requests to the API at the same time
NOT_FOUND = 404
OURS_AS_A_WHOLE = {
    ("projectcalico.org/v3", "BGPConfiguration"),
    ("projectcalico.org/v3", "BGPPeer"),
    ("purelb.io/v1", "ServiceGroup"),
}
# Kept by the API itself: they move without anybody's intent.
VOLATILE_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def plan_objects(api: KubernetesApi | None, manifests: Sequence[Manifest]) -> list[tuple[Manifest, Change]]:
    """The objects that are not as they should be, each with its change, in the given order.

    Args:
        api: the API, or None where none runs yet: everything is new then.
        manifests: what should be.

    """
    if api is None:
        return [(manifest, _new(manifest)) for manifest in manifests]
    for manifest in manifests:
        api.path_of(manifest)  # discovery first, one kind after the other: then the requests can run side by side
    with ThreadPoolExecutor(AT_ONCE) as pool:
        changes = list(pool.map(lambda manifest: plan_object(api, manifest), manifests))
    return [(manifest, change) for manifest, change in zip(manifests, changes, strict=True) if change is not None]


def plan_object(api: KubernetesApi, manifest: Manifest) -> Change | None:
    """The change of one object; None when the API would change nothing."""
    path = api.path_of(manifest)
    stands = api.get(path) if path else None
    if stands is None:
        return _new(manifest)
    try:
        would = store(api, manifest, stands, dry_run=True)
    except ApiRefusal as refusal:
        if refusal.status == NOT_FOUND:
            return _new(manifest)
        raise
    before, after = as_text(stands), as_text(would)
    return None if before == after else Change(name_of(manifest), before, after, secret=_is_secret(manifest))


def _new(manifest: Manifest) -> Change:
    return Change(name_of(manifest), None, as_text(manifest), secret=_is_secret(manifest))


def _is_secret(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Secret")


def store(api: KubernetesApi, manifest: Manifest, stands: Manifest | None, *, dry_run: bool) -> Manifest:
    """Bring an object to what the manifest says; in a dry run, what the API would store.

    Server-side apply leaves the fields of others alone: right for what is shared, wrong for what is ours as a whole. A nodeSelector added
    by hand to a BGPPeer would cut nodes off unseen; such an object is replaced.
    """
    if stands is None or (manifest["apiVersion"], manifest["kind"]) not in OURS_AS_A_WHOLE:
        return api.apply(manifest, dry_run=dry_run)
    metadata = {key: value for key, value in stands["metadata"].items() if key != "managedFields"}
    if labels := metadata.get("labels", {}) | manifest["metadata"].get("labels", {}):
        metadata["labels"] = labels
    query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
    answer: Manifest = api.call("PUT", str(api.path_of(manifest)), query=query, body=manifest | {"metadata": metadata})
    return answer


def name_of(manifest: Manifest) -> str:
    """Kind, namespace and name, as a person says them."""
    metadata = manifest["metadata"]
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{manifest['kind']} {namespace}{metadata['name']}"


def as_text(manifest: Manifest) -> str:
    """An object as YAML, without what the API keeps for itself and without its status."""
    shown: dict[str, Any] = {key: value for key, value in manifest.items() if key != "status"}
    shown["metadata"] = {key: value for key, value in manifest["metadata"].items() if key not in VOLATILE_METADATA}
    return yaml.safe_dump(shown, sort_keys=True, default_flow_style=False)
