"""Which control planes' API servers serve, by what the API says of itself: each renews its own address there. Pure.

Kubernetes: pkg/controlplane/reconcilers/lease.go: a server puts its address into the endpoints of the service kubernetes every 10 s,
takes it out when it is told to end, and is taken out by the others when it was silent for 15 s.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from kubepeer.intent import Node
from kubepeer.intent.families import Address

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
OF_THE_API = {"labelSelector": "kubernetes.io/service-name=kubernetes"}


def serving(slices: Mapping[str, Any] | None) -> frozenset[Address]:
    """The addresses of the API servers that serve; none where the API does not tell."""
    found: set[Address] = set()
    for one in (slices or {}).get("items") or ():
        for endpoint in one.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                found.update(map(ip_address, endpoint.get("addresses") or ()))
    return frozenset(found)


def down(control_planes: Iterable[Node], addresses: frozenset[Address]) -> list[Node]:
    """The control planes whose API servers do not serve.

    None where nothing tells of any, and where somebody serves under an address that is no control plane's own
    (--advertise-address): then nobody can say whose it is.

    Args:
        control_planes: of the inventory.
        addresses: of the servers that serve.

    """
    nodes = list(control_planes)
    if not addresses or addresses - {address for node in nodes for address in node.addresses}:
        return []
    return [node for node in nodes if not addresses.intersection(node.addresses)]
