"""What should be on a router by the inventory alone, for the time in which the cluster's API does not answer. Pure.

The inventory decides who peers and which networks of services every node announces. Which node has which pod block, and which single
addresses of services are announced, the API alone knows: of blocks it is asked for one a node, and what is not compared is said.
Calico gives each node an address for its tunnel out of a pool with encapsulation (calico: node/pkg/allocateip), so that it has a block
there even without pods; without encapsulation a node without pods has none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubepeer.checks import Finding
from kubepeer.intent import Intent
from kubepeer.intent.families import IPV4, Address, Network, Version, within
from kubepeer.intent.pools import FurtherPool
from kubepeer.run import Run
from tasks.platforms.hops import Hop, hops_in_order, shortened
from tasks.routes import reasons
from tasks.routes.checks import LAYERS, Case, observed_hops
from tasks.routes.expected import EXCLUDED, Announced, ExpectedRoute

INVENTORY, CLUSTER = "inventory", "cluster"  # the values of --intent
NO_BLOCK = "its session is Established, but no pod block of its own is here"
BY_LABEL = "nodes that a label of the cluster's own excludes, and single addresses of services, are not compared"
STRANGERS = "prefixes that the cluster does not announce are not looked for"
SPEAKERS = "what MetalLB's speakers announce is not compared (BGPAdvertisements are in the API): sessions alone are"


def by_inventory(run: Run) -> bool:
    """Whether the command line says --intent inventory."""
    return run.options.further.get("intent") == INVENTORY


def announced(intent: Intent) -> Announced:
    """What every node announces by the inventory: the networks of services, where Calico itself speaks; and who speaks.

    Args:
        intent: of the whole inventory.

    """
    bgp, networks = intent.cluster.bgp, intent.cluster.networks
    speakers = {address: node.full_name for node in intent.nodes for address in node.addresses}
    if intent.load_balancer.speaks:
        return Announced(speakers=speakers)
    announcing = [node for node in intent.nodes if node.settings.labels.get(EXCLUDED) != "true"]
    hops = {
        prefix: frozenset(one for node in announcing for one in node.addresses if one.version == prefix.version)
        for prefix in bgp.announced_services(networks)
    }
    routes = (ExpectedRoute(prefix, of, "service network of the inventory") for prefix, of in hops.items() if of)
    return Announced(tuple(routes), speakers)


def not_compared(intent: Intent) -> Iterator[str]:
    """What cannot be known without the API, a line each: it must not look as if it were right."""
    if intent.load_balancer.speaks:
        yield SPEAKERS
        return
    for family in intent.cluster.networks.families:
        judged = pools_with_blocks(intent, family.version)
        each = f": each node has one at least in {_named(judged)}" if judged else ", not even whether each node has one"
        yield f"{family.name} pod blocks are not compared (whose they are the API knows){each}"
    yield BY_LABEL
    yield STRANGERS


def pools_with_blocks(intent: Intent, version: Version) -> tuple[FurtherPool, ...]:
    """The pools of a family in one of which every node has a block, whatever pods it has, and tells it to the routers; none: no such is."""
    pools = [pool for pool in intent.cluster.networks.of(version).pools if pool.announced]
    tunnels = [pool for pool in pools if pool.node_selector == "all()" and _has_tunnel(pool)]
    hidden = [pool for pool in intent.cluster.networks.of(version).pools if not pool.announced and _has_tunnel(pool)]
    return tuple(pools) if tunnels and not hidden else ()


def _has_tunnel(pool: FurtherPool) -> bool:
    return pool.encapsulation.startswith("VXLAN") or (pool.encapsulation != "None" and pool.cidr.version == IPV4)


@dataclass(frozen=True)
class PodBlocks:
    """With --intent inventory: every node has a pod block on the router, whichever.

    Passes   in the pools of the inventory each node is the next hop of a prefix that it announces itself and that is not stale.
    Fails    missing: a node of which no pod block is there: its session, a filter; unexpected: a next hop that is no node of the inventory.
    """

    layer: str

    def findings(self, case: Case, intent: Intent) -> list[Finding]:
        """One answer a family; none where nothing can be said of it."""
        if intent.load_balancer.speaks:
            return []
        found = (
            self._finding(case, pools_with_blocks(intent, version)) for version in intent.cluster.networks.versions
        )
        return [one for one in found if one]

    def _finding(self, case: Case, pools: tuple[FurtherPool, ...]) -> Finding | None:
        if not pools:
            return None
        version, seen = pools[0].cidr.version, case.seen
        nodes = {str(one): one for one in case.announced.speakers if one.version == version and case.concerns(str(one))}
        prefixes = [prefix for prefix in getattr(seen, self.layer) if any(within(prefix, pool.cidr) for pool in pools)]
        having = {hop for hop in nodes if any(self._is_there(case, prefix, hop) for prefix in prefixes)}
        known = {hop for one in case.announced.speakers for hop in seen.shown(self.layer, str(one))}
        strangers = {hop for prefix in prefixes for hop in case.observed(prefix, self.layer)} - known
        missing = nodes.keys() - having
        if not nodes and not strangers:
            return None
        said = [_why(case, nodes[hop]) for hop in hops_in_order(missing)]
        if strangers:
            said.append(f"{shortened(strangers)}: no node of the inventory")
        return Finding(
            case.host,
            LAYERS[self.layer],
            str(pools[0].cidr),
            self.layer,
            not (missing or strangers),
            hops_in_order(nodes),
            hops_in_order(having | strangers),
            hops_in_order(missing),
            hops_in_order(strangers),
            "; ".join(said),
        )

    def _is_there(self, case: Case, prefix: Network, hop: Hop) -> bool:
        if hop in case.seen.stale(prefix) or hop in case.seen.only_by_others(prefix):
            return False
        return bool(case.seen.shown(self.layer, hop) & observed_hops(case.seen, prefix, self.layer))


CHECKS = tuple(map(PodBlocks, LAYERS))


def findings(case: Case, intent: Intent) -> Iterator[Finding]:
    """The answers about one router that are given in place of exact blocks."""
    for check in CHECKS:
        if check.layer in case.seen.layers:
            yield from check.findings(case, intent)


def _why(case: Case, node: Address) -> str:
    session = case.seen.sessions.get(node)
    lost = reasons.of_session(session)
    if lost:
        return f"{node}: {lost if session is None else f'session {lost}'}"
    return f"{node}: {(session and session.waits) or NO_BLOCK}"


def _named(pools: Iterable[FurtherPool]) -> str:
    return " or ".join(str(pool.cidr) for pool in pools)
