"""Which service addresses calico-node announces on their own, and from which nodes. Pure.

Source: calico, confd/pkg/backends/calico/routes.go: advertiseThisService and getAllRoutesForService.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from kubepeer.intent.families import Address, Network

Manifest = Mapping[str, Any]
Key = tuple[str, str]  # namespace, name

TYPES = ("ClusterIP", "NodePort", "LoadBalancer")
SLICE_OWNER = "kubernetes.io/service-name"


@dataclass(frozen=True)
class Advertised:
    """The service networks of BGPConfiguration default."""

    cluster: tuple[Network, ...] = ()
    external: tuple[Network, ...] = ()
    load_balancer: tuple[Network, ...] = ()
    aggregated: bool = True  # serviceLoadBalancerAggregation, from Calico 3.31

    @classmethod
    def read(cls, configuration: Manifest | None) -> "Advertised":
        """The networks that stand in the object; none without it."""
        spec = (configuration or {}).get("spec") or {}
        return cls(
            _networks(spec.get("serviceClusterIPs")),
            _networks(spec.get("serviceExternalIPs")),
            _networks(spec.get("serviceLoadBalancerIPs")),
            spec.get("serviceLoadBalancerAggregation", "Enabled") != "Disabled",
        )

    @property
    def aggregates(self) -> tuple[Network, ...]:
        """What every node announces whatever the services; a network of a single address is announced by its service alone."""
        networks = (*self.cluster, *self.external, *(self.load_balancer if self.aggregated else ()))
        return tuple(network for network in networks if network.prefixlen < network.max_prefixlen)

    def by_endpoints(self, service: Manifest) -> bool:
        """Whether it depends on a service's endpoints who announces its addresses, or whether anybody does."""
        return _relevant(service) and (local(service) or not self.aggregated)


@dataclass(frozen=True)
class Endpoints:
    """The endpoints that count for calico-node.

    Attributes:
        nodes: for each service the nodes that have one.
        services: the services that have one anywhere, with a node or without.

    """

    nodes: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    services: frozenset[Key] = frozenset()


LOCAL_POLICY = "traffic policy Local"  # why one node announces an address and another does not


def local(service: Manifest) -> bool:
    """Whether only nodes with an endpoint take this service's traffic."""
    return bool(service["spec"].get("externalTrafficPolicy") == "Local" and _relevant(service))


def addresses(
    services: Iterable[Manifest], endpoints: Endpoints, advertised: Advertised
) -> Iterator[tuple[Network, frozenset[str] | None, str]]:
    """The /32s and /128s: prefix, names of the nodes that announce it (None: every node that is not excluded), and why."""
    for service in services:
        if not _relevant(service):
            continue
        key = key_of(service)
        name = "/".join(key)
        if local(service):
            for address in _addresses(service, advertised):
                yield (
                    ip_network(address),
                    endpoints.nodes.get(key, frozenset()),
                    f"service {name}, {LOCAL_POLICY}",
                )
        elif _alone(service, advertised):
            for address in _addresses(service, advertised):
                yield ip_network(address), None, f"service {name}, announced as one address"
        elif not advertised.aggregated and key in endpoints.services:
            for address in _addresses(service, advertised):
                yield ip_network(address), None, f"service {name}, without aggregation"


def endpoints(items: Iterable[Manifest], *, ready: bool, family: str = "IPv4") -> Endpoints:
    """The endpoints that count, from EndpointSlices or Endpoints.

    Args:
        items: of either kind.
        ready: those alone that are ready. Calico announces for any that is listed from 3.31 on, where it reads EndpointSlices.
        family: whose EndpointSlices count.

    """
    found: dict[Key, set[str]] = defaultdict(set)
    for item in items:
        owner = (item["metadata"].get("labels") or {}).get(SLICE_OWNER)
        if owner and "endpoints" in item and item.get("addressType", "IPv4") == family:
            nodes = [endpoint.get("nodeName") for endpoint in item["endpoints"] or () if not ready or _ready(endpoint)]
            key = (item["metadata"]["namespace"], owner)
        elif "subsets" in item:
            lists = ("addresses",) if ready else ("addresses", "notReadyAddresses")
            subsets = item["subsets"] or ()
            listed = (one for subset in subsets for name in lists for one in subset.get(name) or ())
            nodes, key = [address.get("nodeName") for address in listed], key_of(item)
        else:
            continue
        if nodes:
            found[key] |= {node for node in nodes if node}
    return Endpoints({key: frozenset(nodes) for key, nodes in found.items()}, frozenset(found))


def _ready(endpoint: Manifest) -> bool:
    """Unknown means ready (discovery/v1, EndpointConditions)."""
    return (endpoint.get("conditions") or {}).get("ready") is not False


def key_of(item: Manifest) -> Key:
    """Namespace and name."""
    return (item["metadata"]["namespace"], item["metadata"]["name"])


def _relevant(service: Manifest) -> bool:
    spec = service["spec"]
    return spec.get("type", "ClusterIP") in TYPES and spec.get("clusterIP") not in (None, "", "None")


def _addresses(service: Manifest, advertised: Advertised) -> list[Address]:
    """All addresses of a service that may be announced; BIRD's export filter lets nothing else through."""
    spec = service["spec"]
    return [
        *_within(spec.get("clusterIPs") or [spec["clusterIP"]], advertised.cluster),
        *_within(spec.get("externalIPs") or [], advertised.external),
        *_within(_ingress(service), advertised.load_balancer),
    ]


def _alone(service: Manifest, advertised: Advertised) -> bool:
    """A service of policy Cluster whose address is a network of its own in BGPConfiguration (Calico 3.28 and 3.30 on)."""
    spec = service["spec"]
    balanced = [*_ingress(service), *([spec["loadBalancerIP"]] if spec.get("loadBalancerIP") else [])]
    if spec.get("type") == "LoadBalancer" and _within(balanced, _single(advertised.load_balancer)):
        return True
    return bool(_within(spec.get("externalIPs") or [], _single(advertised.external)))


def _single(networks: Iterable[Network]) -> list[Network]:
    return [network for network in networks if network.prefixlen == network.max_prefixlen]


def _ingress(service: Manifest) -> list[str]:
    status = (service.get("status") or {}).get("loadBalancer") or {}
    return [ingress["ip"] for ingress in status.get("ingress") or () if ingress.get("ip")]


def _within(texts: Iterable[str], networks: Iterable[Network]) -> list[Address]:
    wanted = list(networks)
    parsed = (ip_address(str(text)) for text in texts)  # a number is an address to Python
    return [one for one in parsed if any(one in network for network in wanted)]


def _networks(blocks: Iterable[Manifest] | None) -> tuple[Network, ...]:
    return tuple(ip_network(str(block["cidr"]), strict=False) for block in blocks or ())
