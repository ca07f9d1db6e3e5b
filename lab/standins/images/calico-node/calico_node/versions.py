"""As which version of Calico this program behaves: what differs between them, in one table."""

import os
from dataclasses import dataclass

from cluster_api.versions import at_least

DEFAULT = "3.32.1"

PEER_TTL_SECURITY = "BGPPeer.ttlSecurity"
PEER_REACHABLE_BY = "BGPPeer.reachableBy"
PEER_NEXT_HOP_MODE = "BGPPeer.nextHopMode"
FILTERS = "BGPPeer.filters"
FILTER_INTERFACE = "BGPFilter.interface"
FILTER_SOURCE = "BGPFilter.source"
FILTER_PREFIX_LENGTH = "BGPFilter.prefixLength"
SLICES_WITHOUT_READINESS = "endpoints without readiness"
AGGREGATION = "BGPConfiguration.serviceLoadBalancerAggregation"

SINCE = {
    PEER_TTL_SECURITY: "3.25.0",
    PEER_REACHABLE_BY: "3.25.0",
    FILTERS: "3.26.0",
    FILTER_INTERFACE: "3.27.0",
    FILTER_SOURCE: "3.27.0",
    FILTER_PREFIX_LENGTH: "3.29.0",
    PEER_NEXT_HOP_MODE: "3.30.2",  # a patch brought it, ahead of 3.31.0
    SLICES_WITHOUT_READINESS: "3.31.0",
    AGGREGATION: "3.31.0",
}
"""Sources stand in the project's own table of versions, whose rows have these names; a test holds that both say the same."""


@dataclass(frozen=True)
class Version:
    """A version of Calico."""

    text: str = DEFAULT

    @classmethod
    def from_environment(cls) -> "Version":
        """Read what the operator's DaemonSet says; its own version is the one that it installs."""
        return cls(os.environ.get("CALICO_VERSION", "").strip().removeprefix("v") or DEFAULT)

    def has(self, feature: str) -> bool:
        """Say whether this version has the thing; what it has not it ignores without a word, as the real one does."""
        return at_least(self.text, SINCE[feature])
