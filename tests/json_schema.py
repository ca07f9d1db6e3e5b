"""What of a document a JSON schema refuses: the keywords of draft 2020-12 that the schemas of the inventory have, and no others.

Annotations and formats complain of nothing (2020-12 Core, 7.7; Validation, 7). A keyword that is not known here ends the test: what it
asks for would go unseen.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SILENT = {"$schema", "$defs", "title", "description", "default", "examples", "format", "then"}  # `then` is of `if`
Schema = Mapping[str, Any]
AnySchema = Schema | bool  # true takes everything, false nothing


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "object": dict,
        "array": list,
        "null": type(None),
        "boolean": bool,
    }
    return isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, float) and value.is_integer())


class JsonSchema:
    """A schema and its definitions."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def complaints(self, document: Any) -> list[str]:
        """One line each, with its path."""
        return list(self._of(self._schema, document, ""))

    def _of(self, schema: AnySchema, value: Any, path: str) -> Iterator[str]:
        if isinstance(schema, bool):
            if not schema:
                yield f"{path}: nothing may stand here"
            return
        for keyword, asked in schema.items():
            if keyword in SILENT:
                continue
            yield from KEYWORDS[keyword](self, asked, value, path, schema)

    def _fits(self, schema: AnySchema, value: Any) -> bool:
        return next(self._of(schema, value, ""), None) is None

    def ref(self, asked: str, value: Any, path: str, _: Schema) -> Iterator[str]:
        found: Any = self._schema
        for name in asked.removeprefix("#/").split("/"):
            found = found[name]
        yield from self._of(found, value, path)

    def any_of(self, asked: list[Schema], value: Any, path: str, _: Schema) -> Iterator[str]:
        every = [list(self._of(one, value, path)) for one in asked]
        if all(every):
            yield max(every, key=lambda complaints: complaints[0].count("."))[0]  # of the one that it comes nearest to

    def all_of(self, asked: list[Schema], value: Any, path: str, _: Schema) -> Iterator[str]:
        for one in asked:
            yield from self._of(one, value, path)

    def none_of(self, asked: Schema, value: Any, path: str, _: Schema) -> Iterator[str]:
        if self._fits(asked, value):
            yield f"{path}: is what may not stand here"

    def where(self, asked: Schema, value: Any, path: str, schema: Schema) -> Iterator[str]:
        if self._fits(asked, value):
            yield from self._of(schema["then"], value, path)

    def properties(self, asked: Schema, value: Any, path: str, _: Schema) -> Iterator[str]:
        if isinstance(value, dict):
            for key in asked.keys() & value.keys():
                yield from self._of(asked[key], value[key], f"{path}.{key}")

    def further(self, asked: AnySchema, value: Any, path: str, schema: Schema) -> Iterator[str]:
        if isinstance(value, dict):
            for key in value.keys() - schema.get("properties", {}).keys():
                yield from self._of(asked, value[key], f"{path}.{key}")

    def names(self, asked: Schema, value: Any, path: str, _: Schema) -> Iterator[str]:
        if isinstance(value, dict):
            for key in value:
                yield from self._of(asked, str(key), f"{path}.{key}")

    def items(self, asked: Schema, value: Any, path: str, _: Schema) -> Iterator[str]:
        if isinstance(value, list):
            for number, one in enumerate(value):
                yield from self._of(asked, one, f"{path}.{number}")

    def contains(self, asked: Schema, value: Any, path: str, _: Schema) -> Iterator[str]:
        if isinstance(value, list) and not any(self._fits(asked, one) for one in value):
            yield f"{path}: has none of {asked}"


def _kind(_: JsonSchema, asked: Any, value: Any, path: str, __: Schema) -> Iterator[str]:
    if not any(_is(kind, value) for kind in ([asked] if isinstance(asked, str) else asked)):
        yield f"{path}: {value!r} is no {asked}"


def _one_of(_: JsonSchema, asked: Any, value: Any, path: str, __: Schema) -> Iterator[str]:
    if json.dumps(value, default=str) not in map(json.dumps, asked):
        yield f"{path}: {value!r} is none of {asked}"


def _required(_: JsonSchema, asked: Any, value: Any, path: str, __: Schema) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{path}.{key}: is missing" for key in asked if key not in value)


def _pattern(_: JsonSchema, asked: Any, value: Any, path: str, __: Schema) -> Iterator[str]:
    if isinstance(value, str) and not re.search(asked, value):
        yield f"{path}: {value!r} is not of the form {asked}"


def _bound(kind: str, holds: Callable[[Any, Any], bool], of: Callable[[Any], Any] = lambda value: value) -> Any:
    def check(_: JsonSchema, asked: Any, value: Any, path: str, __: Schema) -> Iterator[str]:
        if _is(kind, value) and not holds(of(value), asked):
            yield f"{path}: {value!r} is beyond {asked}"

    return check


KEYWORDS: dict[str, Callable[[JsonSchema, Any, Any, str, Schema], Iterator[str]]] = {
    "$ref": JsonSchema.ref,
    "anyOf": JsonSchema.any_of,
    "allOf": JsonSchema.all_of,
    "not": JsonSchema.none_of,
    "if": JsonSchema.where,
    "properties": JsonSchema.properties,
    "additionalProperties": JsonSchema.further,
    "propertyNames": JsonSchema.names,
    "items": JsonSchema.items,
    "contains": JsonSchema.contains,
    "type": _kind,
    "enum": _one_of,
    "const": lambda self, asked, value, path, schema: _one_of(self, [asked], value, path, schema),
    "required": _required,
    "pattern": _pattern,
    "minimum": _bound("number", lambda value, least: value >= least),
    "maximum": _bound("number", lambda value, most: value <= most),
    "minLength": _bound("string", lambda length, least: length >= least, len),
    "maxLength": _bound("string", lambda length, most: length <= most, len),
    "minItems": _bound("array", lambda length, least: length >= least, len),
    "maxItems": _bound("array", lambda length, most: length <= most, len),
}
