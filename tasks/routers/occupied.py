"""Networks of services that a router already routes elsewhere, told before it is changed. Pure.

A static route of the same prefix is better than ours, by its distance; a longer one takes its part whatever ours is; and a neighbour that
announces it is whoever had the network before. The router's daemon is asked, and not its kernel, whose list is as long as all that it has.
Judged is a router that has no session with any of the nodes yet: from then on such a route may be the other way to the cluster while the
sessions are down, and `verify_routes.py` says what is wrong with it.
"""

from collections.abc import Iterator

from kubepeer.intent import Intent, Router
from kubepeer.intent.families import Network, by_number, within
from tasks.platforms.seen import RibRoute, RouterSeen

CURE = "choose another network, take the route away there, or say data.peering.routed_already: true, if it leads to this cluster"


def networks(intent: Intent) -> list[Network]:
    """The networks of services, each once."""
    return list(dict.fromkeys(network for family in intent.cluster.networks.families for network in family.of_services))


def reasons(intent: Intent, router: Router, seen: RouterSeen) -> Iterator[str]:
    """Each network with the route that stands in its way, or in that of a part of it; the shortest prefix is told."""
    peers = {address for node in intent.peers_of(router) for address in node.addresses}
    if router.peering.routed_already or peers & seen.sessions.keys():
        return
    cluster = {str(address) for host in (*intent.nodes, *intent.routers) for address in host.addresses}
    for network in networks(intent):
        found = next(filter(None, (_elsewhere(seen, one, cluster) for one in _within(seen, network))), None)
        if found:
            yield f"it already routes {_named(intent, network)} elsewhere: {found}: {CURE}"


def _named(intent: Intent, network: Network) -> str:
    own = intent.cluster.networks
    keys = dict.fromkeys(own.every_services, "services") | dict.fromkeys(own.every_load_balancers, "load_balancers")
    return f"cluster.networks.{keys.get(network, 'external')} {network}"


def _within(seen: RouterSeen, network: Network) -> list[Network]:
    """The prefixes that the router has of a network, the shortest first."""
    known = {*seen.rib, *seen.bgp}
    return sorted((one for one in known if within(one, network)), key=lambda one: (one.prefixlen, by_number(one)))


def _elsewhere(seen: RouterSeen, prefix: Network, cluster: set[str]) -> str:
    """The route that the router takes, and whose it is; "" where it leads to the cluster, or is one service's."""
    route = seen.chosen_rib(prefix)
    if route is not None and route.hops <= cluster:
        return ""  # another router of this inventory has told it of the cluster
    told_by = [str(path.peer) for path in seen.bgp.get(prefix, ()) if path.chosen and path.peer is not None]
    if told_by and (route is None or route.protocol == "bgp"):
        return (
            ""
            if prefix.prefixlen == prefix.max_prefixlen or {*told_by} & cluster
            else f"{prefix} by BGP from {told_by[0]}"
        )
    return f"{prefix} {_by(route)}" if route is not None else ""


def _by(route: RibRoute) -> str:
    return f"({route.protocol}) by {', '.join(sorted(route.hops)) or 'nobody'}"
