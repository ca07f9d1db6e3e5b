"""Why a prefix is expected on a router, and how far each of its next hops has come: object, node, session, path, table, kernel. Pure."""

from collections.abc import Iterator

from kubepeer.intent.families import Network, by_number, within
from tasks.platforms.hops import Hop, hops_in_order, shortened
from tasks.platforms.seen import RouterSeen
from tasks.routes import reasons
from tasks.routes.checks import LAYERS, observed_hops
from tasks.routes.expected import Announced, ExpectedRoute

PLACES = {"bgp": "chosen in BGP", "rib": "in the router's table", "kernel": "in the kernel"}


def expected(asked: Network, announced: Announced) -> ExpectedRoute | None:
    """The route that the cluster announces for a prefix or an address: its own, or the longest around it."""
    around = [route for route in announced.routes if within(asked, route.prefix)]
    return max(around, key=lambda route: route.prefix.prefixlen, default=None)


def object_lines(asked: Network, announced: Announced) -> Iterator[str]:
    """Which object of the cluster stands behind it, and by which nodes it is to be reached."""
    route = expected(asked, announced)
    if route is None:
        yield f"{asked}: the cluster announces neither it nor a network around it"
        if why := announced.left_behind.get(asked):
            yield f"   {why}"
        return
    around = "" if route.prefix == asked else f" is in {route.prefix}"
    yield f"{asked}{around}: {route.why}{f'; {route.cause}' if route.cause else ''}"
    for hop in sorted(route.next_hops, key=by_number):
        yield f"   by {hop} ({announced.speakers.get(hop, 'no node of the cluster')})"


def router_lines(asked: Network, announced: Announced, seen: RouterSeen) -> Iterator[str]:
    """How far each next hop has come on one router, and what else the router has there."""
    route = expected(asked, announced)
    if route is None:
        prefixes = {prefix for prefix in (*seen.bgp, *seen.rib, *seen.kernel) if within(asked, prefix)}
        yield from _others(seen, prefixes, "has")
        return
    layers = [layer for layer in LAYERS if layer in seen.layers]
    chains: dict[str, list[Hop]] = {}  # what is so of several is said once
    for hop in hops_in_order(map(str, route.next_hops)):
        chains.setdefault(_chain(seen, route.prefix, hop, layers), []).append(hop)
    for chain, hops in chains.items():
        yield f"   {shortened(hops)}: {chain}"
    inside = {p for p in (*seen.bgp, *seen.rib, *seen.kernel) if p != route.prefix and within(p, route.prefix)}
    known = {one.prefix for one in announced.routes}
    # what is longer wins: of the asked address, or of a part of the asked prefix
    yield from _others(seen, {p for p in inside - known if within(asked, p) or within(p, asked)}, "longer, so it wins:")


def _chain(seen: RouterSeen, prefix: Network, hop: Hop, layers: list[str]) -> str:
    """The steps that hold, in their order, up to the first that does not, with its reason."""
    steps = []
    session = next((one for peer, one in seen.sessions.items() if str(peer) == hop), None)
    if session is not None:
        steps.append(f"session {session.state}")
    if hop in seen.only_by_others(prefix):
        steps.append("announced by others alone")
    elif seen.own_paths(prefix, hop):
        steps.append("announced, stale" if hop in seen.stale(prefix) else "announced")
    for layer in layers:
        if not seen.shown(layer, hop) <= observed_hops(seen, prefix, layer):
            why = reasons.of_missing(seen, prefix, layer, [hop]).removeprefix(f"{hop}: ")
            return ", ".join((*steps, f"NOT {PLACES[layer]}: {why}"))
        by = seen.shown(layer, hop)
        steps.append(f"{PLACES[layer]}{'' if by == {hop} else f' by {shortened(by)}'}")
    return ", ".join(steps)


def _others(seen: RouterSeen, prefixes: set[Network], word: str) -> Iterator[str]:
    for prefix in sorted(prefixes, key=by_number):
        for layer in LAYERS:
            if hops := observed_hops(seen, prefix, layer):
                why = reasons.of_unexpected(seen, prefix, layer)
                yield f"   {word} {prefix} by {shortened(hops)}, {PLACES[layer]}{f': {why}' if why else ''}"
