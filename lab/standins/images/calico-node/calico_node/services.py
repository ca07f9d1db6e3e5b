"""Which service networks and addresses a node announces (confd/pkg/backends/calico/routes.go of Calico 3.24)."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from cluster_api.objects import Json, qualified_name, spec, status

from calico_node.bgp import Settings
from calico_node.resources import Node

EXCLUDING_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
SINGLE_ADDRESS = 32


def announced(node: Node, settings: Settings, services: Iterable[Json], endpoints: Iterable[Json]) -> list[IPv4Network]:
    """List the networks of services that every node announces, and the addresses that only nodes with endpoints do.

    A node whose label says "true" announces none. Any other value, the empty one of kubeadm among them, changes nothing.
    A network of one address is not announced by all: Calico 3.24 leaves it to the services.
    """
    if node.labels.get(EXCLUDING_LABEL) == "true":
        return []
    networks = [network for network in settings.service_networks if network.prefixlen < SINGLE_ADDRESS]
    ready = {qualified_name(item) for item in endpoints if _has_ready_address_on(item, node.name)}
    local = {
        IPv4Network(address)
        for service in services
        if qualified_name(service) in ready and spec(service).get("externalTrafficPolicy") == "Local"
        for address in _addresses(service, settings)
    }
    return sorted({*networks, *local})


def _has_ready_address_on(endpoints: Json, node_name: str) -> bool:
    """Say whether an Endpoints object lists a ready address on the node (others are in notReadyAddresses)."""
    return any(
        address.get("nodeName") == node_name
        for subset in endpoints.get("subsets") or []
        for address in subset.get("addresses") or []
    )


def _addresses(service: Json, settings: Settings) -> Iterator[IPv4Address]:
    """Give the addresses of a service that lie in the networks announced for their kind."""
    fields = spec(service)
    ingress = (status(service).get("loadBalancer") or {}).get("ingress") or []
    kinds = (
        ([fields.get("clusterIP")], settings.cluster_networks),
        (fields.get("externalIPs") or [], settings.external_networks),
        ([entry.get("ip") for entry in ingress], settings.load_balancer_networks),
    )
    for texts, networks in kinds:
        for text in texts:
            if not text or text == "None" or ":" in text:
                continue
            address = IPv4Address(text)
            if any(address in network for network in networks):
                yield address
