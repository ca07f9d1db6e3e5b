"""BIRD's routes as the layers of a verification have them. Pure; the texts are read by napalm_bird.routes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from napalm_bird import clock
from napalm_bird.routes import NextHop, Route

from kubepeer.intent.families import Address, Network, address_in, network_in
from tasks.platforms.attributes import Attributes, origin_of
from tasks.platforms.hops import Hop
from tasks.platforms.seen import Path, RibRoute, Session

UNMERGED = "the kernel protocol is not given it: its `merge paths` is off, or the limit of it too low"
OF_THE_KERNEL = "inherit"  # BIRD's word for what a kernel protocol has learned


def by_prefix(routes: Iterable[Route]) -> dict[Network, list[Route]]:
    """The routes to networks of IP, by these."""
    table: dict[Network, list[Route]] = {}
    for route in routes:
        try:
            table.setdefault(network_in(route.net), []).append(route)
        except ValueError:
            continue  # of no family of IP
    return table


def paths(routes: Sequence[Route], sessions: Mapping[str, Session]) -> tuple[Path, ...]:
    """The paths that BGP neighbours announced; those are chosen that are as good as the best one among them.

    BIRD marks the best route of all protocols; the others stand in no order.
    """
    learned = [route for route in routes if route.type == "bgp"]
    pivot = max(learned, key=lambda route: route.order, default=None)
    return tuple(
        _path(route, sessions.get(route.protocol), chosen=bool(pivot and route.merges_with(pivot))) for route in learned
    )


def _path(route: Route, session: Session | None, *, chosen: bool) -> Path:
    return Path(
        hop=route.next_hop or next(map(hop_of, route.hops), "unknown"),
        peer=session.peer if session else _address(route.sender),
        chosen=chosen,
        valid=bool(route.hops),
        # a protocol that is not Established has routes in the table only under graceful restart; `s` is its long-lived kind
        stale=route.stale or bool(session and not session.established),
        attributes=Attributes(
            tuple(route.as_path), origin_of(route.attributes.get("bgp_origin", "")), _communities(route)
        ),
    )


def _communities(route: Route) -> frozenset[str]:
    """AS:NUMBER and AS:NUMBER:NUMBER: BIRD writes (64517,120) and (64517, 300, 100)."""
    said = " ".join(route.attributes.get(name, "") for name in ("bgp_community", "bgp_large_community"))
    return frozenset(re.sub(r",\s*", ":", one) for one in re.findall(r"\(([\d, ]+)\)", said))


def rib(routes: Sequence[Route], exported: Route | None, now: str) -> tuple[RibRoute, ...]:
    """What the kernel protocol is given first; then what else the table has of each other protocol."""
    chosen = exported or next((route for route in routes if route.best and route.type == OF_THE_KERNEL), None)
    rest = [route for route in routes if route.best and not exported and route is not chosen]
    rest += [route for route in routes if not route.best and route.type != "bgp"]
    return tuple(
        RibRoute(
            protocol="kernel" if route.type == OF_THE_KERNEL else route.type,
            distance=route.preference,
            metric=0,
            hops=frozenset(map(hop_of, route.hops)) or frozenset({route.kind}),
            selected=route is chosen,
            installed=route.mark != "!",
            uptime=_uptime(route, now),
            lines=tuple(map(_line, route.hops)) or ((route.kind, "", None),),
            absent=UNMERGED,
        )
        for route in ([chosen] if chosen else []) + rest
    )


def hop_of(hop: NextHop) -> Hop:
    """A next hop in the words of a verification."""
    return hop.gateway or f"dev {hop.interface}"


def _line(hop: NextHop) -> tuple[Hop, str, int | None]:
    return (hop.gateway, hop.interface, hop.weight) if hop.gateway else (hop_of(hop), "", hop.weight)


def _uptime(route: Route, now: str) -> str:
    """How long it is there, as FRR writes it: 00:05:11."""
    seconds = clock.age(route.since, now)
    return route.since if seconds < 0 else str(timedelta(seconds=seconds)).rjust(8, "0")


def _address(text: str) -> Address | None:
    try:
        return address_in(text) if text else None
    except ValueError:
        return None  # a neighbour on a link
