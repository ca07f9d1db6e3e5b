"""The four ways to write an object: what becomes of it, before anything is kept. Dry runs end here, so no rule is checked."""

import copy
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from cluster_api.objects import Json, name

from calico_apiserver import refusals
from calico_apiserver.applying import apply
from calico_apiserver.kinds import GROUP, VERSION, Kind
from calico_apiserver.ownership import after_update
from calico_apiserver.refusals import RefusalError
from calico_apiserver.schemas import mistyped, pruned, undeclared

API_VERSION = f"{GROUP}/{VERSION}"


def now() -> str:
    """Write the time as metadata has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(body: Any, kind: Kind, title: str = "") -> tuple[Json, list[str]]:
    """Read an object as the real one's Go types do: what they do not declare is dropped.

    Returns:
        The object, and the fields that were dropped.

    Raises:
        RefusalError: another kind or name, or a value of a wrong type.

    """
    if not isinstance(body, dict) or (body.get("apiVersion"), body.get("kind")) != (API_VERSION, kind.kind):
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"the object provided is no {kind.kind} of {API_VERSION}")
    if not isinstance(body.get("metadata"), dict) or (title and body["metadata"].get("name") != title):
        words = f"the name of the object does not match the name on the URL ({title})"
        raise RefusalError(HTTPStatus.BAD_REQUEST, words)
    for path, wanted, given in mistyped(body, kind.schema):
        go_type = {"integer": "uint32" if path.lower().endswith("asnumber") else "int", "boolean": "bool"}.get(
            wanted, wanted
        )
        place = f"Go struct field {kind.kind}Spec{path} of type {go_type}"
        words = f'{kind.kind} in version "{VERSION}" cannot be handled as a {kind.kind}: json: cannot unmarshal {given} into {place}'
        raise RefusalError(HTTPStatus.BAD_REQUEST, words)
    dropped = [path.removeprefix(".") for path in undeclared(body, kind.schema)]
    item: Json = pruned(body, kind.schema)
    return copy.deepcopy(item), dropped


def new(item: Json, kind: Kind, manager: str) -> Json:
    """Make a new object of what was sent."""
    if not item["metadata"].get("name"):
        raise RefusalError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f'{kind.kind}.{GROUP} "" is invalid: metadata.name: Required value'
        )
    metadata = item["metadata"] | {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
    metadata.pop("resourceVersion", None)
    return item | {"metadata": metadata | {"managedFields": after_update(None, item, kind.schema, manager, now())}}


def replaced(live: Json, item: Json, kind: Kind, manager: str) -> Json:
    """Make of a standing object what was sent in its place."""
    version = item["metadata"].get("resourceVersion")
    if not version:
        words = f'{kind.resource} "{name(item)}" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update'
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, words)
    given = item["metadata"].get("uid")
    if version != live["metadata"]["resourceVersion"] or (given and given != live["metadata"]["uid"]):
        raise refusals.changed(kind.resource, name(item))
    fixed = {key: live["metadata"][key] for key in ("uid", "creationTimestamp") if key in live["metadata"]}
    fields = after_update(live, item, kind.schema, manager, now())
    return item | {"metadata": item["metadata"] | fixed | {"managedFields": fields}}


def merged(live: Any, patch: Any) -> Any:
    """Lay a merge patch over a value (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def applied(live: Json | None, body: Any, kind: Kind, title: str, manager: str, *, force: bool) -> Json:
    """Apply what was sent, which must fit the schema in full.

    Raises:
        RefusalError: it does not fit (500), or others hold some of its fields with other values (409).

    """
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise RefusalError(HTTPStatus.BAD_REQUEST, "the patch is no object")
    if (body.get("apiVersion"), body.get("kind")) != (API_VERSION, kind.kind):
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"the patch is no {kind.kind} of {API_VERSION}")
    if body["metadata"].get("managedFields"):
        raise RefusalError(HTTPStatus.BAD_REQUEST, "metadata.managedFields must be nil")
    problems = [f"{path}: field not declared in schema" for path in undeclared(body, kind.schema)]
    problems += [f"{path}: expected {wanted}, got {given}" for path, wanted, given in mistyped(body, kind.schema)]
    if problems:
        found = problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {problem}" for problem in problems)
        raise refusals.untyped(title, kind.kind, found)
    version = body["metadata"].get("resourceVersion")
    if version and (live is None or version != live["metadata"]["resourceVersion"]):
        raise refusals.changed(kind.resource, title)
    wanted = body | {"metadata": body["metadata"] | {"name": title}}
    result = apply(live, wanted, kind.schema, manager, now(), force=force)
    if result.conflicts:
        found = "\n".join(f"- {conflict}" for conflict in result.conflicts)
        count = len(result.conflicts)
        words = f"Apply failed with {count} conflict{'s' if count > 1 else ''}: {found.removeprefix('- ')}"
        causes = [
            {"reason": "FieldManagerConflict", "message": str(one), "field": "." + ".".join(one.path)}
            for one in result.conflicts
        ]
        raise RefusalError(HTTPStatus.CONFLICT, words, details={"causes": causes})
    item = result.item
    if live is None:
        item["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
    return item
