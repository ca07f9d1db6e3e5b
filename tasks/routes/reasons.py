"""Why a next hop is missing or unexpected, joined from what the router says of the session, the paths and its other routes. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from kubepeer.checks import Finding
from kubepeer.intent.families import Network
from tasks.platforms.hops import ADDRESS, Hop, hops_in_order, shortened
from tasks.platforms.seen import Path, RouterSeen, Session

MINUTE, HOUR, DAY = 60, 3600, 86400


NOT_CONFIGURED = "not a neighbour in the router's configuration"
BY_DEPLOY, BY_ITS_OWNER = "python runbooks/deploy.py writes the filter", "a BGPFilter is the cluster's owner's to write"
SILENT = "its session is Established, but it does not announce this prefix, or a policy of the router refuses it"


def of_session(session: Session | None) -> str:
    """Why a session is not what it should be; "" when it is."""
    if session is None:
        return NOT_CONFIGURED
    if session.established:
        return f"Established, but: {session.discards}" if session.discards else ""
    never = "" if session.ever else ", never established"
    passed = "" if session.seconds is None else duration(session.seconds)
    if session.of_last_attempt:
        down = f"{'' if session.state == 'Down' else ', down'} for {passed}" if passed else ""
        error = f"{down}: {session.last_error}" if session.last_error else down
    else:
        error = f": {session.last_error}{passed and f', {passed} ago'}" if session.last_error else ""
    kept = "" if session.stale_seconds is None else f"; its routes are {_kept(session.stale_seconds)}"
    waits = f"; {session.waits}" if session.waits else ""
    return f"{session.state}{never}{error}{kept}{waits}"


def reason_of(of_prefix: Iterable[Finding]) -> str:
    """What the layers say of one prefix; what several say is said once."""
    parts = (part for finding in of_prefix for part in finding.reason.split("; ") if part)
    return "; ".join(dict.fromkeys(parts))


def of_missing(seen: RouterSeen, prefix: Network, layer: str, hops: Iterable[Hop], *, besides: str = "") -> str:
    """Why these next hops of a prefix are missing in a layer, besides a reason that was given already."""
    reasons = ((hop, _why_missing(seen, prefix, layer, hop)) for hop in hops_in_order(hops))
    return _joined((hop, reason) for hop, reason in reasons if reason != besides)


def of_stale(seen: RouterSeen, hops: Iterable[Hop]) -> str:
    """That next hops are kept although their session was lost, and what is known of it."""
    return _joined((hop, _stale_reason(seen, hop)) for hop in hops_in_order(hops))


def of_resolution(seen: RouterSeen, hops: Iterable[Hop]) -> str:
    """That the kernel does not reach next hops by the gateways by which the router's table resolves them; "" where all agree."""
    return _joined((hop, _resolution_reason(seen, hop)) for hop in hops_in_order(hops))


def of_only_by_others(seen: RouterSeen, prefix: Network, hops: Iterable[Hop]) -> str:
    """That next hops are announced by other nodes alone: they lead to a node that may be dead."""
    return _joined((hop, _others_reason(seen, prefix, hop)) for hop in hops_in_order(hops))


def of_copies(seen: RouterSeen, prefixes: Iterable[Network], *, theirs: bool = False) -> str:
    """Which neighbours announce prefixes of others as well, while the others announce them, too; "" where nobody does.

    Args:
        seen: the router.
        prefixes: of the cluster.
        theirs: somebody else has built the cluster, and nothing is written into it.

    """
    copies = [
        (prefix, path)
        for prefix in prefixes
        for path in seen.bgp.get(prefix, ())
        if path.peer is not None and not path.own and seen.own_paths(prefix, path.hop)
    ]
    if not copies:
        return ""
    count = len({prefix for prefix, _ in copies})
    peers = shortened({str(path.peer) for _, path in copies})
    return (
        f"{peers} announce other nodes' routes as well, with the owners' next hops ({count} prefix{'es' if count > 1 else ''}):"
        " nothing goes astray, but neither Calico (BGPFilter) nor the router's inbound filter keeps them out,"
        f" and a dead node's block would stay: python runbooks/deploy.py writes {'that of the router' if theirs else 'the filters'}"
    )


