"""What the API would make of an object, against what stands; and the making of it."""

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from kubepeer import safe_yaml
from kubepeer.change import Change, Held
from kubepeer.errors import RefusedError, UnreachableError
from tasks.cluster import comparison
from tasks.cluster.api import ATTEMPTS, FIELD_MANAGER, KubernetesApi, Manifest
from tasks.cluster.applied import stands_as_applied
from tasks.cluster.refusal import NOT_FOUND, ApiRefusal
from tasks.cluster.schema import definition_of, undeclared, undeclared_by
from tasks.cluster.undeclared import how_to_have

AT_ONCE = 8  # requests to the API at the same time
CONFLICT = 409  # somebody else has written since it was read
# Kept by the API itself: they move without anybody's intent.
VOLATILE_METADATA = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def plan_objects(
    api: KubernetesApi | None, manifests: Sequence[Manifest], coming: Sequence[Manifest] | None = None
) -> list[tuple[Manifest, Change]]:
    """The objects that are not as they should be, each with its change, in the given order.

    Args:
        api: the API, or None where none runs yet: everything is new then.
        manifests: what should be.
        coming: as for plan_object.

    """
    if api is None:
        return [(manifest, _new(manifest)) for manifest in manifests]
    for manifest in manifests:
        api.path_of(manifest)  # discovery first, one kind after the other: then the requests can run side by side
    with ThreadPoolExecutor(AT_ONCE) as pool:
        changes = list(pool.map(partial(plan_object, api, coming=coming), manifests))
    return [(manifest, change) for manifest, change in zip(manifests, changes, strict=True) if change is not None]


def plan_object(api: KubernetesApi, manifest: Manifest, coming: Sequence[Manifest] | None = None) -> Change | None:
    """The change of one object; None when nothing that was asked for is otherwise.

    Args:
        api: the API.
        manifest: what should be.
        coming: the manifests of a version that comes before the object is written; None where none does.

    Raises:
        RefusedError: the API does not declare a field of it, and will not then.

    """
    wanted = _as_stored(manifest)
    path = api.path_of(wanted)
    stands = api.get(path) if path else None
    try:
        return _change(api, manifest, wanted, stands, served=path is not None)
    except RefusedError:
        if coming is None or not _will_be_declared(wanted, coming):
            raise
        if stands is None:
            return _new(manifest)
        return _differing(manifest, stands, comparison.laid_over(wanted, stands))


def _will_be_declared(manifest: Manifest, coming: Sequence[Manifest]) -> bool:
    """Whether a version's own definitions have every field; of one that brings none its number was held against the table of versions."""
    definition = definition_of(manifest, coming)
    return definition is None or not undeclared_by(manifest, definition)


def _change(
    api: KubernetesApi, manifest: Manifest, wanted: Manifest, stands: Manifest | None, *, served: bool
) -> Change | None:
    """As plan_object, by the API as it is."""
    if stands is None:
        if served:
            _refuse_undeclared(api, wanted)
        return _new(manifest)
    if comparison.ownership(wanted).replaced:
        would = comparison.laid_over(wanted, stands)
        if as_text(would) != as_text(stands):
            _refuse_undeclared(api, wanted)
            _replace(api, wanted, stands, dry_run=True)  # the API's own checks; its answer may lack its defaults
    elif stands_as_applied(wanted, stands):
        return None
    else:
        try:
            dry = api.apply(comparison.to_apply(wanted, stands), dry_run=True)
        except ApiRefusal as refusal:
            if refusal.status == NOT_FOUND:
                return _new(manifest)
            if refusal.undeclared:
                _refuse_undeclared(api, wanted)
            raise
        would = comparison.answered(wanted, stands, dry)
    return _differing(manifest, stands, would)


def _differing(manifest: Manifest, stands: Manifest, would: Manifest) -> Change | None:
    """From what stands to what would: None where both say the same."""
    before, after = as_text(stands), as_text(would)
    if before == after:
        return None
    return Change(name_of(manifest), before, after, secret=_is_secret(manifest), held=_held(manifest))


