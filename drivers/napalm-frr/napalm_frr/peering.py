"""BGP as it is configured, and VRFs: the running configuration into NAPALM's shape. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from napalm.base.models import BGPConfigGroupDict, BGPConfigNeighborDict, NetworkInstanceDict

from napalm_frr.as_numbers import as_number, process_of
from napalm_frr.configuration import Configuration
from napalm_frr.contexts import Path

UNGROUPED: Final = "_"
"""NAPALM's name for what belongs to no group."""

_NO_LIMIT_OF_HOPS = 255
_USUAL_THRESHOLD = 75
_FAMILIES = {"ipv4": "inet", "ipv6": "inet6"}


@dataclass(frozen=True)
class _Said:
    """What is said of a neighbour: options with their words and address families; what its group has comes last."""

    lines: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __add__(self, inherited: _Said) -> _Said:
        return _Said(self.lines + inherited.lines)

    def words(self, option: str) -> tuple[str, ...] | None:
        """Return the words after an option; None where nobody says it."""
        return next((words[1:] for _, words in self.lines if words[0].lower() == option), None)

    def word(self, option: str) -> str:
        """Return the first word after an option."""
        return next(iter(self.words(option) or ()), "")

    def policy(self, direction: str) -> str:
        """Return the name of the route map, else of the prefix list, of a direction."""
        named = [words for _, words in self.lines if words[2:3] == (direction,)]
        return next((words[1] for kind in ("route-map", "prefix-list") for words in named if words[0] == kind), "")

    def prefix_limit(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the bounds on prefixes, as Junos names the families."""
        limits: dict[str, dict[str, dict[str, Any]]] = {}
        for family, words in reversed(self.lines):
            if words[0] == "maximum-prefix":
                version, _, kind = family.partition(" ")
                limits.setdefault(_FAMILIES.get(version, version), {})[kind] = _limit(words[1:])
        return limits


def _limit(words: tuple[str, ...]) -> dict[str, Any]:
    limit: dict[str, Any] = {"limit": int(words[0])}
    if "warning-only" not in words:
        threshold = int(words[1]) if words[1:2] and words[1].isdigit() else _USUAL_THRESHOLD
        minutes = int(words[words.index("restart") + 1]) if "restart" in words else 0
        limit["teardown"] = {"threshold": threshold, "timeout": minutes}
    return limit


def bgp_config(configuration: Configuration, group: str = "", neighbor: str = "") -> dict[str, BGPConfigGroupDict]:
    """Describe the groups and neighbours of the default VRF's process, all of them or one."""
    processes = {path[:1]: found for path in configuration.paths if len(path) == 1 and (found := process_of(path[0]))}
    process = next((path for path, (_, vrf, _) in processes.items() if vrf == "default"), None)
    if process is None:
        return {}
    local_as = processes[process][0]
    inside = [path for path in configuration.paths if path[:1] == process]
    multipath = not any(path[-1] == "maximum-paths 1" for path in inside)
    said = _said(inside)
    members = {name: of_one.word("peer-group") for name, of_one in said.items()}
    groups = [name for name, of_one in said.items() if of_one.words("peer-group") == ()]
    result = {}
    for name in (UNGROUPED, *groups):
        of_group = said.get(name, _Said())
        neighbors = {
            peer: _neighbor(said[peer] + of_group, local_as)
            for peer, its_group in members.items()
            if peer not in groups and (its_group or UNGROUPED) == name and neighbor in ("", peer)
        }
        if group in ("", name) and (neighbors or not neighbor):
            result[name] = _group(of_group, local_as, neighbors, multipath=multipath)
    return result


def _said(inside: Iterable[Path]) -> dict[str, _Said]:
    """Collect by neighbour or group what is said of it."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for path in inside:
        words = path[-1].split(" ")
        if words[0] == "neighbor":
            family = path[1].removeprefix("address-family ") if len(path) > 2 else ""  # noqa: PLR2004 (in a family)
            option = tuple(word for word in words[2:] if word not in ("interface", "v6only"))
            found.setdefault(words[1], []).extend([(family, option)] if option else [])
    return {name: _Said(tuple(lines)) for name, lines in found.items()}


def _group(
    said: _Said, local_as: int, neighbors: dict[str, BGPConfigNeighborDict], *, multipath: bool
) -> BGPConfigGroupDict:
    own_as, remote_as = _as_numbers(said, local_as)
    hops = said.words("ebgp-multihop")
    return {
        "type": ("internal" if remote_as == own_as else "external") if said.word("remote-as") else "",
        "description": " ".join(said.words("description") or ()),
        "apply_groups": [],
        "multihop_ttl": 0 if hops is None else int(hops[0]) if hops else _NO_LIMIT_OF_HOPS,
        "multipath": multipath,
        "local_address": said.word("update-source"),
        "local_as": own_as,
        "remote_as": remote_as,
        "import_policy": said.policy("in"),
        "export_policy": said.policy("out"),
        "remove_private_as": said.words("remove-private-as") is not None,
        "prefix_limit": said.prefix_limit(),
        "neighbors": neighbors,
    }


def _neighbor(said: _Said, local_as: int) -> BGPConfigNeighborDict:
    own_as, remote_as = _as_numbers(said, local_as)
    return {
        "description": " ".join(said.words("description") or ()),
        "import_policy": said.policy("in"),
        "export_policy": said.policy("out"),
        "local_address": said.word("update-source"),
        "authentication_key": " ".join(said.words("password") or ()),
        "nhs": said.words("next-hop-self") is not None,
        "route_reflector_client": said.words("route-reflector-client") is not None,
        "local_as": own_as,
        "remote_as": remote_as,
        "prefix_limit": said.prefix_limit(),
    }


def _as_numbers(said: _Said, local_as: int) -> tuple[int, int]:
    """Return our AS and theirs; 0 where the configuration does not tell (``remote-as external``)."""
    own, remote = said.word("local-as"), said.word("remote-as")
    own_as = as_number(own) if own else local_as
    return own_as, own_as if remote == "internal" else as_number(remote)


def network_instances(
    interfaces: Mapping[str, Mapping[str, Any]], configuration: Configuration, wanted: str = ""
) -> dict[str, NetworkInstanceDict]:
    """Describe the VRFs of the kernel (``show interface vrf all json``), those configured, and the default one."""
    distinguishers = _distinguishers(configuration)
    configured = [path[0].split(" ")[1] for path in configuration.paths if re.fullmatch(r"vrf \S+", path[0])]
    of_vrf = {name: one.get("vrfName", "default") for name, one in interfaces.items()}
    names = dict.fromkeys(["default", *of_vrf.values(), *configured, *distinguishers])
    return {
        name: {
            "name": name,
            "type": "DEFAULT_INSTANCE" if name == "default" else "L3VRF",
            "state": {"route_distinguisher": distinguishers.get(name, "")},
            # A VRF is itself an interface of Linux, and not one of its own members.
            "interfaces": {"interface": {one: {} for one, vrf in of_vrf.items() if vrf == name and one != name}},
        }
        for name in names
        if wanted in ("", name)
    }


def _distinguishers(configuration: Configuration) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in configuration.paths:
        if process := process_of(path[0]):
            vrf = process[1]
            rd = re.fullmatch(r"rd (?:vpn export )?(\S+)", path[-1])
            found.setdefault(vrf, "")
            if rd:
                found[vrf] = found[vrf] or rd.group(1)
    return found
