"""A router's side of its sessions: the section peering of a router or of a group of routers."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from kubepeer.intent.families import MaybeAddress
from kubepeer.intent.node_side import NodeSide
from kubepeer.intent.section import Section
from kubepeer.intent.values import Community, VrfName


class Peering(Section):
    """A router's side of its sessions; what both sides must agree on stands in Bgp.

    Attributes:
        neighbours: `static`: one neighbour a node; `dynamic`: whoever connects from the nodes' network.
        listen_limit: of dynamic; 100 is also the default of several platforms.
        ttl_security: packets that came over a hop are dropped (RFC 5082).
        multihop: the number of hops, where nodes are not on the router's own networks.
        bfd: a dead node is seen in less than a second; the nodes must speak it.
        graceful_restart: not said: as the router's process has it for all.
        default_route: the nodes get one; the only thing that is ever sent.
        communities: added to what is accepted.
        address: the router's end of its sessions, where hostname is another: its management, a name.
        redundancy_group: its routers are changed one after the other.
        vrf: where the sessions are; the router must have it. Not said: outside all VRFs.
        routed_already: that it knows the services' networks from elsewhere before us is meant.
        nodes: what the nodes are told of it.

    """

    neighbours: Literal["static", "dynamic"] = "static"
    listen_limit: int = Field(default=100, ge=1, le=5000)
    ttl_security: bool = False
    multihop: int | None = Field(default=None, ge=2, le=255)
    bfd: bool = False
    graceful_restart: Literal["helper", "full", "off"] | None = None
    default_route: bool = False
    communities: tuple[Community, ...] = ()
    address: MaybeAddress = None
    redundancy_group: str = "routers"
    vrf: VrfName | None = None
    routed_already: bool = False
    nodes: NodeSide = NodeSide()

    @model_validator(mode="after")
    def _one_hop_or_many(self) -> Self:
        if self.ttl_security and self.multihop:
            raise ValueError("ttl_security is for neighbours one hop away, multihop for others")
        return self

    @property
    def standard_communities(self) -> tuple[str, ...]:
        """Those of RFC 1997, AS:NUMBER, in the order in which routers print them."""
        return _ordered(community for community in self.communities if community.count(":") == 1)

    @property
    def large_communities(self) -> tuple[str, ...]:
        """Those of RFC 8092, AS:NUMBER:NUMBER, in the order in which routers print them."""
        return _ordered(community for community in self.communities if community.count(":") > 1)


def _ordered(communities: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(communities), key=lambda community: [int(part) for part in community.split(":")]))
