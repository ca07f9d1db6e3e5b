"""From a source of truth's answers to hosts and groups, by the table of config.yaml. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubepeer.given import GROUPS, HOSTS, Entry, Given, Path, Told
from kubepeer.sources.answers import Answers, Thing, naturally, read_field, shown, slug
from kubepeer.sources.cluster import put_cluster, put_context
from kubepeer.sources.entries import Entries
from kubepeer.sources.options import AddressOf, From, Map
from kubepeer.sources.racks import group_of, place_of, put_racks

ROUTERS, PROBES = "routers", "probes"
SECONDS = {"address": "address6"}  # key of an address -> that of the other family's
INTERFACE = "interface"  # the key that is not the address, but the interface that has it


def inventory_of(answers: Answers, table: Map, groups: Mapping[str, Entry], at: str) -> Given:
    """Make the inventory.

    Args:
        answers: of the source.
        table: what means what.
        groups: of the group file, which says what a router is and what a node.
        at: the source's address.

    Raises:
        InventoryError: with the object that is wrong, and the cure.

    """
    try:
        entries = _entries(answers, table, groups)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise answers.mistake(
            Told(answers.source, at),
            f"an answer is not of the form that its API has ({type(error).__name__}: {shown(error)})",
            "--verbose says where; report it with the version that answers",
        ) from error
    return Given(f"{answers.source} {at}", entries.of(HOSTS), entries.of(GROUPS), entries.told)


def _entries(answers: Answers, table: Map, groups: Mapping[str, Entry]) -> Entries:
    mapped = _Mapped(answers, table, groups)
    for device in mapped.devices:
        mapped.put(device)
    if table.racks:
        put_racks(mapped.entries, answers, table.racks, mapped.nodes, mapped.routers)
    put_cluster(mapped.entries, answers, table)
    return mapped.entries


class _Mapped:
    """The devices in the order of the hosts, and what is said of them."""

    def __init__(self, answers: Answers, table: Map, groups: Mapping[str, Entry]) -> None:
        self._answers, self._table, self._groups = answers, table, groups
        self._addresses: dict[Any, list[Thing]] = {}
        for address in answers.addresses:
            holder = (address.get("assigned_object") or {}).get("device") or {}
            self._addresses.setdefault(holder.get("id"), []).append(address)
        self.entries = Entries(answers)
        self.nodes: list[Thing] = []
        self.routers: dict[str, Thing] = {}
        self.devices = self._in_order()

    def _in_order(self) -> Sequence[Thing]:
        """By their roles as the table has them, then by name: which control plane is the first must not depend on who asks."""
        roles = list(self._table.roles)
        seen: dict[str, Thing] = {}
        for device in self._answers.devices:
            told, role, name = self._answers.told("device", device), slug(device.get("role")), device.get("name")
            if role not in self._table.roles:
                raise self._answers.mistake(
                    told,
                    f"its role {shown(role)} is not in inventory.options.map.roles",
                    "enter it there, with ~ if its devices are none of the inventory; or filter_parameters leave them out",
                )
            if self._table.roles[role] is None:
                continue
            if not name:
                raise self._answers.mistake(told, "has no name", "a host has one: enter it there")
            if (other := seen.setdefault(name, device)) is not device:
                raise self._answers.mistake(
                    told, f"has the name of {self._answers.told('device', other)}", "rename one"
                )
        if not seen:
            none = Told(self._answers.source, "inventory.options.filter_parameters")
            cure = "correct the parameters; or the token may not view devices"
            raise self._answers.mistake(none, "there is no device with a role of the inventory", cure)
        return sorted(
            seen.values(), key=lambda one: (roles.index(str(slug(one.get("role")))), naturally(str(one["name"])))
        )

    def put(self, device: Thing) -> None:
        """Enter a host: groups, where SSH goes, and what is under data:."""
        name, told = str(device["name"]), self._answers.told("device", device)
        self.entries.entry(HOSTS, name, told)
        hostname = self._read(device, self._table.hostname, "hostname")
        if hostname is None:
            raise self._answers.mistake(told, f"has no {self._table.hostname}: it is where SSH goes", "enter it there")
        self.entries.put((HOSTS, name, "hostname"), hostname, self._told(device, self._table.hostname))
        named = list(self._groups_of(device))
        above = {*self._lineage(named)}
        table: Mapping[str, From] = {}
        if ROUTERS in above:
            self._refuse_without_platform(device, above)
            self.routers[name], table = device, self._table.routers
        elif PROBES not in above:
            self.nodes.append(device)
            table = self._table.nodes
            if self._table.racks:
                named.append(group_of(place_of(self._answers, device, self._table.racks)))
        self.entries.put((HOSTS, name, "groups"), named, self._told(device, "role, platform and tags"))
        self._put_data(device, table, "routers" if ROUTERS in above else "nodes")

    def _put_data(self, device: Thing, table: Mapping[str, From], of: str) -> None:
        own: Path = (HOSTS, str(device["name"]), "data")
        for key, source in table.items():
            if isinstance(source, AddressOf):
                self._put_addresses(device, own, key, source)
            elif isinstance(source, str):
                self.entries.put((*own, key), self._read(device, source, f"{of}.{key}"), self._told(device, source))
            else:
                for part, field in source.items():
                    value = self._read(device, field, f"{of}.{key}.{part}")
                    self.entries.put((*own, key, part), value, self._told(device, field))
        name = self._table.config_context
        context = (device.get("config_context") or {}).get(name)
        if context is None:
            return
        told = self._told(device, f"config context {name}")
        if not isinstance(context, Mapping):
            raise self._answers.mistake(told, f"config context {name}: a mapping is expected", "keys as under data:")
        put_context(self.entries, context, own, told)

    def _put_addresses(self, device: Thing, own: Path, key: str, wanted: AddressOf) -> None:
        """One of a family; with two families the second one has a key of its own."""
        told = self._answers.told("device", device)
        found: dict[int, Thing] = {}
        for address in self._addresses.get(device["id"], []):
            if not _is_wanted(address, wanted, device):
                continue
            version = 6 if ":" in str(address["address"]) else 4
            if (other := found.setdefault(version, address)) is not address:
                both = f"{other['address']} and {address['address']}"
                raise self._answers.mistake(
                    told, f"{key}: has two addresses with {wanted}: {both}", "one of a family has it"
                )
        if key == INTERFACE:
            for address in found.values():  # of two families both must be on one
                name = address["assigned_object"]["name"]
                self.entries.put(
                    (*own, key), name, self._told(device, f"interface of the IP address {address['address']}")
                )
            return
        keys = [key, SECONDS.get(key, key)]
        for place, version in zip(keys, sorted(found), strict=False):
            bare = str(found[version]["address"]).partition("/")[0]
            self.entries.put((*own, place), bare, self._told(device, f"IP address with {wanted}"))

    def _read(self, device: Thing, path: str, table: str) -> Any:
        value = read_field(self._answers, "device", device, path, table)
        return None if value in ("", []) else value

    def _told(self, device: Thing, key: str) -> Told:
        return self._answers.told("device", device, key)

    def _groups_of(self, device: Thing) -> Iterator[str]:
        """The nearest first, as in the files: of its tags, of its platform, of its role; without those that another one is in."""
        table, role = self._table, str(slug(device.get("role")))
        named = [group for tag in device.get("tags") or () for group in table.tags.get(str(slug(tag)), ())]
        if (platform := slug(device.get("platform"))) is not None:
            named += table.platforms.get(platform, ())
        named += table.roles[role] or ()
        seen: set[str] = set()
        for group in named:
            if group not in seen:
                yield group
                seen |= {*self._lineage([group])}

    def _lineage(self, named: Sequence[str]) -> Iterator[str]:
        """A circle among the groups is told when their file is read."""
        waiting, seen = [*named], set[str]()
        while waiting:
            group = waiting.pop()
            if group not in seen:
                seen.add(group)
                yield group
                waiting += (self._groups.get(group) or {}).get("groups") or []

    def _refuse_without_platform(self, device: Thing, above: set[str]) -> None:
        if any((self._groups.get(group) or {}).get("platform") for group in above):
            return
        platform = slug(device.get("platform"))
        said = (
            f"its platform {shown(platform)} is not in inventory.options.map.platforms"
            if platform
            else "has no platform"
        )
        with_one = [name for name, entry in self._groups.items() if entry.get("platform")]
        cure = f"a router's platform is mapped to its group: {', '.join(with_one)}"
        raise self._answers.mistake(self._answers.told("device", device), said, cure)


def _is_wanted(address: Thing, wanted: AddressOf, device: Thing) -> bool:
    if wanted.primary:
        return any(address["id"] == (device.get(key) or {}).get("id") for key in ("primary_ip4", "primary_ip6"))
    if wanted.tag is not None:
        return any(slug(tag) == wanted.tag for tag in address.get("tags") or ())
    if wanted.role is not None:
        role = address.get("role") or {}
        return bool(role.get("value", slug(role)) == wanted.role) if role else False
    return bool((address.get("assigned_object") or {}).get("name") == wanted.interface)
