"""How many prefixes, paths and shares there are, against how many there should be. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from kubepeer.checks import Finding
from kubepeer.intent.families import NAMES, version_of
from tasks.platforms.hops import Hop, shortened
from tasks.platforms.seen import Path, RibRoute, Session
from tasks.routes.case import REMARK, Case, Check
from tasks.routes.expected import ExpectedRoute

SHARE = "share"  # the check's name
NEAR = 0.75  # of a limit of prefixes: where routers begin to warn (`maximum-prefix`, the usual threshold)


class Shares(Check):
    """A prefix' next hops get alike shares of its flows.

    Passes   the next hops of the router's chosen route have one weight, or none is shown.
    Fails    they differ: the share of a link's bandwidth (`bgp bestpath bandwidth`) or a weight by hand. Next hops that are reached by
             several gateways are not judged: their shares follow from the gateways.
    """

    layer = "rib"

    def findings(self, case: Case) -> list[Finding]:
        """One answer a prefix whose shares differ; none where they are alike."""
        chosen = ((route, case.seen.chosen_rib(route.prefix)) for route in case.announced.routes)
        return [one for route, rib in chosen if rib and (one := self._finding(case, route, rib))]

    def _finding(self, case: Case, route: ExpectedRoute, rib: RibRoute) -> Finding | None:
        weights = {hop: weight for hop, _, weight in rib.lines if weight}
        direct = weights.keys() == rib.hops and all(case.seen.gateways(hop) == {hop} for hop in weights)
        if not direct or len(set(weights.values())) < 2 or not any(map(case.concerns, weights)):  # noqa: PLR2004  several weights
            return None
        whole = sum(weights.values())
        said = tuple(f"{hops} {100 * weight / whole:.1f} %" for weight, hops in _by_weight(weights))
        each = f"{100 / len(weights):.1f} % each"
        reason = f"flows are not spread evenly over {len(weights)} next hops: {', '.join(said)}, and not {each}"
        return Finding(
            case.host, SHARE, str(route.prefix), "rib", ok=False, expected=(each,), observed=said, reason=reason
        )


def _by_weight(weights: Mapping[Hop, int]) -> Iterator[tuple[int, str]]:
    for weight in sorted(set(weights.values()), reverse=True):
        yield weight, shortened(hop for hop, own in weights.items() if own == weight)


class Quantities(Check):
    """What the numbers of a session and of a prefix say, and is no fault by itself.

    Passes   always: how many prefixes of a node the router's policy refuses, where it tells; how near a node is to the limit of
             prefixes; that the router uses fewer equal paths than there are, which is its limit (maximum-paths); a node with a
             session in one of its two families alone.
    Fails    never: what is missing for it fails above.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a remark; none where there is nothing to say."""
        up = [
            one
            for peer, one in case.seen.sessions.items()
            if peer in case.peers and one.established and case.concerns(str(peer))
        ]
        remarks = {
            "received": _refused(up),
            "limit of prefixes": _near_a_limit(up),
            "equal paths": _limit_of_paths(case),
            "families": _one_family(case),
        }
        return [Finding(case.host, REMARK, about, "bgp", ok=True, reason=why) for about, why in remarks.items() if why]


def _refused(sessions: list[Session]) -> str:
    """What was received and not accepted, alike nodes together."""
    refused: dict[tuple[int, int], list[Hop]] = {}
    for session in sessions:
        received = session.terms.received
        if received is not None and received > session.accepted:
            refused.setdefault((received, session.accepted), []).append(str(session.peer))
    return "; ".join(
        f"{shortened(peers)}: {received} received, {accepted} accepted: the router's policy refuses {received - accepted}"
        for (received, accepted), peers in refused.items()
    )


def _near_a_limit(sessions: list[Session]) -> str:
    near = [one for one in sessions if one.terms.limit and one.accepted >= NEAR * one.terms.limit]
    return "; ".join(
        f"{one.peer}: {one.accepted} of at most {one.terms.limit} prefixes, then the router takes no more"
        for one in near
    )


def _limit_of_paths(case: Case) -> str:
    """The number of equal paths that no prefix has more of, though it could: by BGP's own attributes they are as good as the best one."""
    counts: dict[str, tuple[int, int]] = {}
    for route in case.announced.routes:
        paths = [path for path in case.seen.bgp.get(route.prefix, ()) if path.own and path.valid]
        best = next((path for path in paths if path.chosen), None)
        if best is not None and best.attributes.as_path is not None:
            equal = {path.hop for path in paths if _as_good(path, best)}
            counts[str(route.prefix)] = len({path.hop for path in paths if path.chosen}), len(equal)
    limits = Counter(used for used, equal in counts.values() if used < equal)
    if len(limits) != 1 or max(used for used, _ in counts.values()) > min(limits):
        return ""  # another rule than a limit decides
    (limit,) = limits
    most = max(equal for used, equal in counts.values() if used < equal)
    return (
        f"the router uses {limit} of {most} paths that are as good: its limit of equal paths (maximum-paths) is {limit}"
    )


def _as_good(path: Path, best: Path) -> bool:
    """By the length of the AS path, the origin and the neighbour's AS (RFC 4271, 9.1.2.2 a to c); what else decides is not shown alike."""
    own, other = path.attributes, best.attributes
    return own.origin == other.origin and own.as_path == other.as_path and path.stale == best.stale


def _one_family(case: Case) -> str:
    """The nodes that one family's session is up of, and the other's not."""
    by_name: dict[str, dict[bool, list[str]]] = {}
    for address, name in case.announced.speakers.items():
        if case.concerns(str(address)):
            session = case.seen.sessions.get(address)
            up = session is not None and session.established
            by_name.setdefault(name, {}).setdefault(up, []).append(NAMES[version_of(address)])
    return "; ".join(
        f"{name} speaks {' and '.join(some[True])} alone: its session of {' and '.join(some[False])} is not up"
        for name, some in by_name.items()
        if len(some) > 1
    )
