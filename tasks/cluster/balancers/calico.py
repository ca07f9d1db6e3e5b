"""Calico's own controller of LoadBalancer addresses (from 3.30): a pool, and that all services get addresses of it. Pure.

Source: Calico's documentation, "LoadBalancer IP address management"; api/pkg/apis/projectcalico/v3/{ippool,kubecontrollersconfig}.go.
"""

import json
from collections.abc import Mapping
from ipaddress import IPv4Address

from kubepeer.intent import Intent
from tasks.cluster.api import Manifest
from tasks.cluster.balancers.balancer import Request
from tasks.cluster.balancers.nobody import Nobody
from tasks.cluster.documents import documents
from tasks.linux.templates import render

POOL = "kubepeer-load-balancers"
BLOCK = 26  # Calico's own default: a block of addresses that the controller takes together
NAMED, ADDRESSES = "projectcalico.org/ipv4pools", "projectcalico.org/loadBalancerIPs"


class Calico(Nobody):
    """What is installed is Calico itself."""

    gives = True
    listed: Mapping[str, str] = {"IPPool": "/apis/projectcalico.org/v3/ippools"}

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:  # noqa: ARG002
        """The pool, and that the controller serves every service."""
        networks = intent.cluster.networks
        text = render(
            "cluster/load_balancer_calico.yaml.j2",
            network=networks.load_balancers,
            pool=POOL,
            block=max(BLOCK, networks.load_balancers.prefixlen),
        )
        return documents(text)

    def request(self, intent: Intent, address: IPv4Address | None) -> Request:  # noqa: ARG002
        """By Calico's annotations, whose values are JSON."""
        if address is None:
            return Request({NAMED: json.dumps([POOL])})
        return Request({ADDRESSES: json.dumps([str(address)])})
