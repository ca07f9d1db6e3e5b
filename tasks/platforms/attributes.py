"""What a router tells of a path and of a session beyond their state; what it does not tell is None, and is not judged. Pure."""

from dataclasses import dataclass

IGP, EGP, INCOMPLETE = "IGP", "EGP", "incomplete"  # RFC 4271, 5.1.1
ORIGINS = {"i": IGP, "e": EGP, "?": INCOMPLETE}  # as most tables write them
KNOWN = {**ORIGINS, **{one.lower(): one for one in ORIGINS.values()}}


@dataclass(frozen=True)
class Attributes:
    """The attributes of a path in BGP.

    Attributes:
        as_path: nearest first; a set is one word.
        origin: one of ORIGINS.
        communities: AS:NUMBER and AS:NUMBER:NUMBER (RFC 1997, RFC 8092).

    """

    as_path: tuple[str, ...] | None = None
    origin: str | None = None
    communities: frozenset[str] | None = None


@dataclass(frozen=True)
class Terms:
    """What both ends of a session have agreed upon, what the router is configured with, and what it has counted.

    Attributes:
        remote_as: of the neighbour, as it is configured or, where any is accepted, was heard.
        local_as: that the router speaks as.
        hold_seconds, keepalive_seconds: in force; of a session that is up.
        configured_hold, configured_keepalive: what the router offers itself.
        received: prefixes of the family before the router's policy.
        limit: of prefixes, at which the router ends the session or takes no more.
        established: how often it came up, since the router's BGP started.
        dropped: how often it went down.
        router_id: that the neighbour has told, of a session that is up; "" where the router does not show it.

    """

    remote_as: int | None = None
    local_as: int | None = None
    hold_seconds: int | None = None
    keepalive_seconds: int | None = None
    configured_hold: int | None = None
    configured_keepalive: int | None = None
    received: int | None = None
    limit: int | None = None
    established: int | None = None
    dropped: int | None = None
    router_id: str = ""


NO_ATTRIBUTES, NO_TERMS = Attributes(), Terms()  # of a router that shows none


def origin_of(text: str) -> str | None:
    """An origin in a router's own words: IGP, i, Incomplete; None where it says none."""
    return KNOWN.get(text.strip().lower())


def of_table(path: str, origin: str) -> Attributes:
    """What a table says in two columns; without an origin the line was not read to its end, and nothing is known of the path."""
    found = origin_of(origin)
    return Attributes(tuple(path.split()), found) if found else NO_ATTRIBUTES


def of_text(text: str) -> Attributes:
    """An AS path with the letter of its origin behind it, as EOS and Junos write it: `64517 i`; of EOS also without one."""
    words = text.split()
    origin = origin_of(words[-1]) if words else None
    return Attributes(tuple(words[:-1] if origin else words), origin) if words else NO_ATTRIBUTES
