"""Calico's own controller of LoadBalancer addresses (from 3.30): a pool a family, and that all services get addresses of it. Pure.

Source: Calico's documentation, "LoadBalancer IP address management"; api/pkg/apis/projectcalico/v3/{ippool,kubecontrollersconfig}.go.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from kubepeer.intent import Intent
from kubepeer.intent.families import Address, Network, Version
from kubepeer.intent.networks import FamilyNetworks
from kubepeer.intent.pools import BLOCK_SIZE
from tasks.cluster.api import Manifest
from tasks.cluster.balancers.balancer import Request
from tasks.cluster.balancers.nobody import Nobody
from tasks.cluster.documents import documents
from tasks.linux.templates import render

POOL = "kubepeer-load-balancers"
NAMED: Mapping[Version, str] = {4: "projectcalico.org/ipv4pools", 6: "projectcalico.org/ipv6pools"}
ADDRESSES = "projectcalico.org/loadBalancerIPs"


class Pool(NamedTuple):
    """A pool of addresses, and the block of them that the controller takes together."""

    name: str
    network: Network
    block: int


class Calico(Nobody):
    """What is installed is Calico itself."""

    gives = True
    listed: Mapping[str, str] = {"IPPool": "/apis/projectcalico.org/v3/ippools"}

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:  # noqa: ARG002
        """The pools, and that the controller serves every service."""
        pools = [
            Pool(name, family.load_balancers, max(BLOCK_SIZE[family.version], family.load_balancers.prefixlen))
            for name, family in _named(intent)
        ]
        return documents(render("cluster/load_balancer_calico.yaml.j2", pools=pools))

    def request(self, intent: Intent, address: Address | None) -> Request:
        """By Calico's annotations, whose values are JSON."""
        if address is None:
            return Request({NAMED[family.version]: json.dumps([name]) for name, family in _named(intent)})
        return Request({ADDRESSES: json.dumps([str(address)])}, single=True)


def _named(intent: Intent) -> list[tuple[str, FamilyNetworks]]:
    """The pools' names: of the second family it is another."""
    first, *others = intent.cluster.networks.families
    return [(POOL, first), *((f"{POOL}-v{family.version}", family) for family in others)]
