"""From the three files of Nornir's SimpleInventory to intent; every mistake is one line with file, host and key, before anything connects."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubepeer.errors import InventoryError
from kubepeer.intent.model import AsNumber, Cluster, Intent, Manifests, Node, Packages, Router, Section, Software
from kubepeer.intent.rules import contradictions
from kubepeer.settings import Settings, read_yaml

NOTHING = "Nothing was contacted."
HOST_KEYS = {"hostname", "port", "username", "platform", "groups", "data", "connection_options"}
ROLES = ("control_plane", "worker")
FIRST_PRIORITY = 100  # keepalived: the first control plane; each further one has one less, as in the tutorial


class FabricData(Section):
    """The keys under data: of the group `fabric` and of the defaults: true of everything."""

    cluster: Cluster
    software: Software
    packages: Packages
    manifests: Manifests
    time_servers: tuple[str, ...] = ()
    registries: dict[str, str] = {}


class NodeData(Section):
    """The keys under data: of a node, or of the groups it is in."""

    interface: str = "eth0"


class RouterData(Section):
    """The keys under data: of a router, or of the groups it is in."""

    as_number: AsNumber


class Files:
    """The three files as they stand, and what a host inherits from them."""

    def __init__(self, settings: Settings) -> None:
        self.names = {
            path: str(path.relative_to(settings.folder) if path.is_relative_to(settings.folder) else path)
            for path in (settings.host_file, settings.group_file, settings.defaults_file)
        }
        self.host_file, self.group_file, self.defaults_file = self.names.values()
        self.hosts = _mapping_of_mappings(settings.host_file, self.host_file)
        self.groups = _mapping_of_mappings(settings.group_file, self.group_file)
        self.defaults = _known_keys(read_yaml(settings.defaults_file, self.defaults_file), self.defaults_file, "")
        for file, entries in ((self.host_file, self.hosts), (self.group_file, self.groups)):
            for name, entry in entries.items():
                _known_keys(entry, file, f"{name}: ")
                for group in entry.get("groups") or []:
                    if group not in self.groups:
                        raise InventoryError(f"{file}: {name}: groups: there is no group {group!r}. {NOTHING}")

    def lineage(self, entry: Mapping[str, Any]) -> Iterator[str]:
        """The groups that an entry is in, nearest first, as Nornir walks them."""
        for group in entry.get("groups") or []:
            yield group
            yield from self.lineage(self.groups[group])

    def inherited(self, host: str, key: str, default: Any = None) -> tuple[Any, str]:
        """The value of a key under data: for a host, and the file it stands in."""
        for file, entry in self._sources(host):
            if key in (entry.get("data") or {}):
                return entry["data"][key], file
        return default, self.host_file

    def keys(self, host: str) -> set[str]:
        """All keys under data: that a host has or inherits."""
        return {key for _, entry in self._sources(host) for key in (entry.get("data") or {})}

    def _sources(self, host: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield self.host_file, self.hosts[host]
        for group in self.lineage(self.hosts[host]):
            yield self.group_file, self.groups[group]
        yield self.defaults_file, self.defaults


def _mapping_of_mappings(path: Path, shown: str) -> dict[str, dict[str, Any]]:
    document = read_yaml(path, shown)
    for name, entry in document.items():
        if entry is not None and not isinstance(entry, dict):
            raise InventoryError(f"{shown}: {name}: a mapping is expected. {NOTHING}")
    return {str(name): entry or {} for name, entry in document.items()}


def _known_keys(entry: dict[str, Any], file: str, where: str) -> dict[str, Any]:
    if "password" in entry:
        cure = "name its source under user_defined or use a key; a password never stands in the inventory"
        raise InventoryError(f"{file}: {where}password stands in the inventory. {NOTHING}", cure=cure)
    for key in entry:
        if key not in HOST_KEYS:
            raise InventoryError(
                f"{file}: {where}unknown key {key!r}; known: {', '.join(sorted(HOST_KEYS))}. {NOTHING}"
            )
    return entry


def load_intent(settings: Settings) -> Intent:
    """Read the inventory and build the intent.

    Raises:
        InventoryError: it contradicts itself or the model: one line, with file, host and key.

    """
    files = Files(settings)
    fabric = _fabric(files)
    nodes: list[Node] = []
    routers: list[Router] = []
    for name in files.hosts:
        groups = set(files.lineage(files.hosts[name]))
        if "routers" in groups:
            routers.append(_router(files, name))
        elif roles := [role for role in ROLES if role in groups]:
            nodes.append(_node(files, name, roles, fabric.cluster.domain, FIRST_PRIORITY - len(nodes)))
        else:
            raise InventoryError(
                f"{files.host_file}: {name}: is in none of the groups control_plane, worker, routers. {NOTHING}"
            )
    intent = Intent(nodes=tuple(nodes), routers=tuple(routers), **dict(fabric))
    for found in contradictions(intent):
        file = files.host_file if found.host else _file_of_fabric_key(files, found.key)
        where = f"{found.host}: " if found.host else f"{found.key}: "
        raise InventoryError(f"{file}: {where}{found.what}. {NOTHING}")
    return intent


def _file_of_fabric_key(files: Files, key: str) -> str:
    in_groups = key.split(".", maxsplit=1)[0] in (files.groups.get("fabric", {}).get("data") or {})
    return files.group_file if in_groups else files.defaults_file


def _fabric(files: Files) -> FabricData:
    below, above = files.defaults.get("data") or {}, files.groups.get("fabric", {}).get("data") or {}
    try:
        return FabricData.model_validate(below | above)
    except ValidationError as error:
        key, message = _first(error)
        raise InventoryError(f"{_file_of_fabric_key(files, key)}: {key}: {message}. {NOTHING}") from error


def _own_data(files: Files, name: str) -> dict[str, Any]:
    return {key: files.inherited(name, key)[0] for key in files.keys(name) if key not in FabricData.model_fields}


def _node(files: Files, name: str, roles: list[str], domain: str, priority: int) -> Node:
    if len(roles) > 1:
        raise InventoryError(f"{files.host_file}: {name}: is in both groups {' and '.join(roles)}. {NOTHING}")
    try:
        data = NodeData.model_validate(_own_data(files, name))
        address = files.hosts[name].get("hostname", "")
        return Node.model_validate(
            {
                "name": name,
                "full_name": f"{name}.{domain}",
                "address": address,
                "role": roles[0],
                "interface": data.interface,
                "priority": priority,
            }
        )
    except ValidationError as error:
        raise _of_host(files, name, error) from error


def _router(files: Files, name: str) -> Router:
    entry = files.hosts[name]
    platform = entry.get("platform") or next(
        (files.groups[group]["platform"] for group in files.lineage(entry) if "platform" in files.groups[group]), ""
    )
    try:
        data = RouterData.model_validate(_own_data(files, name))
        return Router.model_validate(
            {"name": name, "platform": platform, "as_number": data.as_number, "address": entry.get("hostname", "")}
        )
    except ValidationError as error:
        raise _of_host(files, name, error) from error


def _of_host(files: Files, name: str, error: ValidationError) -> InventoryError:
    key, message = _first(error)
    if key == "address":
        return InventoryError(f"{files.host_file}: {name}: hostname: {message}. {NOTHING}")
    return InventoryError(f"{files.inherited(name, key.split('.')[0])[1]}: {name}: {key}: {message}. {NOTHING}")


def _first(error: ValidationError) -> tuple[str, str]:
    """The first complaint: its key, and what is wrong in the words of a person."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key"
    elif first["type"] == "missing":
        message = "is missing"
    elif not isinstance(first["input"], dict | list):
        message = f"{message} (found {first['input']!r})"
    return key, message
