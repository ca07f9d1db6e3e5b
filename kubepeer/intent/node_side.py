"""The nodes' side of the sessions with one router, as far as Calico leaves a choice: the section peering.nodes. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kubepeer.intent.families import Address, MaybeAddresses, Version, version_of
from kubepeer.intent.section import Section
from kubepeer.intent.values import AsNumber, Community, written

# libcalico-go, lib/validator/v3: the pattern of a rule's interface
InterfacePattern = Annotated[
    str,
    written(r"[a-zA-Z0-9_.*-]{1,15}", "an interface has letters, digits, _, ., - and * for any, at most 15 characters"),
]


class FilterRule(Section):
    """One rule of a BGPFilter: all that it names must hold; the first rule that holds decides.

    Attributes:
        action: what becomes of a route.
        cidr: a network.
        match: how the route's is compared with `cidr`.
        min_length, max_length: of the route's prefix, within `cidr` (Calico 3.29).
        interface: by which the route leaves (3.27).
        source: learned from a BGP neighbour, and not from the kernel (3.27).
        community: which the route has (3.32).
        as_path: with which the route's AS path begins (3.32).

    """

    action: Literal["Accept", "Reject"]
    cidr: IPv4Network | IPv6Network | None = None
    match: Literal["Equal", "NotEqual", "In", "NotIn"] = "In"
    min_length: int | None = Field(default=None, ge=0, le=128)
    max_length: int | None = Field(default=None, ge=0, le=128)
    interface: InterfacePattern | None = None
    source: Literal["RemotePeers"] | None = None
    community: Community | None = None
    as_path: tuple[AsNumber, ...] = ()

    @model_validator(mode="after")
    def _lengths_of_a_network(self) -> Self:
        lengths = [length for length in (self.min_length, self.max_length) if length is not None]
        if lengths and self.cidr is None:
            raise ValueError("min_length and max_length are of prefixes within a cidr, and there is none")
        if self.cidr is not None and max(lengths, default=0) > self.cidr.max_prefixlen:
            raise ValueError(f"a prefix within {self.cidr} has at most {self.cidr.max_prefixlen} bits")
        if len(lengths) > 1 and lengths[0] > lengths[1]:
            raise ValueError("min_length is more than max_length")
        return self

    def families(self, versions: Iterable[Version]) -> tuple[Version, ...]:
        """Of the routes that it is for: that of its network; those of the cluster where it names none."""
        return (version_of(self.cidr),) if self.cidr else tuple(versions)


class NodeSide(Section):
    """What a BGPPeer tells the nodes of one router, beyond its address, AS, password and timers.

    Attributes:
        next_hop: `keep`: a route's own: a pod block leads to its node; `self`: the node that announces it; `auto`: Calico's default.
        source_address: `node`: the node's own address; `any`: what its kernel takes, for a router that several of its links lead to.
        reachable_by: the gateway to a router that is not on the nodes' link, or a list of two, one a family.
        allowed_local_as: how often the nodes' own AS may be in the path of what the router tells them.
        exports, imports: further rules, after the one of ours that keeps a node to its own blocks.

    """

    next_hop: Literal["keep", "self", "auto"] = "keep"
    source_address: Literal["node", "any"] = "node"
    reachable_by: MaybeAddresses = None
    allowed_local_as: int | None = Field(default=None, ge=1, le=255)
    exports: tuple[FilterRule, ...] = ()
    imports: tuple[FilterRule, ...] = ()

    def gateway_of(self, version: Version) -> Address | None:
        """The gateway of a family."""
        return next((gateway for gateway in self.reachable_by or () if gateway.version == version), None)
