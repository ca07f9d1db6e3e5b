"""Whether others carry the traffic of a router while its sessions are down. Pure."""

from collections.abc import Iterable, Mapping

from kubepeer.intent.families import Network, by_number
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import observed_hops


def carrying(seen: Mapping[str, RouterSeen], prefix: Network) -> list[str]:
    """The routers that have a next hop of a prefix in all of their layers: in BGP, in their table and in their kernel."""
    return [
        name
        for name, one in seen.items()
        if all(observed_hops(one, prefix, layer) for layer in ("bgp", "rib", "kernel") if layer in one.layers)
    ]


def carried_by_nobody(seen: Mapping[str, RouterSeen], prefixes: Iterable[Network]) -> list[Network]:
    """The prefixes of which no other router has a next hop.

    Args:
        seen: every other router.
        prefixes: what the cluster announces to this one.

    """
    return [prefix for prefix in sorted(set(prefixes), key=by_number) if not carrying(seen, prefix)]


def carries(seen: RouterSeen) -> bool:
    """Whether any session of a router is up: of one that has none nothing can be taken."""
    return any(session.established for session in seen.sessions.values())
