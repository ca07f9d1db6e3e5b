"""Why a router's tables differ from what BGP has brought: routes made by hand, kernel routes that went, too few paths. Pure."""

from dataclasses import replace

from kubepeer.checks import Evidence
from tasks.platforms.hops import hops_in_order, shortened
from tasks.platforms.second_look import Limit
from tasks.routes.causes.cause import CauseOfRoute, Explanation, Wrong, shortened_text

BY_HAND = ("boot", "static")  # iproute2's rtprotos: of `ip route add`, and of a system's own configuration


def at_router(wrong: Wrong, asked: str, answered: str) -> Evidence:
    """What the router says."""
    return Evidence(wrong.situation.host, asked, shortened_text(answered))


class RouteByHand(CauseOfRoute):
    """The kernel takes a route that no daemon has put there.

    Looks at   the route that the router's kernel takes for the prefix.
    Proved by  its protocol: boot or static, a person's or the system's (rtnetlink(7)), with next hops that the cluster does not announce.
    Cure       ip route del, once whoever made it agrees.
    """

    cure = "on {router}: ip route del {prefix}, once whoever made the route agrees"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The kernel's own answer."""
        seen = wrong.situation.seen
        chosen = seen.chosen_rib(wrong.prefix)
        learned = wrong.layer == "rib" and chosen is not None and chosen.protocol == "kernel"  # zebra's word for it
        if not (wrong.layer == "kernel" or learned) or not (wrong.finding.unexpected or wrong.missing):
            return None
        taken = seen.chosen_kernel(wrong.prefix)
        if taken is None or taken.protocol not in BY_HAND or taken.prefix != wrong.prefix:
            return None
        hops = shortened(taken.hops)
        return self.proved(
            f"a route made by hand on {wrong.situation.host} leads {wrong.prefix} to {hops} (metric {taken.metric})",
            at_router(
                wrong, f"ip route show {wrong.prefix}", f"via {hops} proto {taken.protocol} metric {taken.metric}"
            ),
            router=wrong.situation.host,
            prefix=wrong.prefix,
        )


class BetterRoute(CauseOfRoute):
    """Another protocol of the router has a better route for the prefix.

    Looks at   the route that the router's own table has chosen.
    Proved by  a protocol that is not BGP, and its distance.
    Cure       the route goes, or its distance is made worse than BGP's.
    """

    cure = "on {router}: take the {protocol} route of {prefix} away, or give it a distance that is worse than BGP's"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The table's own choice."""
        chosen = wrong.situation.seen.chosen_rib(wrong.prefix)
        if wrong.layer == "bgp" or chosen is None or chosen.protocol == "bgp":
            return None
        hops = shortened(chosen.hops)
        return self.proved(
            f"{wrong.situation.host} has a better route for {wrong.prefix} by {chosen.protocol} [{chosen.distance}/{chosen.metric}]",
            at_router(
                wrong,
                f"show ip route {wrong.prefix}",
                f"{chosen.protocol} [{chosen.distance}/{chosen.metric}] via {hops}",
            ),
            router=wrong.situation.host,
            protocol=chosen.protocol,
            prefix=wrong.prefix,
        )


class KernelRouteMissing(CauseOfRoute):
    """The router's table has the route of BGP, and its kernel has not: somebody has deleted it, or the kernel has refused it.

    Looks at   the route that the router's table has chosen, and the kernel's routes.
    Proved by  a chosen route of BGP with these next hops, and a kernel without any of that prefix.
    Cure       the daemon puts it there again when it is told of the prefix anew: a soft clear in, a restart of its kernel protocol.
    """

    cure = "on {router}: let the daemon install it again (a soft clear of the sessions in, or `restart` of the kernel protocol)"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """Both tables."""
        seen = wrong.situation.seen
        if wrong.layer != "kernel" or not wrong.missing:
            return None
        chosen = seen.chosen_rib(wrong.prefix)
        if chosen is None or chosen.protocol != "bgp" or seen.kernel.get(wrong.prefix) or not chosen.hops:
            return None
        if not {hop for missed in wrong.missing for hop in (missed,)} <= {
            gateway for hop in chosen.hops for gateway in seen.shown("kernel", hop) | {hop}
        }:
            return None
        return self.proved(
            f"the kernel of {wrong.situation.host} lost the route of {wrong.prefix}, which its table has",
            at_router(wrong, f"show ip route {wrong.prefix}", f"bgp, chosen, via {shortened(chosen.hops)}"),
            at_router(wrong, f"ip route show {wrong.prefix}", "nothing"),
            router=wrong.situation.host,
        )


class EqualPathsOff(CauseOfRoute):
    """The router does not use equal paths at all: one node gets all the traffic.

    Looks at   the router's configuration of equal paths (merge paths), and how many next hops it uses.
    Proved by  a configuration that leaves them off, one next hop in use, and valid paths of other nodes beside it.
    Cure       they are turned on: the router's owner does it, whose line it is.
    """

    cure = "on {router}: {owners}, and let it read its configuration"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """What is off, and who is not used for it."""
        limit = _limit_reached(wrong)
        if limit is None or not limit.off:
            return None
        return self.proved(
            f"{wrong.situation.host} uses one of {1 + len(wrong.missing)} next hops of {wrong.prefix}: {limit.line}",
            *_limiting(wrong, limit),
            router=wrong.situation.host,
            owners=limit.owners,
        )


class TooFewPaths(CauseOfRoute):
    """The router uses fewer equal paths than the cluster announces.

    Looks at   maximum-paths (merge paths) of the router's configuration, and how many next hops it uses.
    Proved by  as many as its limit allows, and valid paths of nodes beside them.
    Cure       the limit is process-wide: python runbooks/deploy.py shows and raises it, where it is not its owner's line.
    """

    cure = "python runbooks/deploy.py --host {router} raises it; with --dry-run it shows what it would do"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The limit, and the number in use."""
        limit, host = _limit_reached(wrong), wrong.situation.host
        if limit is None or limit.off:
            return None
        used = len(wrong.finding.observed)
        found = self.proved(
            f"{limit.line} on {host}: {used} of {used + len(wrong.missing)} next hops of {wrong.prefix} are used",
            *_limiting(wrong, limit),
            router=host,
        )
        return replace(found, cure=f"on {host}: {limit.owners}") if limit.owners else found


def _limit_reached(wrong: Wrong) -> Limit | None:
    """The router's limit of equal paths, where it uses as many and has valid paths beside them; None where that is not so."""
    limit = wrong.situation.router.maximum_paths.get(wrong.prefix.version)
    if limit is None or not wrong.missing or len(wrong.finding.observed) != limit.value:
        return None
    valid = {path.hop for path in wrong.situation.seen.bgp.get(wrong.prefix, ()) if path.valid and path.own}
    return limit if valid >= {*wrong.missing} else None


def _limiting(wrong: Wrong, limit: Limit) -> tuple[Evidence, Evidence]:
    """Its line, and the paths that are left."""
    configuration = wrong.situation.router.asked.get("configuration", "configuration")
    unused = f"valid, and not chosen: {', '.join(hops_in_order(wrong.missing))}"
    return at_router(wrong, configuration, limit.line), at_router(wrong, f"show bgp {wrong.prefix}", unused)
