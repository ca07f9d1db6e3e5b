"""Which fields of an object the API does not declare: by the description that it gives of itself (OpenAPI v3), or by a definition. Pure.

A field that a version does not know is dropped in silence by a PUT and refused with 500 by a server-side apply: it is found before.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.cluster.api import Manifest

Schema = Mapping[str, Any]
# Calico's API server keeps what it serves as projectcalico.org/v3 in a group of its own, with the same fields under spec.
KEPT_IN = {"projectcalico.org": "crd.projectcalico.org"}
CRD = "CustomResourceDefinition"
UNJUDGED = ("apiVersion", "kind", "metadata", "status")  # the API's own, the same everywhere


def undeclared(manifest: Manifest, description: Mapping[str, Any]) -> list[str]:
    """The fields of an object that its kind does not have: "spec.ttlSecurity".

    Args:
        manifest: what is to be sent.
        description: the API's description of the group and version, /openapi/v3/apis/GROUP/VERSION.

    """
    schemas = (description.get("components") or {}).get("schemas") or {}
    kind = next((one for one in schemas.values() if _describes(one, manifest)), None)
    return (
        [] if kind is None else _fields(manifest, kind, schemas)
    )  # of no kind nothing is known: the API itself will say


def definition_of(manifest: Manifest, definitions: Sequence[Manifest]) -> Schema | None:
    """The schema of an object's kind in the definitions (CustomResourceDefinition) of a manifest; None where they have none.

    Args:
        manifest: the object.
        definitions: objects of any kind.

    """
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    for kept_in in filter(None, (group, KEPT_IN.get(group))):
        for one in definitions:
            spec = one.get("spec") or {}
            if one["kind"] != CRD or spec.get("group") != kept_in:
                continue
            if (spec.get("names") or {}).get("kind") == manifest["kind"]:
                return _version(spec.get("versions") or [], version if kept_in == group else None)
    return None


def _version(versions: Sequence[Schema], name: str | None) -> Schema | None:
    """The schema of a version; of the one that is stored where the name is another group's."""
    for version in versions:
        if version.get("name") == name or (name is None and version.get("storage")):
            schema: Schema | None = (version.get("schema") or {}).get("openAPIV3Schema")
            return schema
    return None


def undeclared_by(manifest: Manifest, definition: Schema) -> list[str]:
    """As undeclared, by the schema of a definition."""
    return _fields(manifest, definition, {})


def _fields(manifest: Manifest, kind: Schema, schemas: Mapping[str, Schema]) -> list[str]:
    properties = _resolved(kind, schemas).get("properties") or {}
    if not properties:
        return []
    return [
        field
        for key, value in manifest.items()
        if key not in UNJUDGED
        for field in (_missing(properties[key], value, key, schemas) if key in properties else [key])
    ]


def _describes(schema: Schema, manifest: Manifest) -> bool:
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    wanted = {"group": group, "version": version, "kind": manifest["kind"]}
    return wanted in schema.get("x-kubernetes-group-version-kind", ())


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The schema itself, where it is a reference to one, alone or (with a default beside it) within allOf."""
    if "$ref" in schema:
        return _resolved(schemas[str(schema["$ref"]).rpartition("/")[2]], schemas)
    parts: list[Schema] = schema.get("allOf") or []
    if "properties" not in schema and len(parts) == 1:
        return _resolved(parts[0], schemas)
    return schema


def _missing(schema: Schema, value: Any, path: str, schemas: Mapping[str, Schema]) -> Iterator[str]:
    known = _resolved(schema, schemas)
    if isinstance(value, list):
        for item in value:
            yield from _missing(known.get("items") or {}, item, path, schemas)
    elif isinstance(value, Mapping):
        properties, free = known.get("properties"), known.get("additionalProperties")
        if not properties or known.get("x-kubernetes-preserve-unknown-fields"):
            return  # a free mapping, or one that says nothing of itself
        for key, below in value.items():
            if key in properties:
                yield from _missing(properties[key], below, f"{path}.{key}", schemas)
            elif not free:
                yield f"{path}.{key}"
