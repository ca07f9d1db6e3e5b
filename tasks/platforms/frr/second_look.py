"""FRR's second look: what bgpd is configured with, and what its prefix lists and route maps refuse. Pure.

Sources: FRR's user guide, "BGP" (neighbor, maximum-paths), "Filtering" (prefix lists: the first entry that matches decides, and a list
that has entries refuses the rest) and "Route Maps" (a clause whose every match holds decides; what no clause takes is refused).
"""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from napalm_frr import shown
from napalm_frr.as_numbers import as_number

from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version, within
from tasks.linux.observe import Answer
from tasks.platforms.frr.vtysh import VTYSH
from tasks.platforms.second_look import (
    ConfiguredPeer,
    Limit,
    RouterLook,
    digested,
    dropped,
    linux_questions,
    listens,
    near,
)

# The lines that are read, and no other: there are more secrets in a configuration than those of BGP.
READ = r"^(router bgp |exit|!|(ip|ipv6) prefix-list |route-map |  ?(neighbor|match|call|maximum-paths|address-family) )"
CONFIGURATION, NEIGHBOURS = "show running-config", "show bgp neighbors json"
PREFIX_LIST = re.compile(
    r"(?:ip|ipv6) prefix-list (?P<name>\S+) seq (?P<number>\d+) (?P<verb>permit|deny) (?P<prefix>\S+)"
    r"(?: ge (?P<ge>\d+))?(?: le (?P<le>\d+))?$"
)
ROUTE_MAP = re.compile(r"route-map (?P<name>\S+) (?P<verb>permit|deny) (?P<number>\d+)$")
MATCH_PREFIX = re.compile(r"match (?:ip|ipv6) address prefix-list (\S+)$")
PROCESS = re.compile(r"router bgp \S+(?: vrf (\S+))?")


@dataclass(frozen=True)
class Entry:
    """An entry of a prefix list."""

    number: int
    permits: bool
    prefix: Network | None  # None: any
    shortest: int
    longest: int
    line: str

    def matches(self, prefix: Network) -> bool:
        """Whether it decides about a prefix."""
        if self.prefix is None:
            return True
        return (
            prefix.version == self.prefix.version
            and within(prefix, self.prefix)
            and self.shortest <= prefix.prefixlen <= self.longest
        )


@dataclass(frozen=True)
class Clause:
    """A clause of a route map: the prefix lists that it asks, and whether it asks anything else."""

    number: int
    permits: bool
    lists: tuple[str, ...] = ()
    further: bool = False


@dataclass(frozen=True)
class InboundPolicy:
    """What a neighbour's prefixes go through, as far as prefix lists decide."""

    lists: Mapping[str, Sequence[Entry]]
    clauses: Sequence[Clause] = ()
    route_map: str = ""
    prefix_list: str = ""

    def refusal(self, prefix: Network) -> str:
        """The prefix list that refuses; "" where no prefix list alone does."""
        if self.prefix_list and (why := self._refused_by(self.prefix_list, prefix)):
            return why
        if not self.route_map or not self.clauses:
            return ""
        said = ""
        for clause in self.clauses:
            refused = next((why for name in clause.lists if (why := self._refused_by(name, prefix))), "")
            if refused and not clause.permits:
                continue
            if refused:
                said = said or f"route-map {self.route_map} {clause.number}: {refused}"
            elif not clause.permits and not clause.further:
                return said or f"route-map {self.route_map} deny {clause.number}" + (
                    f": {self._decides(clause.lists[0], prefix)}" if clause.lists else ""
                )
            else:
                return ""  # it takes the prefix, or something else than a prefix list decides
        return said

    def _refused_by(self, name: str, prefix: Network) -> str:
        entries = self.lists.get(name, ())
        if not entries:
            return ""
        decided = next((entry for entry in entries if entry.matches(prefix)), None)
        if decided is None:
            return f"prefix-list {name} permits it by none of its entries"
        return "" if decided.permits else f"prefix-list {name} seq {decided.number}: {decided.line}"

    def _decides(self, name: str, prefix: Network) -> str:
        decided = next((entry for entry in self.lists.get(name, ()) if entry.matches(prefix)), None)
        return f"prefix-list {name} seq {decided.number}: {decided.line}" if decided else f"prefix-list {name}"


@dataclass
class Said:
    """The lines of one process of BGP: by neighbour or group its options, by family those of the process."""

    neighbours: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    maximum_paths: dict[Version, Limit] = field(default_factory=dict)

    def line(self, peer: str, option: str, last: str = "") -> tuple[str, ...]:
        """The line of an option of a neighbour, or else of its group; () where nobody says it."""
        for words in (*self.neighbours.get(peer, ()), *self.neighbours.get(self._group(peer), ())):
            if words[2:3] == (option,) and (not last or words[-1] == last):
                return tuple(words)
        return ()

    def _group(self, peer: str) -> str:
        words = next((one for one in self.neighbours.get(peer, ()) if one[2:3] == ("peer-group",)), ())
        return words[3] if len(words) > 3 else ""  # noqa: PLR2004  neighbor ADDRESS peer-group NAME


def questions(salt: str, vrf: str | None) -> dict[str, str]:
    """One round trip."""
    of_vrf = f" vrf {vrf}" if vrf else ""
    return {
        "running": digested(f"{VTYSH} -c '{CONFIGURATION}' | grep -E {shlex.quote(READ)}", salt),
        "neighbours": f"{VTYSH} -c 'show bgp{of_vrf} neighbors json'",
        **linux_questions(),
    }


