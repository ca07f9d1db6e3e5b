"""From the three files of the inventory to intent; every mistake is one line with file, host and key, before anything connects."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from kubepeer.errors import InventoryError
from kubepeer.given import FABRIC
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.addresses import addresses_of
from kubepeer.intent.adopted import WAYS, unsaid_or_idle
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.data import FabricData, NodeData, RouterData
from kubepeer.intent.files import NOTHING, Files
from kubepeer.intent.model import (
    Cluster,
    Intent,
    Node,
    Router,
)
from kubepeer.intent.networks import Networks
from kubepeer.intent.node_settings import NodeSettings
from kubepeer.intent.probe import GROUP as PROBES
from kubepeer.intent.probe import Probe, ProbeData
from kubepeer.intent.rules import contradictions
from kubepeer.intent.values import NOT_SHOWN
from kubepeer.settings import Settings

ROLES = ("control_plane", "worker")
GONE = {  # keys of earlier versions of Kubepeer, and what became of them
    "packages.kubernetes_version": "no longer written by hand: the repository is asked for the package of software.kubernetes",
}
OF_EACH_HOST = "access"  # though it may be said for all of them at once, in the defaults or in the group fabric
FIRST_PRIORITY = 100  # keepalived: the first control plane; each further one has one less, as in the tutorial


def load_intent(settings: Settings, platforms: Platforms) -> Intent:
    """Read the inventory and build the intent.

    Args:
        settings: where its files are.
        platforms: those that a router may be of, by name.

    Raises:
        InventoryError: it contradicts itself or the model: one line, with file, host and key.

    """
    files = Files(settings)
    _refuse_scattered_fabric(files)
    fabric = fabric_data(files)
    groups = {name: set(files.lineage(entry)) for name, entry in files.hosts.items()}
    routers = [
        _router(files, name, platforms, fabric.cluster.networks) for name in files.hosts if "routers" in groups[name]
    ]
    nodes: list[Node] = []
    for name in files.hosts:
        if "routers" in groups[name] or PROBES in groups[name]:
            continue
        roles = [role for role in ROLES if role in groups[name]]
        if fabric.cluster.adopted:
            raise InventoryError(
                f"{files.at(name)}: is no router, and {WAYS} names a cluster that Kubepeer did not build: its nodes come from its"
                f" API. {NOTHING}",
                cure="take it out of the inventory, or put it into a group of routers",
            )
        if not roles:
            raise InventoryError(
                f"{files.at(name)}: is in none of the groups control_plane, worker, routers, {PROBES}. {NOTHING}"
            )
        nodes.append(_node(files, name, roles, fabric.cluster, routers, FIRST_PRIORITY - len(nodes)))
    probes = tuple(_probe(files, name, groups[name]) for name in files.hosts if PROBES in groups[name])
    intent = Intent(nodes=tuple(nodes), routers=tuple(routers), probes=probes, **dict(fabric))
    for found in contradictions(intent, platforms):
        key = f"{found.key}: " if found.key else ""
        raise InventoryError(f"{_place_of(files, found)}: {key}{found.what}. {NOTHING}", cure=found.cure)
    return intent


def _refuse_scattered_fabric(files: Files) -> None:
    """A key of the whole cluster at one host or in another group would say nothing, and somebody would believe in it."""
    entries = [(files.at(name), entry) for name, entry in files.hosts.items()]
    entries += [(f"{files.group_file}: {name}", entry) for name, entry in files.groups.items() if name != FABRIC]
    for place, entry in entries:
        for key in entry.get("data") or {}:
            if key in FabricData.model_fields:
                raise InventoryError(
                    f"{place}: {key}: is one for the whole cluster. {NOTHING}",
                    cure="move it to the group fabric or to the defaults file",
                )


def _place_of(files: Files, found: Contradiction) -> str:
    if found.host:
        return files.at_key(found.host, found.key.split(".")[0]) if found.key else files.at(found.host)
    return files.at_fabric_key(found.key) if found.key else files.host_file


def fabric_data(files: Files) -> FabricData:
    """What is true of everything: of a key the value of the group fabric, else that of the defaults.

    Raises:
        InventoryError: it is not what the model asks for.

    """
    below, above = files.defaults.get("data") or {}, files.groups.get(FABRIC, {}).get("data") or {}
    try:
        fabric = FabricData.model_validate(
            {key: value for key, value in (below | above).items() if key != OF_EACH_HOST}
        )
    except ValidationError as error:
        key, message = _first(error)
        raise InventoryError(f"{files.at_fabric_key(key)}: {key}: {message}. {NOTHING}") from error
    for key, message in unsaid_or_idle(fabric):
        raise InventoryError(f"{files.at_fabric_key(key)}: {key}: {message}. {NOTHING}")
    return fabric


def _own_data(files: Files, name: str) -> dict[str, Any]:
    return {key: files.said(name, key) for key in files.keys(name) if key not in FabricData.model_fields}


def node_data(files: Files, name: str) -> NodeData:
    """What a node has and inherits under data:."""
    return NodeData.model_validate(_own_data(files, name) | _joined(files, name))


def router_data(files: Files, name: str) -> RouterData:
    """What a router has and inherits under data:."""
    return RouterData.model_validate(_own_data(files, name))


def probe_data(files: Files, name: str) -> ProbeData:
    """What a probing host has and inherits under data:."""
    return ProbeData.model_validate(_own_data(files, name))


def _node(
    files: Files, name: str, roles: list[str], cluster: Cluster, routers: Sequence[Router], priority: int
) -> Node:
    if len(roles) > 1:
        raise InventoryError(f"{files.at(name)}: is in both groups {' and '.join(roles)}. {NOTHING}")
    try:
        data = node_data(files, name)
        return Node.model_validate(
            {
                "name": name,
                "full_name": f"{name}.{cluster.domain}",
                **addresses_of(files, name, {"data.address": data.address}, data.address6, cluster.networks),
                "role": roles[0],
                "interface": data.interface,
                "priority": priority,
                "as_number": data.as_number or (data.rack and data.rack.as_number) or cluster.bgp.as_number,
                "routers": data.routers if data.routers is not None else tuple(router.name for router in routers),
                "routers_said": data.routers is not None,
                "rack": data.rack,
                "route_reflector": data.route_reflector,
                "access": data.access,
                "settings": NodeSettings(**{key: getattr(data, key) for key in NodeSettings.model_fields}),
            }
        )
    except ValidationError as error:
        raise _of_host(files, name, error) from error


def _probe(files: Files, name: str, groups: set[str]) -> Probe:
    if others := sorted(groups & {*ROLES, "routers"}):
        raise InventoryError(f"{files.at(name)}: is in both groups {PROBES} and {others[0]}. {NOTHING}")
    try:
        return Probe(name=name, access=probe_data(files, name).access)
    except ValidationError as error:
        raise _of_host(files, name, error) from error


def _router(files: Files, name: str, platforms: Platforms, networks: Networks) -> Router:
    entry = files.hosts[name]
    platform = entry.get("platform") or next(
        (files.groups[group]["platform"] for group in files.lineage(entry) if "platform" in files.groups[group]), ""
    )
    if platform not in platforms:
        *others, last = map(repr, platforms)
        raise InventoryError(
            f"{files.at_key(name, 'platform')}: platform: Input should be {', '.join(others)} or {last}"
            f" (found {platform!r}). {NOTHING}"
        )
    try:
        data = router_data(files, name)
        return Router.model_validate(
            {
                "name": name,
                "platform": platform,
                "as_number": data.as_number,
                **addresses_of(
                    files,
                    name,
                    {"data.peering.address": data.peering.address, "data.address": data.address},
                    data.address6,
                    networks,
                ),
                "peering": data.peering,
                "configuration_files": data.configuration_files,
                "access": data.access,
            }
        )
    except ValidationError as error:
        raise _of_host(files, name, error) from error


def _joined(files: Files, name: str) -> dict[str, Any]:
    """What a node has of its own from all that it is in: mappings name by name, taints one by one; the nearest counts."""
    found: dict[str, Any] = {}
    for key in NodeSettings.model_fields:
        every = list(files.every(name, key))
        if len(every) > 1 and all(isinstance(value, dict) for value in every):
            found[key] = {inner: value for one in reversed(every) for inner, value in one.items()}
        elif len(every) > 1 and all(isinstance(value, list) for value in every):
            items = {_identity(item): item for one in reversed(every) for item in one}
            found[key] = list(items.values())
    return found


def _identity(item: Any) -> str:
    """A taint is one by its key and its effect (Kubernetes: Taints and Tolerations)."""
    return f"{item.get('key')}:{item.get('effect')}" if isinstance(item, dict) else repr(item)


def _of_host(files: Files, name: str, error: ValidationError) -> InventoryError:
    key, message = _first(error)
    return InventoryError(f"{files.at_key(name, key.split('.')[0])}: {key}: {message}. {NOTHING}")


def _first(error: ValidationError) -> tuple[str, str]:
    """The first complaint: its key, and what is wrong in the words of a person."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = GONE.get(key, "unknown key")
    elif first["type"] == "missing":
        message = "is missing"
    elif first["type"] != NOT_SHOWN and not isinstance(first["input"], dict | list):
        message = f"{message} (found {first['input']!r})"
    return key, message
