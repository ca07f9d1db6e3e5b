"""The three files of Nornir's SimpleInventory as they stand: their form is judged here, their meaning in load.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubepeer.errors import InventoryError
from kubepeer.settings import Settings, read_yaml

NOTHING = "Nothing was contacted."
HOST_KEYS = {"hostname", "port", "username", "platform", "groups", "data", "connection_options"}
MAPPINGS = ("data", "connection_options")
SECRET_KEYS = {
    "password",
    "passphrase",
    "secret",
    "sudo_password",
    "first_password",
    "token",
}  # Nornir's, Netmiko's and ours
Entry = dict[str, Any]


class Files:
    """The three files, and what a host inherits from them.

    Attributes:
        host_file, group_file, defaults_file: their names, as an error shows them.
        hosts, groups, defaults: what stands in them.

    """

    def __init__(self, settings: Settings) -> None:
        """Read the files.

        Raises:
            InventoryError: a file, an entry or a key is not of the right form: one line with file, host and key.

        """
        self.host_file, self.group_file, self.defaults_file = (
            str(path.relative_to(settings.folder) if path.is_relative_to(settings.folder) else path)
            for path in (settings.host_file, settings.group_file, settings.defaults_file)
        )
        self.hosts = _entries(settings.host_file, self.host_file)
        self.groups = _entries(settings.group_file, self.group_file)
        self.defaults = _entry(read_yaml(settings.defaults_file, self.defaults_file), f"{self.defaults_file}: ")
        for file, entries in ((self.host_file, self.hosts), (self.group_file, self.groups)):
            for name, entry in entries.items():
                self._known_groups(entry, f"{file}: {name}: groups: ")
        for name, entry in self.groups.items():
            self._no_circle(entry, (name,))

    def _known_groups(self, entry: Entry, where: str) -> None:
        named = entry.get("groups") or []
        if not isinstance(named, list):
            raise InventoryError(f"{where}a list is expected (found {named!r}). {NOTHING}")
        for group in named:
            if group not in self.groups:
                raise InventoryError(f"{where}there is no group {group!r}. {NOTHING}")

    def _no_circle(self, entry: Entry, above: tuple[str, ...]) -> None:
        for group in entry.get("groups") or []:
            if group in above:
                circle = " > ".join([*above, group])
                raise InventoryError(f"{self.group_file}: {above[0]}: groups: a circle: {circle}. {NOTHING}")
            self._no_circle(self.groups[group], (*above, group))

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

    def every(self, host: str, key: str) -> Iterator[Any]:
        """All values of a key under data: for a host, the nearest first."""
        for _, entry in self._sources(host):
            if key in (entry.get("data") or {}):
                yield entry["data"][key]

    def keys(self, host: str) -> set[str]:
        """All keys under data: that a host has or inherits."""
        return {key for _, entry in self._sources(host) for key in (entry.get("data") or {})}

    def _sources(self, host: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield self.host_file, self.hosts[host]
        for group in self.lineage(self.hosts[host]):
            yield self.group_file, self.groups[group]
        yield self.defaults_file, self.defaults


def _entries(path: Path, shown: str) -> dict[str, Entry]:
    return {str(name): _entry(entry, f"{shown}: {name}: ") for name, entry in read_yaml(path, shown).items()}


def _entry(entry: Any, where: str) -> Entry:
    if entry is None:
        return {}
    if not isinstance(entry, dict):
        raise InventoryError(f"{where}a mapping is expected. {NOTHING}")
    for key in _secrets(entry):
        cure = "log in with a key (extras: key_file); for bgp, endpoint and api name where it comes from: env, file or command"
        raise InventoryError(f"{where}{key} stands in the inventory. {NOTHING}", cure=cure)
    for key in entry:
        if key not in HOST_KEYS:
            raise InventoryError(f"{where}unknown key {key!r}; known: {', '.join(sorted(HOST_KEYS))}. {NOTHING}")
    for key in MAPPINGS:
        if not isinstance(entry.get(key) or {}, dict):
            raise InventoryError(f"{where}{key}: a mapping is expected. {NOTHING}")
    return entry


def _secrets(value: Any, above: str = "") -> Iterator[str]:
    """The keys under which a secret itself stands; a mapping under such a key names a source."""
    if isinstance(value, dict):
        for key, below in value.items():
            path = f"{above}.{key}" if above else str(key)
            if key in SECRET_KEYS and isinstance(below, str | int):
                yield path
            yield from _secrets(below, path)
