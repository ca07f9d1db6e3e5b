"""Kubernetes' own description of its objects, and what of an object it does not know.

The source is api/openapi-spec/swagger.json of the release: what the API server is built from (OpenAPI 2). Only what that file uses is read:
references, objects with named or free keys, lists, and the plain types. The API server prunes or refuses what is found here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PLAIN = {"string": str, "integer": int, "boolean": bool, "number": int | float}
FREE = {"int-or-string": int | str, "date-time": str, "byte": str, "int32": int, "int64": int, "double": int | float}


class Schema:
    """The definitions of one release."""

    def __init__(self, swagger: Path) -> None:
        self.definitions: Mapping[str, Any] = json.loads(swagger.read_text(encoding="utf-8"))["definitions"]
        self._names = {
            (kind["group"], kind["version"], kind["kind"]): name
            for name, definition in self.definitions.items()
            for kind in definition.get("x-kubernetes-group-version-kind", [])
        }

    def serves(self, manifest: Mapping[str, Any]) -> bool:
        return self._key(manifest) in self._names

    def complaints(self, manifest: Mapping[str, Any]) -> list[str]:
        """What of a manifest is unknown, missing or of another type: one line each, with its path."""
        return list(self._of({"$ref": f"#/definitions/{self._names[self._key(manifest)]}"}, manifest, ""))

    @staticmethod
    def _key(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
        group, _, version = str(manifest["apiVersion"]).rpartition("/")
        return group, version, str(manifest["kind"])

    def _of(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        if schema.get("format") in FREE or schema.get("type") in PLAIN:
            wanted = FREE.get(schema.get("format", "")) or PLAIN[schema["type"]]
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                yield f"{path}: {value!r} is no {schema.get('format') or schema['type']}"
        elif schema.get("type") == "array":
            yield from self._list(schema, value, path)
        else:
            yield from self._object(schema, value, path)

    def _list(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: a list is expected"
            return
        for number, item in enumerate(value):
            yield from self._of(schema["items"], item, f"{path}[{number}]")

    def _object(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{path}: a mapping is expected"
            return
        named, free = schema.get("properties"), schema.get("additionalProperties")
        yield from (f"{path}.{key} is missing" for key in schema.get("required", []) if key not in value)
        for key, below in value.items():
            if named and key in named:
                yield from self._of(named[key], below, f"{path}.{key}")
            elif free:
                yield from self._of(free, below, f"{path}.{key}")
            elif named:
                yield f"{path}.{key} is unknown"
