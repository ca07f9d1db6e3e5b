"""Which service networks and addresses a node announces (confd/pkg/backends/calico/{client,routes}.go).

Up to Calico 3.30 endpoints are read from Endpoints, which tell the ready ones apart. From 3.31 they are read from
EndpointSlices and their conditions are not looked at: a node announces for an endpoint that is not ready, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cluster_api.objects import Json, labels, namespace, qualified_name, spec, status

from calico_node.bgp import Settings
from calico_node.family import IPV4, Address, Family, Network, address, alone, in_order
from calico_node.resources import Node

EXCLUDING_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
SLICE_OWNER = "kubernetes.io/service-name"
KINDS = ("ClusterIP", "NodePort", "LoadBalancer")


@dataclass(frozen=True)
class Endpoint:
    """Where something answers for a service; the node is not known of every one."""

    service: str
    node: str


def from_endpoints(items: Iterable[Json], family: Family = IPV4) -> frozenset[Endpoint]:
    """Read the ready addresses of Endpoints (the others are in notReadyAddresses), which are of a service's first family."""
    return frozenset(
        Endpoint(qualified_name(item), str(address.get("nodeName") or ""))
        for item in items
        for subset in item.get("subsets") or []
        for address in subset.get("addresses") or []
        if family.has(str(address.get("ip") or family.everywhere))
    )


def from_slices(items: Iterable[Json], family: Family = IPV4) -> frozenset[Endpoint]:
    """Read every endpoint that an EndpointSlice of a family lists, ready, serving, terminating or not."""
    return frozenset(
        Endpoint(f"{namespace(item)}/{labels(item)[SLICE_OWNER]}", str(endpoint.get("nodeName") or ""))
        for item in items
        if item.get("addressType") == family.name and SLICE_OWNER in labels(item)
        for endpoint in item.get("endpoints") or []
    )


def announced(
    node: Node, settings: Settings, services: Iterable[Json], endpoints: frozenset[Endpoint]
) -> list[Network]:
    """List the networks of services that every node announces, and the addresses of single services.

    A node whose label says "true" announces none. Any other value, the empty one of kubeadm among them, changes nothing.
    A network of one address is not announced by all: it is left to the services.
    """
    if node.labels.get(EXCLUDING_LABEL) == "true":
        return []
    wholes = [*settings.cluster_networks, *settings.external_networks]
    if settings.load_balancer_aggregation:
        wholes += settings.load_balancer_networks
    single = {
        alone(address)
        for service in services
        if _is_announced(node, settings, service, endpoints)
        for address in _addresses(service, settings)
    }
    return sorted(
        {*(network for network in wholes if network.prefixlen < network.max_prefixlen), *single}, key=in_order
    )


def _is_announced(node: Node, settings: Settings, service: Json, endpoints: frozenset[Endpoint]) -> bool:
    """Say whether a service's own addresses are announced from the node."""
    fields, key = spec(service), qualified_name(service)
    if fields.get("type", "ClusterIP") not in KINDS or fields.get("clusterIP") in (None, "", "None"):
        return False
    policy = fields.get("externalTrafficPolicy")
    if policy == "Local":
        return Endpoint(key, node.name) in endpoints
    if policy == "Cluster" and _has_single_address(service, settings):
        return True
    return not settings.load_balancer_aggregation and any(endpoint.service == key for endpoint in endpoints)


def _has_single_address(service: Json, settings: Settings) -> bool:
    """Say whether BGPConfiguration names one of the service's addresses by itself, as a network of one address."""
    fields = spec(service)
    balanced = _ingress(service) if fields.get("type") == "LoadBalancer" else []
    for texts, networks in (
        (balanced, settings.load_balancer_networks),
        (fields.get("externalIPs") or [], settings.external_networks),
    ):
        single = {network.network_address for network in networks if network.prefixlen == network.max_prefixlen}
        if any(address in single for address in _of(settings.family, texts)):
            return True
    return False


def _addresses(service: Json, settings: Settings) -> Iterator[Address]:
    """Give the addresses of a service: the ClusterIP where any are announced, the others inside the networks of their kind."""
    fields = spec(service)
    if settings.cluster_networks:
        yield from _of(settings.family, fields.get("clusterIPs") or [fields.get("clusterIP")])
    for texts, networks in (
        (fields.get("externalIPs") or [], settings.external_networks),
        (_ingress(service), settings.load_balancer_networks),
    ):
        for found in _of(settings.family, texts):
            if any(found in network for network in networks):
                yield found


def _ingress(service: Json) -> list[str | None]:
    return [entry.get("ip") for entry in (status(service).get("loadBalancer") or {}).get("ingress") or []]


def _of(family: Family, texts: Iterable[str | None]) -> Iterator[Address]:
    for text in texts:
        if text and text != "None" and family.has(text):
            yield address(text)
