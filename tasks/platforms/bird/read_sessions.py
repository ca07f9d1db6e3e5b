"""BIRD's BGP protocols, read as sessions, with their ages and why they are down. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address

from tasks.platforms.seen import Session

UNANSWERED = "its connection is not answered: the node is off, a firewall drops it, or one side alone has a password"
REFUSED_ALL = "the router's policy refuses all of it (import none)"

# BIRD's default `timeformat` prints the hour of today, and the date of what is older.
MOMENT = r"(?P<date>\d{4}-\d\d-\d\d)?\s?(?P<time>\d\d:\d\d:\d\d)?(?:\.\d+)?"


def now_of(status: str) -> datetime | None:
    """The router's own clock, as `show status` has it."""
    found = re.search(rf"^Current server time is {MOMENT}", status, re.MULTILINE)
    return _moment(found, None) if found else None


def _moment(found: re.Match[str], now: datetime | None) -> datetime | None:
    """The moment that a text names; None where BIRD was told to print times in a form of its owner's."""
    date, time = found["date"], found["time"]
    if date:
        return datetime.fromisoformat(f"{date} {time or '00:00:00'}")
    if not (time and now):
        return None
    today = datetime.fromisoformat(f"{now.date()} {time}")
    return today if today <= now else today - timedelta(days=1)


def seconds_since(text: str, now: datetime | None) -> int | None:
    """How long ago a moment is that BIRD has printed; None where its form is not BIRD's own."""
    found = re.match(MOMENT, text)
    moment = _moment(found, now) if found else None
    return None if moment is None or now is None else max(0, int((now - moment).total_seconds()))


HEAD = re.compile(r"^(?P<name>\S+)\s+(?P<kind>\S+)\s+\S+\s+(?P<state>up|start|down|stop|flush)\b\s+(?P<since>.*)$")
FIELD = re.compile(r"^\s+(?P<key>[A-Z][^:]*):\s*(?P<value>.*?)\s*$")


@dataclass(frozen=True)
class _Protocol:
    """One BGP protocol of `show protocols all`.

    Attributes:
        state: of the protocol: down, start, up.
        channel: the fields of its channel for IPv4; None where it has none.

    """

    name: str
    state: str
    since: str
    fields: Mapping[str, str]
    channel: Mapping[str, str] | None


def sessions_of(text: str, now: datetime | None) -> Iterator[tuple[str, Session]]:
    """The BGP protocols that have a neighbour, by their names."""
    for block in _protocols(text):
        try:
            peer = IPv4Address(block.fields.get("Neighbor address", ""))
        except AddressValueError:
            continue  # an IPv6 neighbour, or a protocol that waits for whoever comes
        yield block.name, _session(peer, block, now)


def _protocols(text: str) -> Iterator[_Protocol]:
    for block in re.split(r"\n(?=\S)", text):
        head, _, body = block.partition("\n")
        found = HEAD.match(head)
        if not found or found["kind"] != "BGP":
            continue
        about, *channels = re.split(r"^  Channel ", body, flags=re.MULTILINE)
        channel = next((part for part in channels if part.startswith("ipv4\n")), None)
        yield _Protocol(
            found["name"],
            found["state"],
            found["since"],
            _fields(about),
            None if channel is None else _fields(channel),
        )


def _fields(text: str) -> dict[str, str]:
    """Key and value of each line; the first of a name counts."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if found := FIELD.match(line):
            fields.setdefault(found["key"], found["value"])
    return fields


def _session(peer: IPv4Address, block: _Protocol, now: datetime | None) -> Session:
    fields, channel = block.fields, block.channel
    state = fields.get("BGP state", block.state.capitalize())
    up = state == "Established"
    timer = None if up else fields.get("Restart timer") or (channel or {}).get("LL stale timer")
    imported = re.match(r"\d+", (channel or {}).get("Routes", ""))
    return Session(
        peer=peer,
        state=state,
        seconds=seconds_since(block.since, now),
        last_error="" if up else _last_error(block),
        of_last_attempt=True,
        discards=_discards(channel) if up else "",
        stale_seconds=int(float(timer.partition("/")[0])) if timer else None,
        accepted=int(imported[0]) if imported else 0,
    )


# What a peer's TCP says (the system's own words) means to somebody who looks after BGP.
SOCKET = {
    "Connection refused": "nothing listens on the node's BGP port (connection refused)",
    "Connection closed": "the node closes the connection: the router is no neighbour of it, or is disabled there",
    "Connection reset by peer": "the node closes the connection: the router is no neighbour of it, or is disabled there",
}


def _last_error(block: _Protocol) -> str:
    """Why the session is down, in a network engineer's words.

    BIRD remembers the outcome of its last attempt alone: what ended the session is forgotten with the next one, seconds later.
    """
    said = block.fields.get("Last error", "")
    if said == "Automatic shutdown: Route limit exceeded":
        limit = next((value for key, value in (block.channel or {}).items() if value.endswith("[HIT]")), "")
        number = f" of {limit.partition(' ')[0]} prefixes" if limit else ""
        again = f" (`birdc enable {block.name}` opens it again)" if block.state == "down" else ""
        return f"closed by the router, its import limit{number} was reached{again}"
    if block.state == "down":
        return "disabled on the router (birdc disable, or `disabled` in its configuration)"
    if block.channel is None:
        return "the router has no ipv4 channel for it"
    if not said and block.fields.get("BGP state") == "Connect":
        return UNANSWERED
    kind, _, what = said.partition(": ")
    if kind == "Received":
        said = f"{what}, sent by the node"
    elif kind == "BGP Error":
        said = f"{what}, sent by the router"
    elif kind == "Socket":
        said = SOCKET.get(what, what[:1].lower() + what[1:])
    return said


def _discards(channel: Mapping[str, str] | None) -> str:
    if channel is None or channel.get("State") != "UP":
        return "IPv4 unicast is not negotiated"
    for name in ("Import limit", "Receive limit"):
        if channel.get(name, "").endswith("[HIT]"):
            return f"its {name.lower()} of {channel[name].partition(' ')[0]} prefixes is reached, the rest is refused"
    return REFUSED_ALL if channel.get("Input filter") == "REJECT" else ""


def by_peer(sessions: Iterable[Session]) -> dict[IPv4Address, Session]:
    """One session an address; where two protocols have the same neighbour, the one that is up counts."""
    found: dict[IPv4Address, Session] = {}
    for session in sessions:
        if session.established or session.peer not in found:
            found[session.peer] = session
    return found