def of_unfiltered(bgp_peers: Sequence[str], *, theirs: bool = False) -> str:
    """That nothing but the router's own filter keeps a node to its own routes; "" where each of the BGPPeers has a filter.

    Args:
        bgp_peers: those without one.
        theirs: somebody else has built the cluster, and nothing is written into it.

    """
    if not bgp_peers:
        return ""
    verb = "name" if len(bgp_peers) > 1 else "names"
    return (
        f"BGPPeer {', '.join(bgp_peers)} {verb} no BGPFilter that is there: each node announces the other nodes' blocks as well,"
        f" and the router's inbound filter alone refuses them: {BY_ITS_OWNER if theirs else BY_DEPLOY}"
    )


def of_unexpected(seen: RouterSeen, prefix: Network, layer: str) -> str:
    """Which route brought next hops that the cluster does not announce."""
    if layer == "kernel":
        return _kernel_reason(seen, prefix)
    if layer == "rib":
        chosen = seen.chosen_rib(prefix)
        if chosen and chosen.protocol != "bgp":
            return f"better route by {chosen.protocol} [{chosen.distance}/{chosen.metric}]"
        return ""
    paths = [path for path in seen.bgp.get(prefix, ()) if path.chosen]
    if not paths:
        return ""
    tunnel = any(ADDRESS.match(path.hop) and ip_address(path.hop) in prefix for path in paths)
    said = f"announced by {shortened({str(path.peer or 'the router itself') for path in paths})}"
    return f"{said}, by way of a tunnel address inside it (VXLAN)" if tunnel else said


def duration(seconds: int) -> str:
    """A length of time as a person says it."""
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    if seconds < 2 * HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h"
    return f"{seconds // DAY} days"


def _why_missing(seen: RouterSeen, prefix: Network, layer: str, hop: Hop) -> str:
    lost = _session_reason(seen, hop)
    if lost:
        return lost if lost == NOT_CONFIGURED else f"session {lost}"
    paths = seen.own_paths(prefix, hop)
    if not paths:
        session = _session(seen, hop)
        return (session and session.waits) or SILENT
    if not any(path.valid for path in paths):
        return f"announced, but the router cannot reach the next hop{_no_way(seen, hop)}"
    if not any(path.chosen for path in seen.bgp[prefix] if path.hop == hop):
        return f"announced, but not chosen as an equal path ({_unequal(seen, prefix, paths[0])})"
    if layer == "rib":
        return _rib_reason(seen, prefix)
    chosen = seen.chosen_rib(prefix)
    above = "" if chosen and seen.shown("rib", hop) <= chosen.hops else _rib_reason(seen, prefix)
    return _kernel_reason(seen, prefix) or above or "in BGP, but the kernel does not have it"


def _unequal(seen: RouterSeen, prefix: Network, path: Path) -> str:
    """What makes a path worse than the best one, as far as both are shown; equal paths agree in all of it (RFC 4271, 9.1.2.2)."""
    best = next((one for one in seen.bgp[prefix] if one.chosen), path)
    own, other = path.attributes, best.attributes
    if own.as_path is not None and other.as_path is not None and len(own.as_path) > len(other.as_path):
        return f"its AS path {' '.join(own.as_path)} is longer than the best one, {' '.join(other.as_path)}"
    if own.origin and other.origin and own.origin != other.origin:
        return f"its origin is {own.origin}, the best one's {other.origin}"
    return "maximum-paths, or another path is better"


def _rib_reason(seen: RouterSeen, prefix: Network) -> str:
    chosen = seen.chosen_rib(prefix)
    if chosen is None:
        held_back = "in the router's table, but its policy does not hand it to the kernel"
        return held_back if seen.rib.get(prefix) else "in BGP, but no route is selected"
    if chosen.protocol != "bgp":
        return f"better route by {chosen.protocol} [{chosen.distance}/{chosen.metric}]"
    return f"in BGP, but {chosen.absent}"


