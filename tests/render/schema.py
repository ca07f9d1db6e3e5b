"""Kubernetes' own description of its objects, and what of an object it does not know; the same of a project's own kinds.

The source is api/openapi-spec/swagger.json of the release (OpenAPI 2), what the API server is built from, or a CRD (OpenAPI 3).
Only what those files use is read: references, objects with named or free keys, lists, the plain types and their bounds. Rules in CEL are
left to an API server. It prunes or refuses what is found here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from tests.conftest import LOADER

PLAIN = {"string": str, "integer": int, "boolean": bool, "number": int | float}
FREE = {"int-or-string": int | str, "date-time": str, "byte": str, "int32": int, "int64": int, "double": int | float}
LARGEST = {"int32": (1 << 31) - 1, "int64": (1 << 63) - 1}


class Schema:
    """The definitions of one release."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self._names = {
            (kind["group"], kind["version"], kind["kind"]): name
            for name, definition in self.definitions.items()
            for kind in definition.get("x-kubernetes-group-version-kind", [])
        }

    @classmethod
    def of_release(cls, swagger: Path) -> Self:
        """Of a release of Kubernetes."""
        return cls(json.loads(swagger.read_text(encoding="utf-8"))["definitions"])

    @classmethod
    def of_crds(cls, files: Iterable[Path]) -> Self:
        """Of a project's CustomResourceDefinitions, one a file."""
        definitions = {}
        for file in files:
            spec = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)["spec"]  # noqa: S506  a safe loader, by libyaml
            for version in spec["versions"]:
                kind = {"group": spec["group"], "version": version["name"], "kind": spec["names"]["kind"]}
                name = f"{file.stem}.{version['name']}"
                definitions[name] = {**version["schema"]["openAPIV3Schema"], "x-kubernetes-group-version-kind": [kind]}
        return cls(definitions)

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
        if schema.get("x-kubernetes-int-or-string"):
            schema = {"format": "int-or-string"}
        if schema.get("format") in FREE or schema.get("type") in PLAIN:
            yield from self._plain(schema, value, path)
        elif schema.get("type") == "array":
            yield from self._list(schema, value, path)
        else:
            yield from self._object(schema, value, path)

    @staticmethod
    def _plain(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        wanted = FREE.get(schema.get("format", "")) or PLAIN[schema["type"]]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            yield f"{path}: {value!r} is no {schema.get('format') or schema['type']}"
            return
        if value not in schema.get("enum", [value]):
            yield f"{path}: {value!r} is none of {', '.join(map(str, schema['enum']))}"
        if "pattern" in schema and not _matches(schema["pattern"], value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        most = schema.get("maximum", LARGEST.get(schema.get("format", "")))
        if most is not None and value > most:
            yield f"{path}: {value} is more than {most}"
        if value and "minimum" in schema and value < schema["minimum"]:
            yield f"{path}: {value} is less than {schema['minimum']}"
        if len(str(value)) > schema.get("maxLength", len(str(value))):
            yield f"{path}: more than {schema['maxLength']} characters"

    def _list(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: a list is expected"
            return
        if len(value) > schema.get("maxItems", len(value)):
            yield f"{path}: more than {schema['maxItems']} items"
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
            elif named and not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{path}.{key} is unknown"


def _matches(pattern: str, value: str) -> bool:
    """Go's regular expressions: a flag may stand behind the anchor."""
    without = pattern.replace("(?i)", "")
    return bool(re.search(without, value, re.IGNORECASE if without != pattern else 0))
