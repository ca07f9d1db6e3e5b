"""What an inventory comes to, as the three files of an inventory again: each value with the place that says it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from kubepeer.explained.hosts import entry_of, host
from kubepeer.explained.lines import Lines, Objects
from kubepeer.explained.sections import Origins, Place, section
from kubepeer.explained.tree import Branch, Leaf, Origin, Tree
from kubepeer.given import FABRIC, GROUPS, HOSTS
from kubepeer.intent import Intent
from kubepeer.intent.data import FabricData
from kubepeer.intent.families import BITS
from kubepeer.intent.files import Files
from kubepeer.intent.load import fabric_data, node_data, probe_data, router_data
from kubepeer.intent.pools import BLOCK_SIZE
from kubepeer.settings import Settings

DEFAULTS = "defaults"


def resolve(
    settings: Settings, intent: Intent, *, chosen: Collection[str] | None, everything: bool
) -> dict[str, Branch]:
    """Lay the inventory open: its documents hosts, groups and defaults; of some hosts the first alone.

    Args:
        settings: where its files are.
        intent: what they were read as.
        chosen: the hosts that are wanted; None: the whole inventory.
        everything: with Kubepeer's defaults, for what nobody has said.

    """
    inventory = _Inventory(settings)
    hosts = inventory.hosts(intent, chosen, everything=everything)
    if chosen is not None:
        return {HOSTS: hosts}
    groups, defaults = inventory.others(intent, everything=everything)
    return {HOSTS: hosts, GROUPS: groups, DEFAULTS: defaults}


class _Inventory:
    """The files as they stand, and the lines of what stands in them."""

    def __init__(self, settings: Settings) -> None:
        self._files = Files(settings)
        files = self._files
        self._entry_lines: Origins
        self._group_lines: Origins = Lines.of_file(settings.group_file)
        if files.given is None:
            self._entry_lines = Lines.of_file(settings.host_file)
        else:
            self._entry_lines = Objects(files.given, HOSTS)
            self._group_lines = Objects(files.given, GROUPS, Lines.of_file(settings.group_file))
        self._defaults = Place(
            Origin("defaults", files.defaults_file), Lines.of_file(settings.defaults_file), (), files.defaults
        )
        self._fabric_data = fabric_data(files)

    def _entry(self, name: str) -> Place:
        files = self._files
        return Place(Origin("host", files.host_file), self._entry_lines, (name,), files.hosts[name])

    def _group(self, name: str) -> Place:
        files = self._files
        return Place(Origin("group", files.group_file, name=name), self._group_lines, (name,), files.groups[name])

    def hosts(self, intent: Intent, chosen: Collection[str] | None, *, everything: bool) -> Branch:
        """The hosts, each of which says all that it is itself."""
        files, nodes = self._files, {node.name for node in intent.nodes}
        routers = {router.name for router in intent.routers}
        cluster = self._said("cluster")
        as_number = cluster.below("bgp").below("as_number") if cluster else None
        found: dict[str, Tree] = {}
        for name, entry in files.hosts.items():
            if chosen is not None and name not in chosen:
                continue
            read = node_data if name in nodes else router_data if name in routers else probe_data
            sources = [self._entry(name), *map(self._group, files.lineage(entry)), self._defaults]
            found[name] = host(name, read(files, name), sources, intent, as_number, everything=everything)
        return Branch(found)

    def others(self, intent: Intent, *, everything: bool) -> tuple[Branch, Branch]:
        """The groups, with what the group fabric says of the cluster, and the defaults, with what they say and what nobody says."""
        data = section(self._fabric_data, lambda key: _as_own(self._said(key)), everything=everything).parts
        if "cluster" in data:
            data = {**data, "cluster": _with_block_sizes(data["cluster"], intent)}
        above = self._files.groups.get(FABRIC, {}).get("data") or {}
        groups: dict[str, Tree] = {}
        for name, entry in self._files.groups.items():
            parts: dict[str, Tree] = {}
            if entry.get("groups"):
                parts["groups"] = Leaf([*entry["groups"]], replace(self._group(name).below("groups").origin, name=""))
            if name == FABRIC and any(key in above for key in data):
                parts["data"] = Branch({key: part for key, part in data.items() if key in above})
            groups[name] = Branch(parts)
        defaults: dict[str, Tree] = {**entry_of(self._defaults).parts}
        if any(key not in above for key in data):
            defaults["data"] = Branch({key: part for key, part in data.items() if key not in above})
        return Branch(groups), Branch(defaults)

    def _said(self, key: str) -> Place | None:
        """Where a key of the whole cluster is said: kubepeer/intent/load.py has the same order."""
        above = self._group(FABRIC) if FABRIC in self._files.groups else None
        for entry in (above, self._defaults):
            data = entry.below("data") if entry else None
            if data and isinstance(data.raw, Mapping) and key in data.raw and key in FabricData.model_fields:
                return data.below(key)
        return None


def _as_own(place: Place | None) -> Place | None:
    """Within the document of the groups it goes without saying whose a value is."""
    return replace(place, of=replace(place.of, name="")) if place else None


def _with_block_sizes(cluster: Tree, intent: Intent) -> Tree:
    """The sizes of blocks that Calico takes where none is said."""
    networks = intent.cluster.networks
    if not isinstance(cluster, Branch) or networks.pod_block_sizes or not networks.every_pods:
        return cluster
    below = cluster.parts["networks"]
    sizes: list[Any] = [BLOCK_SIZE[version] for version in networks.versions if version in BITS]
    leaf = Leaf(sizes if len(sizes) > 1 else sizes[0], Origin("follows", key="Calico's own"), follows=True)
    parts = below.parts if isinstance(below, Branch) else {}
    return Branch({**cluster.parts, "networks": Branch({**parts, "pod_block_size": leaf})})
