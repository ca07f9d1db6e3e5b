"""As which version of Calico this program behaves: what differs between them, in one table."""

import os
from dataclasses import dataclass

DEFAULT = "3.32.1"

PEER_TTL_SECURITY = "BGPPeer.ttlSecurity"
PEER_REACHABLE_BY = "BGPPeer.reachableBy"
PEER_NEXT_HOP_MODE = "BGPPeer.nextHopMode"
FILTERS = "BGPFilter"
FILTER_INTERFACE = "BGPFilter.interface and source"
FILTER_PREFIX_LENGTH = "BGPFilter.prefixLength"
SLICES_WITHOUT_READINESS = "EndpointSlices without readiness"
AGGREGATION = "BGPConfiguration.serviceLoadBalancerAggregation"

_SINCE = {
    PEER_TTL_SECURITY: (3, 25),
    PEER_REACHABLE_BY: (3, 25),
    FILTERS: (3, 26),
    FILTER_INTERFACE: (3, 27),
    FILTER_PREFIX_LENGTH: (3, 29),  # not in the CRD of 3.28.5, in that of 3.30.7
    SLICES_WITHOUT_READINESS: (3, 31),
    AGGREGATION: (3, 31),
    PEER_NEXT_HOP_MODE: (3, 31),
}


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
        major, minor = self.text.split(".")[:2]
        return (int(major), int(minor)) >= _SINCE[feature]
