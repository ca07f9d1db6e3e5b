"""What one router shows of the prefixes that a node leaves or comes back to, layer by layer. Pure."""

from collections.abc import Iterable

from kubepeer.checks import Finding
from tasks.drain.safety import Leaving
from tasks.platforms.hops import Hop, hops_in_order
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import LAYERS, observed_hops

LAST = "without this node no next hop would be left"
STILL_USED = "the router still uses the node"
OF_BEFORE = "the router still has the path of before"  # kept under graceful restart (RFC 4724)
NOT_USED = "the router does not use the node yet"


def may_go(host: str, seen: RouterSeen, routes: Iterable[Leaving]) -> tuple[Finding, ...]:
    """Whether another next hop is left of each prefix, as the router itself shows it.

    A prefix that the router does not send to the node at all may go: nothing is taken from it.
    """
    found = []
    for route, layer in _asked(seen, routes):
        own, observed = _own(seen, route, layer), observed_hops(seen, route.prefix, layer)
        untold = _untold(seen, route, layer)
        alone = bool(own & observed) and not observed - own and not untold
        reason = untold or (LAST if alone else "")
        found.append(_finding(host, route, layer, observed, ok=not reason, reason=reason))
    return tuple(found)


def gone(host: str, seen: RouterSeen, routes: Iterable[Leaving]) -> tuple[Finding, ...]:
    """Whether no layer has the node as a next hop of any of the prefixes, and each has another one."""
    found = []
    for route, layer in _asked(seen, routes):
        observed = observed_hops(seen, route.prefix, layer)
        still = _own(seen, route, layer) & observed
        reason = STILL_USED if still else "" if observed else "no next hop is left"
        found.append(_finding(host, route, layer, observed, unexpected=still, ok=not reason, reason=reason))
    return tuple(found)


def back(host: str, seen: RouterSeen, routes: Iterable[Leaving]) -> tuple[Finding, ...]:
    """Whether every layer has the node as a next hop of all of the prefixes again."""
    found = []
    for route, layer in _asked(seen, routes):
        observed = observed_hops(seen, route.prefix, layer)
        missing = {hop for own in route.own for hop in seen.shown(layer, own)} - observed
        reason = (_untold(seen, route, layer) or NOT_USED) if missing else ""
        if layer == "bgp" and not reason and route.own & seen.stale(route.prefix):
            reason = OF_BEFORE
        found.append(_finding(host, route, layer, observed, missing=missing, ok=not reason, reason=reason))
    return tuple(found)


def counted(findings: Iterable[Finding]) -> str:
    """How many next hops the prefixes have, for a person: `10.33.128.0/18, 10.33.192.0/18: 5 next hops`."""
    counts: dict[int, list[str]] = {}
    for finding in findings:
        prefixes = counts.setdefault(len(finding.observed), [])
        prefixes += [finding.subject] if finding.subject not in prefixes else []
    return "; ".join(
        f"{', '.join(prefixes)}: {count} next hop{'' if count == 1 else 's'}"
        for count, prefixes in sorted(counts.items())
    )


def told(findings: Iterable[Finding]) -> str:
    """What is not so yet, for a person who waits: prefix, layers, and what was seen last."""
    wrong: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if not finding.ok:
            wrong.setdefault((finding.subject, finding.reason), []).append(finding)
    return "; ".join(
        f"{subject} in {', '.join(one.layer for one in alike)}: {reason}"
        f" (next hops {', '.join(alike[-1].observed) or 'none'})"
        for (subject, reason), alike in wrong.items()
    )


def _asked(seen: RouterSeen, routes: Iterable[Leaving]) -> Iterable[tuple[Leaving, str]]:
    return ((route, layer) for route in routes for layer in LAYERS if layer in seen.layers)


def _own(seen: RouterSeen, route: Leaving, layer: str) -> frozenset[Hop]:
    """What a layer shows for the node alone: a gateway that leads to other nodes as well stays whatever becomes of this one."""
    shared = {shown for hop in route.rest for shown in seen.shown(layer, hop)}
    return frozenset(shown for hop in route.own for shown in seen.shown(layer, hop)) - shared


def _untold(seen: RouterSeen, route: Leaving, layer: str) -> str:
    """Why it cannot be said which next hops the kernel has; "" where it can."""
    chosen = seen.chosen_kernel(route.prefix) if layer == "kernel" else None
    return chosen.untold if chosen else ""


def _finding(
    host: str,
    route: Leaving,
    layer: str,
    observed: frozenset[Hop],
    *,
    ok: bool,
    reason: str,
    missing: Iterable[Hop] = (),
    unexpected: Iterable[Hop] = (),
) -> Finding:
    return Finding(
        host,
        LAYERS[layer],
        str(route.prefix),
        layer,
        ok,
        expected=hops_in_order((observed | set(missing)) - set(unexpected)),
        observed=hops_in_order(observed),
        missing=hops_in_order(missing),
        unexpected=hops_in_order(unexpected),
        reason=reason,
    )
