"""The three files of Nornir's SimpleInventory as they stand: their form is judged here, their meaning in load.py.

Where a source of truth has given hosts, these stand in the place of the first file, and beside those of the second.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubepeer.errors import InventoryError
from kubepeer.given import FABRIC, GROUPS, HOSTS, Entry, Given
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


class Files:
    """The three files, and what a host inherits from them.

    Attributes:
        host_file, group_file, defaults_file: their names, as an error shows them.
        hosts, groups, defaults: what stands in them.
        given: of a source of truth, if the hosts are there.

    """

    def __init__(self, settings: Settings) -> None:
        """Read the files.

        Raises:
            InventoryError: a file, an entry or a key is not of the right form: one line with file, host and key.

        """
        self.host_file, self.group_file, self.defaults_file = (
            settings.shown(path) for path in (settings.host_file, settings.group_file, settings.defaults_file)
        )
        if settings.source is not None and settings.given is None:
            raise RuntimeError("the source of the inventory was not asked: kubepeer/sources/gather.py")
        self.given = settings.given
        self.groups = entries(settings.group_file, self.group_file)
        if self.given is None:
            self.hosts = entries(settings.host_file, self.host_file)
        else:
            self.host_file = self.given.source
            self.hosts = {name: _entry(entry, f"{self.at(name)}: ") for name, entry in self.given.hosts.items()}
            self.groups = _joined(self.groups, self.group_file, self.given)
        self.defaults = _entry(read_yaml(settings.defaults_file, self.defaults_file), f"{self.defaults_file}: ")
        for name, entry in self.hosts.items():
            self._known_groups(entry, f"{self.at(name)}: groups: ")
        for name, entry in self.groups.items():
            self._known_groups(entry, f"{self.group_file}: {name}: groups: ")
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

    def at(self, host: str) -> str:
        """A host, as a line begins that says what is wrong with it: its file and its name, or the object that it is."""
        told = self.given.where(HOSTS, host) if self.given else None
        return str(told) if told else f"{self.host_file}: {host}"

    def said(self, host: str, key: str) -> Any:
        """The value of a key under data: for a host; None: nobody says one."""
        return next(self.every(host, key), None)

    def at_key(self, host: str, key: str) -> str:
        """The same of a key under data: for a host: the file, or the object, that says it."""
        for kind, name, entry in self._sources(host):
            if key not in (entry.get("data") or {}):
                continue
            if kind == HOSTS:
                break
            if self.given and kind == GROUPS and (told := self.given.below(GROUPS, name, "data", key)):
                return f"{told}: {host}"
            return f"{self.group_file if kind == GROUPS else self.defaults_file}: {host}"
        return self.at(host)

    def at_fabric_key(self, key: str) -> str:
        """Where a key of the whole cluster stands, or the part of it that a path names."""
        top, *below = key.split(".")
        if top not in (self.groups.get(FABRIC, {}).get("data") or {}):
            return self.defaults_file
        told = self.given.where(GROUPS, FABRIC, "data", top, *below) if self.given else None
        return str(told) if told else self.group_file

    def every(self, host: str, key: str) -> Iterator[Any]:
        """All values of a key under data: for a host, the nearest first."""
        for *_, entry in self._sources(host):
            if key in (entry.get("data") or {}):
                yield entry["data"][key]

    def keys(self, host: str) -> set[str]:
        """All keys under data: that a host has or inherits."""
        return {key for *_, entry in self._sources(host) for key in (entry.get("data") or {})}

    def _sources(self, host: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        yield HOSTS, host, self.hosts[host]
        for group in self.lineage(self.hosts[host]):
            yield GROUPS, group, self.groups[group]
        yield "defaults", "", self.defaults


def entries(path: Path, shown: str) -> dict[str, Entry]:
    """The entries of a file of hosts or of groups.

    Raises:
        InventoryError: its form is wrong: one line with file, name and key.

    """
    return {str(name): _entry(entry, f"{shown}: {name}: ") for name, entry in read_yaml(path, shown).items()}


def _joined(groups: Mapping[str, Entry], file: str, given: Given) -> dict[str, Entry]:
    """The groups of the file, with what a source of truth says of them: each value stands in one of them."""
    found = dict(groups)
    for name, entry in given.groups.items():
        _entry(entry, f"{given.where(GROUPS, name) or given.source}: ")
        found[name] = _laid_over(found.get(name) or {}, entry, (GROUPS, name), file, given)
    return found


def _laid_over(below: Entry, above: Entry, path: tuple[str, ...], file: str, given: Given) -> Entry:
    found = dict(below)
    for key, value in above.items():
        here, stands = (*path, key), found.get(key)
        if isinstance(stands, dict) and isinstance(value, dict):
            found[key] = _laid_over(stands, value, here, file, given)
        elif stands is not None and stands != value:
            told = given.where(*here) or given.below(*here)
            raise InventoryError(
                f"{file}: {path[1]}: {'.'.join(here[2:]).removeprefix('data.')}: {told} says another value. {NOTHING}",
                cure="let one of them say it",
            )
        else:
            found[key] = value
    return found


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