def _new(manifest: Manifest) -> Change:
    """An object that is not there: by the time that it is written an operator may have made it, or its server have added its defaults."""
    return Change(name_of(manifest), None, as_text(manifest), secret=_is_secret(manifest), held=Held.NAME)


def _held(manifest: Manifest) -> Held:
    """A node is written twice: its labels that peers refer to go last."""
    return Held.NAME if manifest["kind"] == "Node" else Held.EXACT


def _is_secret(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Secret")


def _as_stored(manifest: Manifest) -> Manifest:
    """A Secret's texts as the API keeps them: what is asked for must be comparable with what stands."""
    if not _is_secret(manifest) or "stringData" not in manifest:
        return manifest
    data = {key: base64.b64encode(text.encode()).decode() for key, text in manifest["stringData"].items()}
    return {key: value for key, value in manifest.items() if key != "stringData"} | {"data": data}


def _refuse_undeclared(api: KubernetesApi, manifest: Manifest) -> None:
    """Refuse a field that the API does not declare, in the kinds that we write ourselves; a project's manifest fits its own version."""
    if not comparison.is_written_by_us(manifest):
        return
    missing = undeclared(manifest, api.description_of(str(manifest["apiVersion"])))
    if missing:
        raise RefusedError(
            f"{name_of(manifest)}: the API that runs does not have {', '.join(missing)}. The object was not changed",
            cure=how_to_have(manifest, missing),
        )


def undeclared_reason(api: KubernetesApi, manifest: Manifest) -> str:
    """Why an object whose kind is served could not be written, found without a try: "" where nothing is against it.

    The API is asked for its description (megabytes of some) only where the object does not stand as it should.
    """
    stands = api.get(str(api.path_of(manifest)))
    if stands is not None and as_text(comparison.laid_over(manifest, stands)) == as_text(stands):
        return ""
    try:
        _refuse_undeclared(api, manifest)
    except RefusedError as refused:
        return f"{refused.message.removesuffix('. The object was not changed')}: {refused.cure}"
    return ""


def store(api: KubernetesApi, manifest: Manifest, stands: Manifest | None, *, dry_run: bool) -> Manifest:
    """Bring an object to what the manifest says; in a dry run, what the API would store.

    Server-side apply leaves the fields of others alone: right for what is shared. Some of Calico's and PureLB's kinds are read and written
    back instead (comparison.OWNERSHIP); when somebody else writes in between, that is done again.
    """
    wanted = _as_stored(manifest)
    if stands is not None and comparison.ownership(wanted).replaced:
        return _replace(api, wanted, stands, dry_run=dry_run)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return api.apply(wanted if stands is None else comparison.to_apply(wanted, stands), dry_run=dry_run)
        except ApiRefusal as refusal:  # an operator writes at the same time
            if attempt == ATTEMPTS or refusal.status != CONFLICT:
                raise
            stands = api.get(str(api.path_of(wanted)))
    raise AssertionError


def _replace(api: KubernetesApi, wanted: Manifest, stands: Manifest, *, dry_run: bool) -> Manifest:
    """Write an object back, with the version that was read: what others write meanwhile is not lost."""
    path = str(api.path_of(wanted))
    query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer: Manifest = api.call("PUT", path, query=query, body=comparison.laid_over(wanted, stands))
        except (ApiRefusal, UnreachableError) as error:
            passing = isinstance(error, UnreachableError) or error.status == CONFLICT or error.passing
            if attempt == ATTEMPTS or not passing:
                raise
            found = api.get(path)
            if found is None:
                return api.apply(wanted, dry_run=dry_run)
            stands = found
        else:
            return answer
    raise AssertionError


def name_of(manifest: Manifest) -> str:
    """Kind, namespace and name, as a person says them."""
    metadata = manifest["metadata"]
    namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{manifest['kind']} {namespace}{metadata['name']}"


def as_text(manifest: Manifest) -> str:
    """An object as YAML, without what the API keeps for itself and without its status."""
    shown: dict[str, Any] = {key: value for key, value in manifest.items() if key != "status"}
    shown["metadata"] = {key: value for key, value in manifest["metadata"].items() if key not in VOLATILE_METADATA}
    return safe_yaml.as_text(shown)
