"""A router's side of its sessions: the section peering of a router or of a group of routers."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from kubepeer.intent.families import MaybeAddress
from kubepeer.intent.node_side import NodeSide
from kubepeer.intent.section import Section
from kubepeer.intent.values import Community, VrfName


class Peering(Section):
    """A router's side of its sessions; what both sides must agree on stands in Bgp."""

    neighbours: Literal["static", "dynamic"] = "static"  # dynamic: whoever connects from the nodes' network
    listen_limit: int = Field(default=100, ge=1, le=5000)  # of dynamic; 100 is also the default of several platforms
    ttl_security: bool = False  # RFC 5082, one hop
    multihop: int | None = Field(default=None, ge=2, le=255)
    bfd: bool = False
    graceful_restart: Literal["helper", "full", "off"] | None = None  # None: as the router's process has it for all
    default_route: bool = False  # the only thing that is ever sent
    communities: tuple[Community, ...] = ()  # added to what is accepted
    address: MaybeAddress = None  # the router's end of its sessions, where hostname is another: its management, a name
    redundancy_group: str = "routers"  # its routers are changed one after the other
    vrf: VrfName | None = None  # where the sessions are; the router must have it. None: outside all VRFs
    routed_already: bool = False  # that it knows the services' networks from elsewhere before us is meant
    nodes: NodeSide = NodeSide()  # what the nodes are told of it

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
