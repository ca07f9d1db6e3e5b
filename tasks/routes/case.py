"""What is judged of one router, what a check is, and the names of the checks. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Network
from tasks.platforms.hops import Hop
from tasks.platforms.seen import RouterSeen
from tasks.routes.expected import Announced
from tasks.routes.intended import Intended

REMARK = "remark"  # the check of a finding that tells something and judges nothing
HASH_POLICY = "hash policy"  # the check that flows are spread by their ports
BY_ADDRESSES = 0  # of net.ipv4.fib_multipath_hash_policy (Documentation/networking/ip-sysctl.rst)
LAYERS = {"bgp": "route", "rib": "route", "kernel": "fib"}  # layer -> the name of the check


@dataclass(frozen=True)
class Case:
    """One router, what should be on it and what is.

    Attributes:
        peers: every node that should have a session: address -> what is known against it ("" is nothing).
        networks: the cluster's own networks; everything in them on the router is the cluster's to explain.
        judged: the next hops that the findings are limited to; None is all.
        addresses: of the router, as the nodes know it; none where they do not matter.
        elsewhere: the addresses of nodes that other routers serve, and this one does not: what they alone announce is not judged.
        intended: what the inventory says of the sessions and the paths; None: nothing of it is judged.

    """

    host: str
    announced: Announced
    seen: RouterSeen
    networks: tuple[Network, ...]
    peers: Mapping[Address, str] = field(default_factory=dict)
    judged: frozenset[Hop] | None = None
    elsewhere: frozenset[Hop] = frozenset()
    addresses: tuple[Address, ...] = ()
    intended: Intended | None = None

    def concerns(self, hop: Hop) -> bool:
        """Whether a next hop is one of those that are judged."""
        return hop not in self.elsewhere and (self.judged is None or hop in self.judged)

    @cached_property
    def behind(self) -> Mapping[Hop, frozenset[Hop]]:
        """For a gateway, the nodes that are reached by it; a node on a link is its own."""
        found: dict[Hop, set[Hop]] = {}
        for node in {*map(str, self.announced.speakers), *map(str, self.peers), *self.elsewhere}:
            for gateway in self.seen.gateways(node):
                found.setdefault(gateway, set()).add(node)
        return {gateway: frozenset(nodes) for gateway, nodes in found.items()}

    def observed(self, prefix: Network, layer: str) -> frozenset[Hop]:
        """The next hops of a prefix that a layer uses, without those that stand for nodes which are not judged."""
        behind = self.behind if self.seen.shows_gateways(layer) else {}
        hops = observed_hops(self.seen, prefix, layer)
        return frozenset(hop for hop in hops if any(map(self.concerns, behind.get(hop, frozenset({hop})))))


class Check(ABC):
    """One question about a router."""

    @abstractmethod
    def findings(self, case: Case) -> list[Finding]:
        """The answers, good and bad."""


def observed_hops(seen: RouterSeen, prefix: Network, layer: str) -> frozenset[Hop]:
    """The next hops of a prefix that a layer uses."""
    if layer == "bgp":
        return frozenset(path.hop for path in seen.bgp.get(prefix, ()) if path.chosen and path.valid)
    chosen = seen.chosen_rib(prefix) if layer == "rib" else seen.chosen_kernel(prefix)
    return chosen.hops if chosen else frozenset()
