"""What each host comes to: what it has, and what it inherits from its groups and the defaults, with where that stands. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubepeer.explained.sections import Place, section, written
from kubepeer.explained.tree import Branch, Items, Leaf, Origin, Tree
from kubepeer.intent import Intent, Node
from kubepeer.intent.data import NodeData, RouterData
from kubepeer.intent.families import SECOND_KEYS, Addressed
from kubepeer.intent.node_settings import NodeSettings, Taint
from kubepeer.intent.probe import ProbeData

NORNIRS = ("hostname", "port", "username", "platform")  # of an entry, and of each of its connections
FOLLOWING = ("full_name", "priority")
Sources = Sequence[Place]  # of one host, the nearest first: its entry, its groups', the defaults file


def host(
    name: str,
    data: NodeData | RouterData | ProbeData,
    sources: Sources,
    intent: Intent,
    as_number: Place | None,
    *,
    everything: bool,
) -> Branch:
    """The entry of a host that says itself all that it is.

    Args:
        name: the host's.
        data: what it has and inherits under data:.
        sources: the entries that it has it from.
        intent: of the whole inventory.
        as_number: where that of the cluster is said.
        everything: with Kubepeer's defaults, for what nobody has said.

    """
    parts = dict(_nornirs(sources))
    if (groups := sources[0].below("groups")).raw:
        parts["groups"] = Leaf([*groups.raw], groups.origin)
    if connections := _connections(sources):
        parts["connection_options"] = Branch(connections)
    found = dict(section(data, lambda key: _nearest(sources, "data", key), everything=everything).parts)
    if isinstance(data, NodeData):
        found |= _joined(data, sources)
        found |= _of_node(intent.node(name), data, sources, as_number)
    elif isinstance(data, RouterData):
        found |= _addresses(intent.router(name), data)
    if found:
        order = [*(key for key in type(data).model_fields if key not in NodeSettings.model_fields), *FOLLOWING, *found]
        parts["data"] = Branch({key: found[key] for key in dict.fromkeys(order) if key in found})
    return Branch(parts)


def entry_of(place: Place) -> Branch:
    """What Nornir itself reads of an entry, without groups and data."""
    parts = dict(_nornirs([place]))
    if connections := _connections([place]):
        parts["connection_options"] = Branch(connections)
    return Branch(parts)


def _nearest(sources: Sources, *keys: str) -> Place | None:
    """The nearest place that has a value under these keys; Nornir takes null for none, and the model of data: for a value."""
    for place in sources:
        for key in keys[:-1]:
            place = place.below(key)  # noqa: PLW2901  down to where the last key stands
        if isinstance(place.raw, Mapping) and keys[-1] in place.raw:
            found = place.below(keys[-1])
            if found.raw is not None or keys[0] == "data":
                return found
    return None


def _nornirs(sources: Sources) -> Iterator[tuple[str, Tree]]:
    """Nornir's own keys, each from the nearest place that has it."""
    for key in NORNIRS:
        if (place := _nearest(sources, key)) is not None:
            yield key, Leaf(place.raw, place.origin)


def _connections(sources: Sources) -> dict[str, Tree]:
    names = {name: None for place in sources for name in place.below("connection_options").raw or {}}
    found: dict[str, Tree] = {}
    walked = _as_nornir_walks(sources)
    for name in names:
        of_one = [
            place.below("connection_options").below(name)
            for place in sources
            if name in (place.below("connection_options").raw or {})
        ]
        parts = dict(_nornirs([place.below("connection_options").below(name) for place in walked]))
        extras: dict[str, Tree] = {}
        for place in reversed(of_one):  # Kubepeer merges them, key by key: kubepeer/inventory.py
            for key in place.below("extras").raw or {}:
                extra = place.below("extras").below(key)
                extras[str(key)] = written(extra.raw, extra, everything=False)
        if extras:
            parts["extras"] = Branch(extras)
        found[str(name)] = Branch(parts)
    return found


def _as_nornir_walks(sources: Sources) -> Sources:
    """For connections Nornir looks into the defaults when it has come to the first group without groups, before all others."""
    *entries, last = sources
    end = next((number for number, place in enumerate(entries) if not place.below("groups").raw), len(entries))
    return [*entries[: end + 1], last, *entries[end + 1 :]]


def _joined(data: NodeData, sources: Sources) -> Iterator[tuple[str, Tree]]:
    """What is of the host and all its groups, name by name: each from the nearest that says it."""
    for key in NodeSettings.model_fields:
        value = getattr(data, key)
        places = [place.below("data").below(key) for place in sources if key in (place.below("data").raw or {})]
        if isinstance(value, Mapping) and value:
            names = ((name, _of_name(places, name)) for name in value)
            yield key, Branch({name: written(value[name], place, everything=False) for name, place in names})
        elif value:
            yield key, Items(tuple(written(taint, _of_taint(places, taint), everything=False) for taint in value))


def _of_name(places: Sources, name: str) -> Place | None:
    found = (place.below(key) for place in places for key in place.raw or {} if str(key) == name)
    return next(found, None)


def _of_taint(places: Sources, taint: Taint) -> Place | None:
    for place in places:
        for number, item in enumerate(place.raw or []):
            if isinstance(item, Mapping) and (item.get("key"), item.get("effect")) == (taint.key, taint.effect):
                return place.below(number)
    return None


def _of_node(node: Node, data: NodeData, sources: Sources, as_number: Place | None) -> Iterator[tuple[str, Tree]]:
    if data.as_number is None:
        rack, key = _nearest(sources, "data", "rack"), "rack.as_number"
        place = rack.below("as_number") if rack and data.rack and data.rack.as_number else None
        if place is None:
            place, key = as_number, "cluster.bgp.as_number"
        if place is not None:
            yield "as_number", Leaf(node.as_number, replace(place.origin, key=key))
    yield from _addresses(node, data)
    if not node.routers_said:
        yield "routers", _follows([*node.routers], "all that there are: nobody names some")
    yield "full_name", _follows(node.full_name, "its name and cluster.domain")
    if node.role == "control_plane":
        yield "priority", _follows(node.priority, "of keepalived: by its place among the hosts")


def _addresses(host: Addressed, data: NodeData | RouterData) -> Iterator[tuple[str, Tree]]:
    """Those that another key than address and address6 says."""
    for address in host.addresses:
        first = address is host.address
        name = "address" if first else SECOND_KEYS[address.version]
        if getattr(data, name) is None:
            yield name, _follows(str(address), host.address_key if first else "hostname")


def _follows(value: Any, words: str) -> Leaf:
    return Leaf(value, Origin("follows", key=words), follows=True)
