"""The checks of a router against what the cluster announces. Pure. Each class's docstring is its manual."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepeer.checks import Finding
from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version, by_number, within
from tasks.platforms.hops import ADDRESS, Hop, hops_in_order, shortened
from tasks.platforms.seen import RouterSeen
from tasks.routes import reasons
from tasks.routes.case import HASH_POLICY, LAYERS, REMARK, Case, Check, observed_hops
from tasks.routes.expected import NOT_ADVERTISED, ExpectedRoute
from tasks.routes.leaks import LEAK, Leaks
from tasks.routes.path_attributes import AS_PATH, COMMUNITY, AsPaths, Communities
from tasks.routes.quantities import SHARE, Quantities, Shares
from tasks.routes.router_ids import ROUTER_ID, RouterIds
from tasks.routes.session_terms import AS_NUMBER, TIMERS, SessionTerms
from tasks.routes.strangers import STRANGER, Strangers

__all__ = ["CHECKS", "FURTHER", "HASH_POLICY", "LAYERS", "REMARK", "Case", "Check", "judge", "observed_hops"]
FURTHER = frozenset(
    {AS_NUMBER, TIMERS, ROUTER_ID, STRANGER, LEAK, AS_PATH, COMMUNITY, SHARE, HASH_POLICY}
)  # beside sessions and routes
BY_ADDRESSES = 0  # of net.ipv4.fib_multipath_hash_policy (Documentation/networking/ip-sysctl.rst)
UNANNOUNCED = "the cluster does not announce this prefix"


class Sessions(Check):
    """Every node of the cluster has a BGP session with the router.

    Passes   the node's address is a configured neighbour, Established, and the router accepts what it sends.
    Fails    not configured; down, with the last error and its age; up, but without the policy that RFC 8212 demands; in the
             inventory, but not a node of the cluster.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a node."""
        return [self._finding(case, peer) for peer in sorted(case.peers, key=by_number) if case.concerns(str(peer))]

    def _finding(self, case: Case, peer: Address) -> Finding:
        session = case.seen.sessions.get(peer)
        state = session.state if session else "not configured"
        reason = "; ".join(text for text in (reasons.of_session(session), case.peers[peer]) if text)
        return Finding(case.host, "session", str(peer), "bgp", not reason, ("Established",), (state,), reason=reason)


@dataclass(frozen=True)
class NextHops(Check):
    """A prefix has exactly the next hops that the cluster announces.

    Passes   every expected next hop is chosen and no other, and each is announced, not stale, by the session of its own. A node
             behind another hop (multihop, a loopback) is in the kernel by the gateways that the router's own routes resolve it by.
    Fails    missing: a node's session, a filter, a limit of equal paths, a better route; unexpected: a stranger, or a route made
             by hand; stale: kept under graceful restart (RFC 4724) although the node may be dead, and still in use; announced
             only by others: other nodes of Calico still announce the block of one that does not answer for it any more; resolved
             wrongly: the kernel's way to the node is not the one by which the router's table resolves it, or there is none;
             untold: the router has no program that shows all next hops of a kernel's route.
    """

    layer: str

    def findings(self, case: Case) -> list[Finding]:
        """One answer a prefix."""
        return [finding for route in case.announced.routes if (finding := self._finding(case, route))]

    def _finding(self, case: Case, route: ExpectedRoute) -> Finding | None:
        prefix, seen = route.prefix, case.seen
        if all(hop in case.elsewhere for hop in route.hops):
            return None  # it may be here by another router, or not at all
        nodes = {hop for hop in route.hops if case.concerns(hop)}
        shown = {node: seen.shown(self.layer, node) for node in nodes}
        expected = {hop for hops in shown.values() for hop in hops}
        others = {hop for node in route.hops for hop in seen.shown(self.layer, node)} - expected
        observed = (
            case.observed(prefix, self.layer) - others
        )  # a gateway may be that of a node that is judged, and not be here for it
        if not expected and not observed:
            return None
        unexpected = observed - expected
        untold = self._untold(seen, prefix, observed, expected)
        missing = set() if untold else expected - observed
        absent = {node for node in nodes if shown[node] & missing}
        used = {node for node in nodes if shown[node] & observed}
        chosen = observed_hops(seen, prefix, "bgp")  # a gateway may be in use for others alone
        stale = {
            node
            for node in seen.stale(prefix)
            if case.concerns(node)
            and (node in observed or (node in chosen and seen.shown(self.layer, node) & observed))
        }
        by_others = seen.only_by_others(prefix) & used
        misled = reasons.of_resolution(seen, nodes & seen.rib_hops(prefix)) if self.layer == "kernel" else ""
        stranger = reasons.of_unexpected(seen, prefix, self.layer) if unexpected else ""
        said = (
            (route.cause or (route.why if route.why == NOT_ADVERTISED else "")) if missing else "",
            stranger,
            reasons.of_missing(seen, prefix, self.layer, absent, besides=stranger) if absent else "",
            misled,
            untold,
            reasons.of_stale(seen, stale) if stale else "",
            reasons.of_only_by_others(seen, prefix, by_others) if by_others else "",
        )
        return Finding(
            case.host,
            LAYERS[self.layer],
            str(prefix),
            self.layer,
            not (missing or unexpected or stale or by_others or misled or untold),
            hops_in_order(expected),
            hops_in_order(observed),
            hops_in_order(missing),
            hops_in_order(unexpected),
            "; ".join(text for text in said if text),
        )

    def _untold(self, seen: RouterSeen, prefix: Network, observed: frozenset[Hop], expected: set[Hop]) -> str:
        """Why it cannot be said which next hops the kernel has; "" where it can, or where what is seen decides it."""
        chosen = seen.chosen_kernel(prefix) if self.layer == "kernel" else None
        return chosen.untold if chosen and chosen.untold and observed < expected else ""


@dataclass(frozen=True)
class Unannounced(Check):
    """The router has nothing in the cluster's networks that the cluster does not announce.

    Passes   there is no other prefix.
    Fails    a block that was left behind, an address of a service that is gone, a route made by hand on the router. Of one that
             is longer than a network of the cluster's, and so wins, it is said which part of which network goes where.
    """

    layer: str

    def findings(self, case: Case) -> list[Finding]:
        """One answer a prefix that should not be there; none when all is well."""
        expected = {route.prefix for route in case.announced.routes}
        table: Mapping[Network, object] = getattr(case.seen, self.layer)
        strangers = (prefix for prefix in table if prefix not in expected and _inside(prefix, case.networks))
        return [finding for prefix in sorted(strangers, key=by_number) if (finding := self._finding(case, prefix))]

    def _finding(self, case: Case, prefix: Network) -> Finding | None:
        hops = hops_in_order(case.observed(prefix, self.layer))
        if not hops:
            return None
        why = reasons.of_unexpected(case.seen, prefix, self.layer)
        said = (
            UNANNOUNCED + _astray(prefix, case.announced.routes, hops),
            case.announced.left_behind.get(prefix, ""),
            why,
        )
        reason = "; ".join(text for text in said if text)
        return Finding(
            case.host,
            LAYERS[self.layer],
            str(prefix),
            self.layer,
            ok=False,
            observed=hops,
            unexpected=hops,
            reason=reason,
        )


class HashPolicy(Check):
    """A router that is Linux spreads the flows of one client over all next hops of a prefix.

    Passes   net.ipv4.fib_multipath_hash_policy is not 0, and that of IPv6; asked where a prefix of the family has several next hops.
    Fails    it is 0: flows are spread by their two addresses alone (layer 3), and all flows of one client to one address enter by one node.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a router and family; none where nothing is to be spread, or nothing tells."""
        spread = {route.prefix.version for route in case.announced.routes if sum(map(case.concerns, route.hops)) > 1}
        policies = {IPV4: case.seen.hash_policy, IPV6: case.seen.hash_policy6}
        told = ((version, policy) for version, policy in policies.items() if version in spread and policy is not None)
        return [self._finding(case.host, version, policy) for version, policy in told]

    def _finding(self, host: str, version: Version, policy: int) -> Finding:
        reason = "flows are spread by their addresses alone (layer 3), so that all of one client enter by one node: deploy.py sets it to 1"
        ok = policy != BY_ADDRESSES
        return Finding(
            host, HASH_POLICY, f"net.ipv{version}.fib_multipath_hash_policy", "kernel", ok, ("1",), (str(policy),),
            () if ok else ("1",), () if ok else (str(policy),), "" if ok else reason,
        )  # fmt: skip


class Remarks(Check):
    """What is no fault and worth knowing.

    Passes   always: nodes that announce other nodes' blocks beside their owners, or would if the router let them; blocks that a
             deleted node has left in Calico.
    Fails    never.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a remark; none where there is nothing to say."""
        theirs = case.intended is not None and case.intended.theirs
        copies = reasons.of_copies(case.seen, (route.prefix for route in case.announced.routes), theirs=theirs)
        peers = tuple(dict.fromkeys(peer for one in case.addresses for peer in case.announced.unfiltered.get(one, ())))
        remarks = {
            "announcements": copies or reasons.of_unfiltered(peers, theirs=theirs),
            "kernel": case.seen.notice,
            **{str(prefix): why for prefix, why in case.announced.left_behind.items()},
        }
        return [Finding(case.host, REMARK, about, "bgp", ok=True, reason=why) for about, why in remarks.items() if why]


CHECKS: tuple[Check, ...] = (
    Sessions(),
    SessionTerms(),
    RouterIds(),
    Strangers(),
    Leaks(),
    *map(NextHops, LAYERS),
    *map(Unannounced, LAYERS),
    AsPaths(),
    Communities(),
    Shares(),
    HashPolicy(),
    Quantities(),
    Remarks(),
)


def judge(case: Case) -> tuple[Finding, ...]:
    """All answers about one router."""
    return tuple(
        finding
        for check in CHECKS
        if getattr(check, "layer", "bgp") in case.seen.layers
        for finding in check.findings(case)
    )


def _astray(prefix: Network, routes: Iterable[ExpectedRoute], hops: tuple[Hop, ...]) -> str:
    """Which part of which of the cluster's networks a longer prefix takes away, and to whom; "" where it is in none."""
    around = [route for route in routes if within(prefix, route.prefix)]
    if not around:
        return ""
    route = max(around, key=lambda one: one.prefix.prefixlen)
    owners = set(map(str, route.next_hops))
    part = f"this part of {route.prefix} ({route.why})"
    if set(hops) == owners:
        return ""
    if set(hops) < owners:
        return f", and takes {part} to {shortened(hops)} alone"
    if not any(map(ADDRESS.match, hops)) and not any(hop.startswith("dev ") for hop in hops):
        return f", and drops {part}: {shortened(hops)}"
    return f", and takes {part} to {shortened(hops)} and not to {shortened(owners)}"


def _inside(prefix: Network, networks: tuple[Network, ...]) -> bool:
    return any(within(prefix, network) for network in networks)
