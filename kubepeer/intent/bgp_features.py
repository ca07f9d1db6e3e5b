"""What of the cluster's BGP a version of Calico cannot do: by versions.yaml, with the version that can. Pure."""

from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent
from kubepeer.intent.node_side import FilterRule, NodeSide

FILTERS, NEXT_HOP, AGGREGATION = (
    "BGPPeer.filters",
    "BGPPeer.nextHopMode",
    "BGPConfiguration.serviceLoadBalancerAggregation",
)


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """Every key that asks for more than this Calico has."""
    calico, bgp = intent.software.calico, intent.cluster.bgp
    if not (bgp.load_balancer_aggregation or versions.has("calico", calico, AGGREGATION)):
        yield _refused(calico, AGGREGATION, "cluster.bgp.load_balancer_aggregation", "true")
    for router in intent.routers:
        side = router.peering.nodes
        for key, feature, instead in _asked(side):
            if not versions.has("calico", calico, feature):
                yield _refused(calico, feature, f"peering.nodes.{key}", instead, router.name)


def _asked(side: NodeSide) -> Iterator[tuple[str, str, str]]:
    """Key, feature, and what to write instead."""
    if side.next_hop == "self":
        yield "next_hop", NEXT_HOP, "keep or auto"
    if side.reachable_by:
        yield "reachable_by", "BGPPeer.reachableBy", "leave it out"
    for key, rules in (("exports", side.exports), ("imports", side.imports)):
        for place, rule in enumerate(rules):
            for name, feature in _of_rule(rule):
                yield f"{key}.{place}{name}", feature, "leave it out"


def _of_rule(rule: FilterRule) -> Iterator[tuple[str, str]]:
    yield "", FILTERS
    if rule.interface:
        yield ".interface", "BGPFilter.interface"
    if rule.source:
        yield ".source", "BGPFilter.source"
    if rule.min_length is not None or rule.max_length is not None:
        yield ".min_length" if rule.min_length is not None else ".max_length", "BGPFilter.prefixLength"
    if rule.community:
        yield ".community", "BGPFilter.communities"
    if rule.as_path:
        yield ".as_path", "BGPFilter.asPathPrefix"


def _refused(calico: str, feature: str, key: str, instead: str, host: str = "") -> Contradiction:
    first = versions.since("calico", feature)
    return Contradiction(
        f"Calico {calico} has no {feature} (from {first} on)",
        host=host,
        key=key,
        cure=f"{instead}, or Calico from {first} on",
    )
