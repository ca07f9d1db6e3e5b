"""Who set which field: metadata.managedFields, as sets of paths. Lists and atomic maps are owned as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cluster_api.objects import Json

from calico_apiserver.schemas import below, is_leaf

Path = tuple[str, ...]
VERSION = "projectcalico.org/v3"
APPLY, UPDATE = "Apply", "Update"
_UNOWNED = {"apiVersion", "kind"}
_OWNED_METADATA = {"labels", "annotations", "finalizers", "ownerReferences"}


@dataclass(frozen=True)
class Owner:
    """A manager, how it wrote, when, and the paths that it holds."""

    manager: str
    operation: str
    time: str
    paths: frozenset[Path] = field(default_factory=frozenset)


def leaves(item: Json, schema: Json) -> dict[Path, Any]:
    """List the fields of an object that can have an owner, with their values."""
    found: dict[Path, Any] = {}
    for key in item.keys() - _UNOWNED:
        if key == "metadata":
            for part in item["metadata"].keys() & _OWNED_METADATA:
                value = item["metadata"][part]
                if isinstance(value, dict):
                    found |= {("metadata", part, name): inner for name, inner in value.items()}
                elif value:
                    found[("metadata", part)] = value
        elif (known := below(schema, key)) is not None:
            found |= _leaves(item[key], known, (key,))
    return found


def _leaves(value: Any, schema: Json, path: Path) -> dict[Path, Any]:
    if not isinstance(value, dict) or is_leaf(schema) or not value:
        return {path: value}
    found: dict[Path, Any] = {}
    for key, inner in value.items():
        found |= _leaves(inner, below(schema, key) or {}, (*path, key))
    return found


def owners(item: Json | None) -> list[Owner]:
    """Read managedFields."""
    entries = (item or {}).get("metadata", {}).get("managedFields") or []
    return [
        Owner(
            entry["manager"], entry["operation"], entry.get("time", ""), frozenset(_paths(entry.get("fieldsV1") or {}))
        )
        for entry in entries
        if entry.get("manager") and entry.get("operation")
    ]


def _paths(fields: Mapping[str, Any], path: Path = ()) -> Iterable[Path]:
    inner = {key: value for key, value in fields.items() if key.startswith("f:")}
    if path and not inner:
        yield path
    for key, value in inner.items():
        yield from _paths(value, (*path, key[2:]))


def written(holders: Iterable[Owner]) -> list[Json]:
    """Write managedFields, without those who hold nothing any more."""
    entries: list[Json] = []
    for owner in holders:
        if not owner.paths:
            continue
        fields: Json = {}
        for path in sorted(owner.paths):
            place = fields
            for key in path:
                place = place.setdefault(f"f:{key}", {})
        entries.append({
            "manager": owner.manager, "operation": owner.operation, "apiVersion": VERSION, "time": owner.time,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })  # fmt: skip
    return entries


def after_update(live: Json | None, new: Json, schema: Json, manager: str, now: str) -> list[Json]:
    """Say who holds what after a whole object was written: whoever changes a value takes it, whoever removes it, for all."""
    before, after = leaves(live, schema) if live else {}, leaves(new, schema)
    changed = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    kept: list[Owner] = []
    own = Owner(manager, UPDATE, now)
    for owner in owners(live):
        if (owner.manager, owner.operation) == (manager, UPDATE):
            own = owner
        else:
            kept.append(replace(owner, paths=(owner.paths & after.keys()) - changed))
    paths = (own.paths & after.keys()) | changed
    return written([*kept, replace(own, paths=paths, time=now if changed else own.time)])