def look(answers: Mapping[str, Answer], vrf: str | None) -> RouterLook:
    """Read the answers; what cannot be read proves nothing."""
    lines = [line.strip() for line in answers["running"].lines]
    said = process(lines, vrf)
    lists, maps = prefix_lists(lines), route_maps(lines)
    try:
        neighbours = shown.neighbours(shown.document(answers["neighbours"].text))
    except (ValueError, json.JSONDecodeError):
        neighbours = {}
    peers: dict[Address, ConfiguredPeer] = {}
    policies: dict[Address, InboundPolicy] = {}
    for name, one in neighbours.items():
        try:
            address = ip_address(name)
        except ValueError:
            continue
        peers[address] = _peer(name, one, said)
        route_map = said.line(name, "route-map", last="in")
        prefix_list = said.line(name, "prefix-list", last="in")
        policies[address] = InboundPolicy(
            lists,
            maps.get(route_map[3], ()) if route_map else (),
            route_map[3] if route_map else "",
            prefix_list[3] if prefix_list else "",
        )
    return RouterLook(
        asked={"configuration": f"vtysh -c '{CONFIGURATION}'", "neighbours": f"vtysh -c '{NEIGHBOURS}'"},
        peers=peers,
        policies=policies,
        maximum_paths=said.maximum_paths,
        router_id=next(
            (str(one.said["localRouterId"]) for one in neighbours.values() if "localRouterId" in one.said), ""
        ),
        listens=listens(answers["listening"].lines),
        drops=dropped(answers["drops"].lines),
        near=near(answers["near"].lines),
    )


def _peer(name: str, one: shown.Neighbour, said: Said) -> ConfiguredPeer:
    remote, password = said.line(name, "remote-as"), said.line(name, "password")
    security = said.line(name, "ttl-security")
    lines = {"remote-as": remote, "ttl": security, "policy": said.line(name, "route-map", last="in")}
    told = {subject: " ".join(words) for subject, words in lines.items() if words}
    if password:
        told["password"] = " ".join((*password[:3], "(set)"))
    sender = "the router" if str(one.said.get("lastResetDueTo", "")).endswith("send") else "the node"
    reason = str(one.said.get("lastNotificationReason") or "")
    return ConfiguredPeer(
        remote_as=one.remote_as or None,
        local_as=as_number(one.said["localAs"]) if "localAs" in one.said else None,
        lines=told,
        password=" ".join(password[3:]) if password else "",
        ttl_security=bool(security),
        said=f"{reason}, sent by {sender}" if reason else "",
    )


def process(lines: Iterable[str], vrf: str | None) -> Said:
    """The lines of the process of a VRF, or of the default one."""
    version: Version = IPV4
    found, inside = Said(), False
    for line in lines:
        if started := PROCESS.match(line):
            inside, version = started[1] == vrf, IPV4
        elif line == "exit":
            inside = False
        elif inside and line.startswith("address-family "):
            version = IPV6 if line.startswith("address-family ipv6") else IPV4
        elif inside:
            words = tuple(line.split())
            if words[0] == "neighbor":
                found.neighbours.setdefault(words[1], []).append(words)
            elif words[0] == "maximum-paths" and len(words) == 2 and words[1].isdigit():  # noqa: PLR2004  not `ibgp N`
                found.maximum_paths[version] = Limit(int(words[1]), line)
    return found


def prefix_lists(lines: Iterable[str]) -> dict[str, list[Entry]]:
    """Every prefix list, its entries by their numbers."""
    found: dict[str, list[Entry]] = {}
    for line in lines:
        if entry := PREFIX_LIST.match(line):
            found.setdefault(entry["name"], []).append(_entry(entry))
    return {name: sorted(entries, key=lambda one: one.number) for name, entries in found.items()}


def _entry(found: re.Match[str]) -> Entry:
    prefix = None if found["prefix"] == "any" else ip_network(found["prefix"], strict=False)
    length = prefix.prefixlen if prefix else 0
    longest = prefix.max_prefixlen if prefix else 128
    shortest = int(found["ge"]) if found["ge"] else length
    most = int(found["le"]) if found["le"] else longest if found["ge"] else length
    said = found.group(0).partition(f" seq {found['number']} ")[2]
    return Entry(int(found["number"]), found["verb"] == "permit", prefix, shortest, most, said)


def route_maps(lines: Iterable[str]) -> dict[str, list[Clause]]:
    """Every route map, its clauses by their numbers."""
    found: dict[str, list[Clause]] = {}
    for name, verb, number, body in _clauses(lines):
        named = tuple(match[1] for line in body if (match := MATCH_PREFIX.match(line)))
        further = any(line.startswith(("match ", "call ")) and not MATCH_PREFIX.match(line) for line in body)
        found.setdefault(name, []).append(Clause(number, verb == "permit", named, further))
    return {name: sorted(clauses, key=lambda one: one.number) for name, clauses in found.items()}


def _clauses(lines: Iterable[str]) -> Iterator[tuple[str, str, int, list[str]]]:
    current: tuple[str, str, int, list[str]] | None = None
    for line in lines:
        head = ROUTE_MAP.match(line)
        if (head or line in ("exit", "!")) and current:
            yield current
            current = None
        if head:
            current = (head["name"], head["verb"], int(head["number"]), [])
        elif current:
            current[3].append(line)
    if current:
        yield current
