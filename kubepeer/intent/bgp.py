"""The cluster's side of every session: the inventory's section cluster.bgp."""

from ipaddress import IPv4Address
from typing import Literal

from pydantic import Field

from kubepeer.intent.families import Network
from kubepeer.intent.networks import FamilyNetworks, Networks
from kubepeer.intent.section import Section
from kubepeer.intent.values import AsNumber, Community, CommunityName, Port
from kubepeer.secret import SecretSource


class Bgp(Section):
    """The cluster's side of every session."""

    as_number: AsNumber
    keepalive_seconds: int = Field(default=60, ge=1)
    hold_seconds: int = Field(default=180, ge=3)  # RFC 4271, 4.2: zero or at least three seconds
    connect_seconds: int = Field(
        default=10, ge=1, le=65535
    )  # between a router's attempts; the default of some is two minutes
    maximum_prefixes: int = Field(default=1000, ge=1)
    restart_seconds: int | None = Field(default=None, ge=1, le=4095)  # RFC 4724: twelve bits; Calico's default is 120
    password: SecretSource | None = None
    communities: dict[str, Community] = Field(default_factory=dict)
    pod_communities: tuple[CommunityName, ...] = ()
    service_communities: tuple[CommunityName, ...] = ()
    load_balancer_communities: tuple[CommunityName, ...] = ()  # and of networks.external
    announce_services: bool = True
    announce_load_balancers: bool = True
    load_balancer_aggregation: bool = True  # the network; else a /32 of each service
    public_as_numbers: tuple[AsNumber, ...] = ()  # that are meant
    topology: Literal["routers", "route_reflectors"] = "routers"  # who tells nodes of each other: reflectors.py
    reflector_cluster_id: IPv4Address = IPv4Address("244.0.0.1")  # RFC 4456; the one of Calico's documentation
    # how nodes reach each other's pods: between_nodes.py
    between_nodes: Literal["choose", "vxlan", "as_per_node", "default_route", "as_override", "allowas_in"] = "choose"
    listen_port: Port = 179
    bind_mode: Literal["NodeIP", "None"] = "NodeIP"  # None: all addresses of a node

    def announced_services(self, networks: Networks | FamilyNetworks) -> tuple[Network, ...]:
        """The networks of services that every node announces as such, of one family or of all."""
        balanced = self.announce_load_balancers and self.load_balancer_aggregation
        return tuple(
            network
            for family in networks.families
            for network in (
                *((family.own_services,) if self.announce_services else ()),
                *((family.own_load_balancers,) if balanced else ()),
                *family.external,
            )
            if network is not None
        )

    @property
    def communities_by_key(self) -> dict[str, tuple[str, ...]]:
        """What the networks are announced with, each under its key."""
        keys = ("pod_communities", "service_communities", "load_balancer_communities")
        return {key: getattr(self, key) for key in keys}

    @property
    def asked_keepalive(self) -> int | None:
        """What the nodes must be told to send keepalives after; None where that is a third of the hold time, as by itself."""
        return None if self.keepalive_seconds * 3 == self.hold_seconds else self.keepalive_seconds
