"""A plugin for Nornir: an inventory of entries that have been read already, as SimpleInventory has those of its files."""

from collections.abc import Mapping
from typing import Any, ClassVar

from nornir.core.inventory import ConnectionOptions, Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups

from kubepeer.given import Entry

FIELDS = ("hostname", "port", "username", "platform")


class GivenInventory:
    """Nornir's InventoryPlugin."""

    NAME: ClassVar = "KubepeerGiven"

    def __init__(self, hosts: Mapping[str, Entry], groups: Mapping[str, Entry], defaults: Entry) -> None:
        self._hosts, self._groups, self._defaults = hosts, groups, defaults

    def load(self) -> Inventory:
        """Make the inventory."""
        defaults = Defaults(**_fields(self._defaults))
        groups = Groups(
            {name: Group(name=name, defaults=defaults, **_fields(one)) for name, one in self._groups.items()}
        )
        hosts = Hosts({name: Host(name=name, defaults=defaults, **_fields(one)) for name, one in self._hosts.items()})
        for name, group in groups.items():
            group.groups = _parents(groups, self._groups[name])
        for name, host in hosts.items():
            host.groups = _parents(groups, self._hosts[name])
        return Inventory(hosts=hosts, groups=groups, defaults=defaults)


def _parents(groups: Groups, entry: Entry) -> ParentGroups:
    return ParentGroups([groups[name] for name in entry.get("groups") or ()])


def _fields(entry: Entry) -> dict[str, Any]:
    connections = {
        name: ConnectionOptions(**{field: (said or {}).get(field) for field in (*FIELDS, "password", "extras")})
        for name, said in (entry.get("connection_options") or {}).items()
    }
    own = {field: entry.get(field) for field in FIELDS}
    return {**own, "data": dict(entry.get("data") or {}), "connection_options": connections}
