"""The kernel's routes on a Linux router, by iproute2. Pure.

FRR 8.4 installs every route of BGP through a next hop group (nhid); `ip -j route` of iproute2 6.1 expands it by itself.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from tasks.linux.observe import Answer
from tasks.platforms.seen import KernelRoute

# A lookup that fails prints nothing on standard output. This one, which always succeeds, stands between any two and keeps them apart.
SEPARATOR = "127.0.0.1"


def routes_question(network: IPv4Network) -> str:
    """The command that lists what the main table has in a network."""
    return f"ip -j route show root {network}"


def lookups_question(probes: Iterable[IPv4Address]) -> str:
    """The command that asks the kernel which entry it would take to each address: all in one process, rules and other tables included."""
    batch = "".join(f"route get fibmatch {address}\nroute get fibmatch {SEPARATOR}\n" for address in probes)
    return f"printf %s {shlex.quote(batch)} | ip -j -force -batch - 2>/dev/null || true"


def read_routes(answers: Iterable[Answer]) -> dict[IPv4Network, tuple[KernelRoute, ...]]:
    """The routes of each prefix."""
    routes: dict[IPv4Network, tuple[KernelRoute, ...]] = {}
    for answer in answers:
        for item in json.loads(answer.text) if answer.text.strip() else []:
            route = _route(item)
            routes[route.prefix] = (*routes.get(route.prefix, ()), route)
    return routes


def read_lookups(answer: Answer, probes: Mapping[IPv4Network, IPv4Address]) -> dict[IPv4Network, KernelRoute | None]:
    """The entry that the kernel takes for each prefix; empty where this iproute2 or kernel does not know fibmatch."""
    found: list[dict[str, Any] | None] = []
    pending: dict[str, Any] | None = None
    for line in answer.lines:
        for item in json.loads(line):
            if item.get("dst") == SEPARATOR:
                found.append(pending)
                pending = None
            else:
                pending = item
    if len(found) != len(probes):
        return {}
    return {prefix: None if item is None else _route(item) for prefix, item in zip(probes, found, strict=True)}


def _route(item: Mapping[str, Any]) -> KernelRoute:
    """One entry as `ip -j` prints it: one next hop in the entry itself, several in a list, none for a blackhole."""
    destination = "0.0.0.0/0" if item["dst"] == "default" else item["dst"]
    hops = frozenset(_hop(hop) for hop in item.get("nexthops") or [item])
    return KernelRoute(IPv4Network(destination), str(item.get("protocol", "boot")), int(item.get("metric", 0)), hops)


def _hop(item: Mapping[str, Any]) -> str:
    via = item.get("gateway") or (item.get("via") or {}).get("host")
    if via:
        return str(via)
    return f"dev {item['dev']}" if item.get("dev") else str(item.get("type", "nowhere"))
