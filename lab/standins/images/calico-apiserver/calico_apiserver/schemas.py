"""Schemas of projectcalico.org/v3, and objects held against them.

The real one's come from Go types, which know names and types and nothing else; the definitions behind have the same fields
and more rules. So they are read from there, and what a Go type cannot say is left out.
"""

from collections.abc import Iterator
from typing import Any

from cluster_api.objects import Json

_KEPT = (
    "type", "format", "properties", "items", "additionalProperties", "nullable", "required",
    "x-kubernetes-map-type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields",
)  # fmt: skip
_TYPES: dict[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def view(schema: Json, title: str = "") -> Json:
    """Take the part of a schema that a Go type has: no defaults, no rules, AS numbers of four bytes."""
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if title.lower().endswith("asnumber"):
        kept["format"] = "int64"
    if "properties" in kept:
        kept["properties"] = {key: view(value, key) for key, value in kept["properties"].items()}
    if isinstance(kept.get("items"), dict):
        kept["items"] = view(kept["items"])
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = view(kept["additionalProperties"])
    if kept.get("type") == "array":
        kept["x-kubernetes-list-type"] = "atomic"
    return kept


def of_object(spec: Json) -> Json:
    """Write the schema of a whole object, of which only the specification is particular."""
    text, free = {"type": "string"}, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"type": "object", "properties": {"apiVersion": text, "kind": text, "metadata": free, "spec": spec}}


def is_leaf(schema: Json) -> bool:
    """Say whether a value is owned as a whole: lists, atomic maps and all that is no map."""
    return schema.get("type") != "object" or schema.get("x-kubernetes-map-type") == "atomic"


def below(schema: Json, key: str) -> Json | None:
    """Find the schema of a field; nothing where it is not declared."""
    if key in (schema.get("properties") or {}):
        found: Json = schema["properties"][key]
        return found
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return extra
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return {"x-kubernetes-preserve-unknown-fields": True, "type": "object"}
    return None


def undeclared(value: Any, schema: Json, path: str = "") -> Iterator[str]:
    """List the fields that the schema does not declare, as `.spec.ttlSecurity`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            known = below(schema, key)
            if known is None:
                yield f"{path}.{key}"
            else:
                yield from undeclared(inner, known, f"{path}.{key}")
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for place, inner in enumerate(value):
            yield from undeclared(inner, schema["items"], f"{path}[{place}]")


def pruned(value: Any, schema: Json) -> Any:
    """Leave out what the schema does not declare, as a Go type does when it is read."""
    if isinstance(value, dict):
        known = {key: below(schema, key) for key in value}
        return {key: pruned(value[key], inner) for key, inner in known.items() if inner is not None}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [pruned(inner, schema["items"]) for inner in value]
    return value


def mistyped(value: Any, schema: Json, path: str = "") -> Iterator[tuple[str, str, str]]:
    """List the values of another type than the schema's: the field, the type that it should have, the one that it has."""
    wanted = str(schema.get("type", ""))
    if value is None or schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if wanted in _TYPES and (
        not isinstance(value, _TYPES[wanted]) or (wanted != "boolean" and isinstance(value, bool))
    ):
        yield path, wanted, _type_of(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if (known := below(schema, key)) is not None:
                yield from mistyped(inner, known, f"{path}.{key}")
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for place, inner in enumerate(value):
            yield from mistyped(inner, schema["items"], f"{path}[{place}]")


def _type_of(value: Any) -> str:
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")
