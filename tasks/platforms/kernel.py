"""What a Linux router says of the kernel's routes: by iproute2, else by busybox's ip, else by /proc/net/route. Pure.

The questions are kernel_questions.py's; kernel_text.py reads what has no JSON.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_network
from math import exp
from typing import Any

from kubepeer.errors import CommandError
from kubepeer.intent.families import IPV4, Address, Network, Version, network_in
from tasks.linux.observe import Answer
from tasks.platforms import kernel_text
from tasks.platforms.hops import Hop
from tasks.platforms.kernel_flows import FLOWS
from tasks.platforms.kernel_questions import HASH_POLICIES, NEXTHOPS, PROC, SEPARATOR, TEXT
from tasks.platforms.reader import UNKNOWN_FORM
from tasks.platforms.seen import KernelRoute

PARTS = re.compile(rf"^({TEXT}|{PROC}|{NEXTHOPS}|{FLOWS} \S+ \S+ \d+)$", re.MULTILINE)
BARE_TYPE = re.compile(
    rf'{{"({"|".join(kernel_text.TYPES)})",'
)  # iproute2 before 5.0 prints a route's type without a key
DOUBT = 1e-3  # the likelihood from which on it is said that flows were too few
MAIN_TABLE = (254, "main")  # RT_TABLE_MAIN of linux/rtnetlink.h, which iproute2 leaves out

# A protocol's number where /etc/iproute2/rt_protos does not name it (linux/rtnetlink.h; 191 to 198 are FRR's, zebra/rt_netlink.h)
PROTOCOLS = {
    "2": "kernel", "3": "boot", "4": "static", "11": "zebra", "12": "bird", "16": "dhcp", "42": "babel", "186": "bgp", "187": "isis",
    "188": "ospf", "189": "rip", "192": "eigrp", "195": "pbr", "196": "static",
}  # fmt: skip

Item = dict[str, Any]
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}  # what iproute2 calls default, by the family


def names_of_table(number: int, listed: str) -> frozenset[str]:
    """What iproute2 may print for a table: its number, or what the files of TABLE_NAMES call it, in lines `NUMBER NAME`."""
    lines = (line.partition("#")[0].split() for line in listed.splitlines())
    named = {words[1] for words in lines if len(words) > 1 and words[0] == str(number)}
    return frozenset({str(number), *named} | ({MAIN_TABLE[1]} if number == MAIN_TABLE[0] else set()))


def read_routes(
    answers: Iterable[Answer], table: Collection[str] | None = None, version: Version = IPV4
) -> dict[Network, tuple[KernelRoute, ...]]:
    """The routes of each prefix.

    Args:
        answers: to routes_question, or to all_tables_question.
        table: the names of the one table that is meant, where all were asked for.
        version: of the family that was asked for: iproute2 calls the route to everywhere `default` in both.

    Raises:
        CommandError: an answer cannot be read; with the command and what it said.

    """
    routes: dict[Network, tuple[KernelRoute, ...]] = {}
    for answer in answers:
        for route in _routes(answer, table, version):
            routes[route.prefix] = (*routes.get(route.prefix, ()), route)
    return routes


def hash_policy(answers: Mapping[str, Answer], version: Version = IPV4) -> int | None:
    """By what flows are spread over equal paths (ip-sysctl.rst: 0 is by addresses alone); None where nobody asked, or nothing tells."""
    name = HASH_POLICIES[version]
    said = answers[name].text.strip() if name in answers else ""
    return int(said) if said.isdecimal() else None


def notice_of(answers: Iterable[Answer]) -> str:
    """What is to be known of how the kernel's routes were read; "" where iproute2 has told all."""
    parts = {name for answer in answers for name, _ in _parts(answer.text)}
    if PROC in parts:
        return f"there is no ip on this router: {kernel_text.OF_PROC}"
    return ""


def read_lookups(answer: Answer, probes: Mapping[Network, Address]) -> dict[Network, KernelRoute | None]:
    """The entry that the kernel takes for each prefix; empty where this ip or kernel does not know fibmatch.

    Raises:
        CommandError: it cannot be read.

    """
    if not probes:
        return {}
    parts = _parts(answer.text)
    text = "".join(text for name, text in parts if not name)
    found: list[Item | None] = []
    pending: Item | None = None
    for line in text.splitlines():
        for item in _json(line, "ip -j -batch") if line.startswith("[") else []:
            if isinstance(item, dict) and item.get("dst") == SEPARATOR:
                found.append(pending)
                pending = None
            else:
                pending = item
    try:
        if not found and pending is None:
            return dict(_spread(parts, probes))
        if len(found) != len(probes):
            # what a rule does to the others is not known: the main table must not be taken for it
            raise ValueError(f"{len(found)} of {len(probes)} answers")
        groups = _nexthops(parts)
        return {
            prefix: _route(item, groups, prefix.version) if item else None
            for prefix, item in zip(probes, found, strict=True)
        }
    except UNKNOWN_FORM as error:
        raise _unreadable("ip -j route get fibmatch", [str(error)]) from error


