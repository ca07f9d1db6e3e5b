"""What ``show protocols all`` says, as records; BIRD 2 and BIRD 3. Pure, and without NAPALM.

It comes from proto_cmd_show (nest/proto.c) and bgp_show_proto_info (proto/bgp/bgp.c).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_STATES = "up|start|down|stop|flush"
_HEADLINE = re.compile(rf"(?P<name>\S+)\s+(?P<type>\S+)\s+(?P<table>\S+)\s+(?P<state>{_STATES})\s+(?P<rest>.*)")
_SINCE = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?|\S+)\s*(.*)")
_FIELD = re.compile(r"^\s+([^:]+):\s*(.*)$")
_LINK_LOCAL = ("fe8", "fe9", "fea", "feb")
_COUNT = re.compile(r"(\d+) (imported|filtered|exported|preferred)")


@dataclass(frozen=True)
class Channel:
    """What one address family of a protocol does."""

    family: str
    fields: Mapping[str, str]

    @property
    def routes(self) -> dict[str, int]:
        """Count the routes: imported, exported, preferred, and filtered where BIRD keeps those."""
        return {kind: int(number) for number, kind in _COUNT.findall(self.fields.get("Routes", ""))}


@dataclass(frozen=True)
class Protocol:
    """One instance of a protocol."""

    name: str
    type: str
    table: str
    state: str
    since: str
    info: str
    fields: Mapping[str, str]
    """What is shown of the protocol itself: neighbour, AS numbers, timers, ..."""
    channels: tuple[Channel, ...] = field(default=())

    @property
    def neighbor(self) -> str:
        """The address of a BGP session's neighbour; empty for what has none, or waits for a whole range of them.

        BIRD shows the interface of one that is configured with it (``192.0.2.1%eth0``). Of a link-local address it is a
        part, since two links may have the same one (RFC 4007).
        """
        shown = self.fields.get("Neighbor address", "")
        address, _, _ = shown.partition("%")
        return shown if address.lower().startswith(_LINK_LOCAL) else address

    @property
    def established(self) -> bool:
        """Tell whether it is a BGP session that is up."""
        return self.fields.get("BGP state") == "Established"

    def channel(self, family: str) -> Channel | None:
        """Return its channel for an address family (``ipv4``, ``ipv6``, ...); None where it has none."""
        return next((one for one in self.channels if one.family == family), None)


def protocols(shown: str) -> list[Protocol]:
    """Read ``show protocols`` with or without ``all``."""
    result: list[Protocol] = []
    for block in _blocks(shown):
        found = _HEADLINE.match(block[0])
        if not found:
            continue
        own, channels = _split(block[1:])
        since = _SINCE.match(found["rest"])
        moment, info = since.groups() if since else ("", "")
        shape = (found["name"], found["type"], found["table"], found["state"], moment, info.strip())
        result.append(Protocol(*shape, _fields(own), tuple(Channel(name, _fields(of_it)) for name, of_it in channels)))
    return result


def _blocks(shown: str) -> list[list[str]]:
    """A line that is not indented begins a protocol."""
    result: list[list[str]] = []
    for line in shown.splitlines():
        if line and not line[0].isspace():
            result.append([line])
        elif line.strip() and result:
            result[-1].append(line)
    return result


def _split(lines: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    own: list[str] = []
    channels: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("  Channel "):
            channels.append((line.split()[1], []))
        elif channels:
            channels[-1][1].append(line)
        else:
            own.append(line)
    return own, channels


def _fields(lines: list[str]) -> dict[str, str]:
    """Read the lines with a colon; where a name comes twice (capabilities of both ends) the first one stays."""
    result: dict[str, str] = {}
    for line in lines:
        found = _FIELD.match(line)
        if found:
            result.setdefault(found.group(1).strip(), found.group(2).strip())
    return result
