"""Server-side apply: a function of what stands, what is applied and who holds which field."""

import copy
from dataclasses import dataclass, replace
from typing import Any

from cluster_api.objects import Json

from calico_apiserver.ownership import APPLY, VERSION, Owner, Path, leaves, owners, written


@dataclass(frozen=True)
class Conflict:
    """A field that somebody else holds with another value."""

    manager: str
    operation: str
    path: Path

    def __str__(self) -> str:
        how = f" using {VERSION}" if self.operation != APPLY else ""
        return f'conflict with "{self.manager}"{how}: .{".".join(self.path)}'


@dataclass(frozen=True)
class Applied:
    """The object as it is afterwards, or what stands against it."""

    item: Json
    conflicts: list[Conflict]


def apply(live: Json | None, wanted: Json, schema: Json, manager: str, now: str, *, force: bool) -> Applied:
    """Lay the applied fields over those that stand, and take away what the manager applied before and leaves out now.

    What another manager holds too stays. Nothing is changed, times included, where nothing differs.
    """
    standing = leaves(live, schema) if live else {}
    asked = leaves(wanted, schema)
    holders = owners(live)
    own = next((one for one in holders if (one.manager, one.operation) == (manager, APPLY)), Owner(manager, APPLY, now))
    others = [one for one in holders if (one.manager, one.operation) != (manager, APPLY)]
    differing = frozenset(path for path, value in asked.items() if path not in standing or standing[path] != value)
    conflicts = [
        Conflict(one.manager, one.operation, path)
        for one in others
        for path in sorted(one.paths & differing & standing.keys())
    ]
    if conflicts and not force:
        return Applied(live or wanted, conflicts)
    item = copy.deepcopy(live) if live else {key: wanted[key] for key in ("apiVersion", "kind")}
    item.setdefault("metadata", {})["name"] = wanted["metadata"]["name"]
    for path, value in asked.items():
        _set(item, path, value)
    elsewhere = frozenset(path for one in others for path in one.paths)
    for path in own.paths - asked.keys() - elsewhere:
        _remove(item, path)
    left = [replace(one, paths=one.paths - differing) for one in others]
    paths = frozenset(asked)
    moved = differing or paths != own.paths
    item["metadata"]["managedFields"] = written([replace(own, paths=paths, time=now if moved else own.time), *left])
    return Applied(item, [])


def _set(item: Json, path: Path, value: Any) -> None:
    place = item
    for key in path[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[path[-1]] = copy.deepcopy(value)


def _remove(item: Json, path: Path) -> None:
    """Take a field away, and the maps above it that are empty then."""
    places = [item]
    for key in path[:-1]:
        inner = places[-1].get(key)
        if not isinstance(inner, dict):
            return
        places.append(inner)
    places[-1].pop(path[-1], None)
    for above, key in zip(reversed(places[:-1]), reversed(path[:-1]), strict=True):
        if above[key] == {} and key not in {"spec", "metadata"}:
            del above[key]