def _parts(text: str) -> list[tuple[str, str]]:
    """An answer's parts by their marks; the first one has none."""
    first, *others = PARTS.split(text)
    return [("", first), *zip(others[::2], others[1::2], strict=True)]


def _routes(answer: Answer, table: Collection[str] | None, version: Version) -> Iterator[KernelRoute]:
    parts = _parts(answer.text)
    texts = dict(parts)
    command = "cat /proc/net/route" if PROC in texts else "ip route show" if TEXT in texts else "ip -j route show"
    if answer.code:
        raise _unreadable(command, answer.lines)
    try:
        if PROC in texts:
            yield from kernel_text.routes_of_proc(texts[PROC].strip())
        elif TEXT in texts:
            yield from kernel_text.routes_of(_without_warnings(texts[TEXT]), EVERYWHERE[version])
        else:
            groups = _nexthops(parts)
            items = _json(parts[0][1], command)
            meant = [item for item in items if table is None or item.get("table", MAIN_TABLE[1]) in table]
            yield from (_route(item, groups, version) for item in meant)
    except UNKNOWN_FORM as error:
        raise _unreadable(command, [str(error)]) from error


def _json(text: str, command: str) -> list[Item]:
    """The list that a command printed; it may have said something else first, on standard error."""
    start = re.search(r"^\[", text, re.MULTILINE)
    if not start:
        if _without_warnings(text).strip():
            raise _unreadable(command, text.splitlines())
        return []
    try:
        items, _ = json.JSONDecoder().raw_decode(BARE_TYPE.sub(r'{"type":"\1",', text[start.start() :]))
    except ValueError as error:
        raise _unreadable(command, [f"no whole JSON: {error}"]) from error
    return [item for item in items if item]


def _without_warnings(text: str) -> str:
    """Without what iproute2 says of its own files (lib/rt_names.c) and the kernel of what it leaves out."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not re.match(r"Database \S+ |Cannot open|WARN", line)
    )


def _unreadable(command: str, lines: Iterable[str]) -> CommandError:
    last = (line.strip() for line in reversed(list(lines)) if line.strip() and not PARTS.match(line))
    said = next((line for line in last if line != "Dump terminated"), "nothing")
    return CommandError(f"the kernel's routes cannot be read: `{command}` said: {said}")


def _nexthops(parts: Iterable[tuple[str, str]]) -> Mapping[int, tuple[Item, ...]]:
    """The members of each next hop group, and each single next hop as its own."""
    items = [item for name, text in parts if name == NEXTHOPS for item in _json(text, "ip -j nexthop show")]
    single = {item["id"]: item for item in items if "group" not in item}
    groups = {
        item["id"]: tuple(single[one["id"]] for one in item["group"] if one["id"] in single)
        for item in items
        if "group" in item
    }
    return groups | {number: (item,) for number, item in single.items()}


def _spread(
    parts: Iterable[tuple[str, str]], probes: Mapping[Network, Address]
) -> Iterator[tuple[Network, KernelRoute]]:
    """The next hops that many flows to one address have taken."""
    asked = {str(address): prefix for prefix, address in probes.items()}
    for name, text in parts:
        hops = set(kernel_text.gateways_of(text)) if name.startswith(FLOWS) else set()
        if not hops:
            continue
        _, address, prefix, flows = name.split(" ")
        few = len(hops) * exp(-int(flows) / len(hops)) > DOUBT
        taken = ip_network(EVERYWHERE[asked[address].version] if prefix == "default" else prefix)
        yield asked[address], KernelRoute(taken, "", 0, frozenset(hops), kernel_text.OF_BUSYBOX if few else "")


def _route(item: Mapping[str, Any], groups: Mapping[int, tuple[Item, ...]], version: int = 4) -> KernelRoute:
    """One entry as `ip -j` prints it: one next hop in the entry itself, several in a list or a group, none for a blackhole."""
    destination = EVERYWHERE[version] if item["dst"] == "default" else item["dst"]
    members: Iterable[Mapping[str, Any]] = item.get("nexthops") or [item]
    if "nhid" in item and not (item.keys() & {"gateway", "via", "dev", "nexthops"}) and item.get("type") is None:
        if item["nhid"] not in groups:
            raise ValueError(
                f"no next hop of nhid {item['nhid']} ({destination}); `ip -j nexthop show` does not have it"
            )
        members = groups[item["nhid"]]
    hops = frozenset(map(_hop, members))
    protocol = str(item.get("protocol", "boot"))
    return KernelRoute(
        network_in(str(destination)), PROTOCOLS.get(protocol, protocol), int(item.get("metric", 0)), hops
    )


def _hop(item: Mapping[str, Any]) -> Hop:
    via = item.get("gateway") or (item.get("via") or {}).get("host")
    if via and not isinstance(via, str):
        raise TypeError(f"{via!r} is no gateway")
    if via:
        return str(via)
    if "blackhole" in item:
        return "blackhole"
    return f"dev {item['dev']}" if item.get("dev") else str(item.get("type", "nowhere"))
