"""BIRD's BGP protocols as sessions, with their ages and why they are down. Pure; the text is read by napalm_bird.protocols."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from napalm_bird import clock
from napalm_bird.protocols import Channel, Protocol

from kubepeer.intent.families import Address, Version, version_of
from tasks.platforms.attributes import Terms
from tasks.platforms.seen import Session

UNANSWERED = "its connection is not answered: the node is off, a firewall drops it, or one side alone has a password"
UNREACHABLE = "its address is on none of the router's links, and the session is for neighbours one hop away (multihop)"
REFUSED_ALL = "the router's policy refuses all of it (import none)"
# BIRD User's Guide, BGP, `error wait time`: 60 s, doubled by each error of the last 300 s, to 300 s at the most.
HELD_OFF = "the router opens no session for {} s more (error wait time)"
DISABLED = "disabled on the router (birdc disable, or `disabled` in its configuration)"


def sessions_of(
    protocols: Iterable[Protocol], now: str, tables: Mapping[Version, str]
) -> Iterator[tuple[str, Session]]:
    """The BGP protocols with a neighbour that has an address, by their names; of each the channel of that address's family.

    Args:
        protocols: all that BIRD has.
        now: its clock.
        tables: by the family the table that their routes go to: a neighbour of another table is another peer.

    """
    for one in protocols:
        if one.type != "BGP":
            continue
        try:
            peer = ip_address(one.neighbor)
        except ValueError:
            continue  # a protocol that waits for whoever comes
        channel, table = one.channel(f"ipv{peer.version}"), tables.get(version_of(peer))
        if table is None or (channel and channel.fields.get("Table", table) != table):
            continue
        yield one.name, _session(peer, one, channel, now)


def _session(peer: Address, one: Protocol, channel: Channel | None, now: str) -> Session:
    fields = channel.fields if channel else {}
    timer = None if one.established else one.fields.get("Restart timer") or fields.get("LL stale timer")
    age = clock.age(one.since, now)
    # a silence may be over; after any other error the session would end again
    silent = one.fields.get("Last error") == "BGP Error: Hold timer expired"
    held_off = (_seconds(one.fields.get("Error wait")) or 0) if silent and not one.established else 0
    return Session(
        peer=peer,
        state=one.fields.get("BGP state", one.state.capitalize()),
        seconds=None if age < 0 else age,
        last_error="" if one.established else _last_error(peer, one, channel),
        of_last_attempt=True,
        discards=_discards(peer, channel) if one.established else "",
        stale_seconds=_seconds(timer),
        accepted=channel.routes.get("imported", 0) if channel else 0,
        waits=HELD_OFF.format(held_off) if held_off else "",
        held_off=held_off,
        terms=_terms(one, channel),
    )


def _terms(one: Protocol, channel: Channel | None) -> Terms:
    """BIRD shows a timer as `6.749/9`: what is left, and what was agreed upon. It does not count how often a session came and went."""
    routes, fields = (channel.routes, channel.fields) if channel else ({}, {})
    return Terms(
        remote_as=_number(one.fields.get("Neighbor AS")),
        local_as=_number(one.fields.get("Local AS")),
        hold_seconds=_whole(one.fields.get("Hold timer")) if one.established else None,
        keepalive_seconds=_whole(one.fields.get("Keepalive timer")) if one.established else None,
        # filtered routes are counted where they are kept (`import keep filtered`)
        received=routes["imported"] + routes["filtered"] if {"imported", "filtered"} <= routes.keys() else None,
        limit=_number(fields.get("Import limit")),
        router_id=one.fields.get("Neighbor ID", "") if one.established else "",
    )


def _number(text: str | None) -> int | None:
    found = re.match(r"\d+", text or "")
    return int(found[0]) if found else None


def _whole(timer: str | None) -> int | None:
    """What a timer was set to: 9 of `6.749/9`."""
    return _number((timer or "").partition("/")[2])


def _seconds(timer: str | None) -> int | None:
    """What is left of a timer: `7.312/9`, or `-` where it does not run."""
    return _number(timer)


# What a peer's TCP says (the system's own words) means to somebody who looks after BGP.
SOCKET = {
    "Connection refused": "nothing listens on the node's BGP port (connection refused)",
    "Connection closed": "the node closes the connection: the router is no neighbour of it, or is disabled there",
    "Connection reset by peer": "the node closes the connection: the router is no neighbour of it, or is disabled there",
}


def _last_error(peer: Address, one: Protocol, channel: Channel | None) -> str:
    """Why the session is down, in a network engineer's words.

    BIRD remembers the outcome of its last attempt alone: what ended the session is forgotten with the next one, seconds later.
    Its kinds of errors are those of bgp_last_errmsg (proto/bgp/bgp.c); it says none of a session that somebody has disabled.
    """
    kind, _, what = one.fields.get("Last error", "").partition(": ")
    state = one.fields.get("BGP state")
    said = f"{kind}: {what}" if what else kind
    if (kind, what) == ("Automatic shutdown", "Route limit exceeded"):
        said = _limit_exceeded(one, channel)
    elif one.state == "down" and not kind:
        said = DISABLED
    elif channel is None:
        said = f"the router has no ipv{peer.version} channel for it"
    elif kind == "Received":
        said = f"{what}, sent by the node"
    elif kind == "BGP Error":
        said = f"{what}, sent by the router"
    elif kind == "Error":
        said = f"{what[:1].lower() + what[1:]} (an error of the router's own)"
    elif kind == "Socket":
        said = SOCKET.get(what, what[:1].lower() + what[1:])
    elif not kind and one.state == "start" and state in WITHOUT_ERROR:
        said = WITHOUT_ERROR[state]
    return said


# What a session without an error waits for.
WITHOUT_ERROR = {"Connect": UNANSWERED, "Idle": UNREACHABLE}


def _limit_exceeded(one: Protocol, channel: Channel | None) -> str:
    limit = next((value for value in (channel.fields if channel else {}).values() if value.endswith("[HIT]")), "")
    number = f" of {limit.partition(' ')[0]} prefixes" if limit else ""
    again = f" (`birdc enable {one.name}` opens it again)" if one.state == "down" else ""
    return f"closed by the router, its import limit{number} was reached{again}"


def _discards(peer: Address, channel: Channel | None) -> str:
    if channel is None or channel.fields.get("State") != "UP":
        return f"IPv{peer.version} unicast is not negotiated"
    for name in ("Import limit", "Receive limit"):
        limit = channel.fields.get(name, "")
        if limit.endswith("[HIT]"):
            return f"its {name.lower()} of {limit.partition(' ')[0]} prefixes is reached, the rest is refused"
    return REFUSED_ALL if channel.fields.get("Input filter") == "REJECT" else ""


def by_peer(sessions: Iterable[Session]) -> dict[Address, Session]:
    """One session an address; where two protocols have the same neighbour, the one that is up counts."""
    found: dict[Address, Session] = {}
    for session in sessions:
        if session.established or session.peer not in found:
            found[session.peer] = session
    return found
