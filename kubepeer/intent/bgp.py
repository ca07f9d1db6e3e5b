"""The cluster's side of every session: the inventory's section cluster.bgp."""

from typing import Literal

from pydantic import Field

from kubepeer.intent.section import Section
from kubepeer.intent.values import AsNumber, Community
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
    pod_communities: tuple[str, ...] = ()
    # how nodes reach each other's pods: between_nodes.py
    between_nodes: Literal["choose", "vxlan", "as_per_node", "default_route", "as_override", "allowas_in"] = "choose"