def _kernel_reason(seen: RouterSeen, prefix: Network) -> str:
    taken = seen.chosen_kernel(prefix)
    listed = seen.kernel.get(prefix, ())
    if taken is None:
        looked_up = seen.lookups.get(prefix)
        if looked_up is not None:
            return f"the kernel takes {looked_up.prefix} instead"
        return "a rule forbids the route of the main table" if listed else "not in the kernel's main table"
    if taken not in listed and listed:
        return "a rule leads to another routing table"
    if taken.protocol and taken.protocol not in seen.kernel_protocols:
        return f"better route by {taken.protocol} metric {taken.metric}" + (
            ", made by hand" if taken.protocol == "boot" else ""
        )
    rib = seen.chosen_rib(prefix)
    if rib and rib.protocol == "bgp" and not taken.untold:
        hops = rib.hops if seen.gateways_in_rib else frozenset().union(*map(seen.gateways, rib.hops))
        if hops != taken.hops:
            return f"the kernel's route is not the one of the router's table{_resolved(seen, rib.hops)}"
    return ""


def _resolved(seen: RouterSeen, hops: Iterable[Hop]) -> str:
    """How the router's table resolves next hops; "" where each is its own gateway."""
    ways = ((hop, seen.gateways(hop)) for hop in hops)
    said = _joined((hop, f"by {shortened(gateways)}") for hop, gateways in ways if gateways != {hop})
    return f", which resolves {said.replace(': by ', ' by ')}" if said else ""


def _resolution_reason(seen: RouterSeen, hop: Hop) -> str:
    table, kernel = seen.resolved.get(hop), seen.kernel_gateways(hop)
    if kernel is None or table is None or table in (kernel, {hop}):
        return ""
    taken = seen.lookups[ip_network(hop)]
    way = f"reaches it by {shortened(kernel)} ({taken.prefix})" if taken else "has no route to it"
    return f"the router's table resolves it by {shortened(table)}, the kernel {way}"


def _no_way(seen: RouterSeen, hop: Hop) -> str:
    """What the kernel has for a next hop that the router's table cannot resolve."""
    if seen.kernel_gateways(hop) is None:
        return ""
    taken = seen.lookups[ip_network(hop)]
    if taken is None:
        return ": there is no route to it"
    return f": the one route to it is {taken.prefix}, by which the router's table does not resolve it"


def _session_reason(seen: RouterSeen, hop: Hop) -> str:
    session = _session(seen, hop)
    return NOT_CONFIGURED if session is None and ADDRESS.match(hop) else of_session(session) if session else ""


def _stale_reason(seen: RouterSeen, hop: Hop) -> str:
    session = _session(seen, hop)
    if session is None or session.established:
        waits = f"; {session.waits}" if session and session.waits else ""
        return f"stale until its session, which is new, has told all (graceful restart, RFC 4724){waits}"
    lost = of_session(replace(session, stale_seconds=None))
    return f"{_kept(session.stale_seconds)}: session {lost}"


def _others_reason(seen: RouterSeen, prefix: Network, hop: Hop) -> str:
    others = shortened({str(path.peer) for path in seen.bgp[prefix] if path.hop == hop and path.peer is not None})
    session = _session(seen, hop)
    if session is None:
        own = f"it itself is {NOT_CONFIGURED}"
    elif lost := of_session(session):
        own = f"its own session is {lost}"
    else:
        own = session.waits or SILENT
    return f"announced only by others ({others}); {own}"


def _kept(seconds: int | None) -> str:
    more = "" if seconds is None else f" for {duration(seconds)} more"
    return f"stale, kept{more} (graceful restart, RFC 4724)"


def _session(seen: RouterSeen, hop: Hop) -> Session | None:
    return seen.sessions.get(ip_address(hop)) if ADDRESS.match(hop) else None


def _joined(reasons: Iterable[tuple[Hop, str]]) -> str:
    """One reason for all that share it, with their names where there are several."""
    together: dict[str, list[Hop]] = {}
    for hop, reason in reasons:
        if reason:
            together.setdefault(reason, []).append(hop)
    return "; ".join(f"{shortened(hops)}: {reason}" for reason, hops in together.items())
