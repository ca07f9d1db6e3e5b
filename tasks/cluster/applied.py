"""Whether a server-side apply would change nothing, told from the object alone: what we own of it, and what stands there. Pure.

The API keeps which fields a manager has applied (Kubernetes: Server-Side Apply, "Field management"; the form: structured-merge-diff,
fieldpath, FieldsV1). Where we own just what is wanted, and all of it stands as wanted, there is nothing to ask: a dry run of a large
definition costs its server more than all else in a run that finds nothing to do. In every doubt the answer is False, and the API is asked.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.cluster.api import FIELD_MANAGER, Manifest

SELF = "."  # of a mapping or an item: it is owned itself, not only what is in it
IDENTITY = ("name", "namespace")  # of the metadata: owned by nobody


def stands_as_applied(wanted: Manifest, stands: Manifest) -> bool:
    """Whether applying what is wanted would leave the object as it is; False where that cannot be told for sure.

    Args:
        wanted: what would be applied, whole.
        stands: the object as the API has it, with its managedFields.

    """
    applied = [
        entry
        for entry in stands["metadata"].get("managedFields") or []
        if (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply") and not entry.get("subresource")
    ]
    same_kind = all(wanted[key] == stands.get(key) for key in ("apiVersion", "kind"))
    if len(applied) != 1 or not same_kind or applied[0].get("apiVersion") != wanted["apiVersion"]:
        return False
    owned = applied[0].get("fieldsV1") or {}
    content = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind", "metadata")}
    labels = {key: value for key, value in wanted["metadata"].items() if key not in IDENTITY}
    return _mapping(content | ({"metadata": labels} if labels else {}), stands, owned)


def _value(wanted: Any, stands: Any, owned: Mapping[str, Any]) -> bool:
    below = [key for key in owned if key != SELF]
    if not below:  # a plain value, or one that is replaced whole
        return bool(wanted == stands)
    if isinstance(wanted, dict) and isinstance(stands, dict):
        return _mapping(wanted, stands, owned)
    if isinstance(wanted, list) and isinstance(stands, list) and all(key.startswith("k:") for key in below):
        return _items(wanted, stands, {key: owned[key] for key in below})
    return bool(wanted == stands)  # a set among them: whoever else has put a value in is for the API to judge


def _mapping(wanted: Mapping[str, Any], stands: Mapping[str, Any], owned: Mapping[str, Any]) -> bool:
    ours = {key.removeprefix("f:") for key in owned if key != SELF}
    return ours == set(wanted) and all(
        key in stands and _value(value, stands[key], owned[f"f:{key}"]) for key, value in wanted.items()
    )


def _items(wanted: Sequence[Any], stands: Sequence[Any], owned: Mapping[str, Any]) -> bool:
    """A list whose items have keys: each of ours is there, in our order, and we own no other."""
    if len(wanted) != len(owned):
        return False
    places = []
    for name, fields in owned.items():
        key = json.loads(name.removeprefix("k:"))
        ours, theirs = ([place for place, item in enumerate(items) if _has(item, key)] for items in (wanted, stands))
        if len(ours) != 1 or len(theirs) != 1 or not _value(wanted[ours[0]], stands[theirs[0]], fields):
            return False
        places.append((ours[0], theirs[0]))
    return sorted(places) == sorted(places, key=lambda pair: pair[1])


def _has(item: Any, key: Mapping[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(name) == value for name, value in key.items())
