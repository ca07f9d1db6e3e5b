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
    """The cluster's side of every session.

    Attributes:
        as_number: of every node that has none of its own.
        keepalive_seconds: what the routers ask for.
        hold_seconds: what the routers ask for; the smaller one of both ends is used (RFC 4271, 4.2: zero or at least three seconds).
        connect_seconds: how long a router waits between two attempts to connect; the default of some is two minutes.
        maximum_prefixes: a node that announces more is cut off by the router.
        restart_seconds: how long a router keeps the routes of a node whose daemon died (RFC 4724: twelve bits); Calico's default is 120.
        password: source of the password of TCP-MD5 of every session.
        communities: name -> value: AS:NUMBER or AS:NUMBER:NUMBER.
        pod_communities: names or values that the pods' blocks are announced with.
        service_communities: names or values that the services' network is announced with.
        load_balancer_communities: names or values of the load balancers' network, and of networks.external.
        announce_services: the services' network is announced.
        announce_load_balancers: the load balancers' network is announced.
        load_balancer_aggregation: false: a /32 of each service in the place of the load balancers' network (Calico from 3.31 on).
        public_as_numbers: AS numbers that are neither private nor for documentation, and meant.
        topology: who tells nodes of each other's pods: the routers, or nodes with `route_reflector`.
        reflector_cluster_id: of the reflectors (RFC 4456); the default is that of Calico's documentation.
        between_nodes: how nodes reach each other's pods; `choose` leaves it to what the routers can.
        listen_port: at which the nodes listen.
        bind_mode: `NodeIP`: at the node's address alone; `None`: at all of them.

    """

    as_number: AsNumber
    keepalive_seconds: int = Field(default=60, ge=1)
    hold_seconds: int = Field(default=180, ge=3)
    connect_seconds: int = Field(default=10, ge=1, le=65535)
    maximum_prefixes: int = Field(default=1000, ge=1)
    restart_seconds: int | None = Field(default=None, ge=1, le=4095)
    password: SecretSource | None = None
    communities: dict[str, Community] = Field(default_factory=dict)
    pod_communities: tuple[CommunityName, ...] = ()
    service_communities: tuple[CommunityName, ...] = ()
    load_balancer_communities: tuple[CommunityName, ...] = ()
    announce_services: bool = True
    announce_load_balancers: bool = True
    load_balancer_aggregation: bool = True
    public_as_numbers: tuple[AsNumber, ...] = ()
    topology: Literal["routers", "route_reflectors"] = "routers"
    reflector_cluster_id: IPv4Address = IPv4Address("244.0.0.1")
    # how nodes reach each other's pods: between_nodes.py
    between_nodes: Literal["choose", "vxlan", "as_per_node", "default_route", "as_override", "allowas_in"] = "choose"
    listen_port: Port = 179
    bind_mode: Literal["NodeIP", "None"] = "NodeIP"

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
