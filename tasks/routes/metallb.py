"""What a cluster should announce whose load balancer is MetalLB with speakers of its own: by its live objects, router by router. Pure.

The rules are the speaker's (MetalLB 0.16.2: speaker/bgp_controller.go, ShouldAnnounce and SetBalancer; internal/config/config.go):
- an address of a service is announced by the BGPAdvertisements that select the IPAddressPool which holds it (of no name and no selector:
  every pool), their node selectors and service selectors, as the prefix of their aggregation length, to the BGPPeers that they name (none:
  to all);
- by nodes without the label that excludes them, **whatever its value** (kubeadm puts it on control planes; Calico asks for "true"), unless
  the speakers run with --ignore-exclude-lb, and without the condition NetworkUnavailable;
- with externalTrafficPolicy Local by nodes with an endpoint that serves, otherwise by all of them where any endpoint serves.
Pod blocks and ClusterIPs are announced by nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network, summarize_address_range
from typing import Any

from kubepeer.intent.families import Address, Network
from tasks.routes.expected import EXCLUDED, Announced, ExpectedRoute, bgp_address
from tasks.routes.label_selectors import any_matches
from tasks.routes.legible import legible_objects
from tasks.routes.services import SLICE_OWNER, key_of

Manifest = Mapping[str, Any]
IGNORES_EXCLUSION = "ignore-exclude-lb"
LB_CLASS = "lb-class"
ALONE = 32  # the aggregation length that is meant where none is said


@dataclass(frozen=True)
class MetalLBObjects:
    """The objects of a live cluster that decide what is announced, as its API gives them."""

    nodes: tuple[Manifest, ...] = ()
    services: tuple[Manifest, ...] = ()
    slices: tuple[Manifest, ...] = ()
    pools: tuple[Manifest, ...] = ()
    advertisements: tuple[Manifest, ...] = ()
    peers: tuple[Manifest, ...] = ()
    speaker: Manifest | None = None  # the DaemonSet


@dataclass(frozen=True)
class Speakers:
    """Who announces, of all nodes: name -> address.

    Attributes:
        all: those with an address.
        announcing: the names of those that no label and no condition keeps from it.
        labels: of each.

    """

    all: Mapping[str, IPv4Address]
    announcing: frozenset[str]
    labels: Mapping[str, Mapping[str, str]]


@legible_objects()
def announced(objects: MetalLBObjects, router: Address, network: Network) -> Announced:
    """What this cluster should announce to one router; of IPv4, since an inventory with IPv6 has no such speakers.

    Args:
        objects: the live cluster's.
        router: its end of the sessions.
        network: the load balancers': an address in it that no pool or advertisement announces is expected all the same.

    """
    speakers = _speakers(objects)
    to_router = [peer for peer in objects.peers if peer["spec"].get("peerAddress") == str(router)]
    hops: dict[IPv4Network, set[IPv4Address]] = defaultdict(set)
    why: dict[IPv4Network, str] = {}
    causes: dict[IPv4Network, str] = {}
    for service in _balanced(objects):
        nodes = _with_endpoints(service, objects.slices, speakers.announcing)
        name = "/".join(key_of(service))
        for address in _addresses(service):
            pool, chosen = _chosen(service, address, objects)
            for advertisement in chosen:
                prefix = _aggregated(address, advertisement)
                on = nodes & _selected(advertisement, to_router, speakers)
                hops[prefix] |= {speakers.all[node] for node in on}
                why.setdefault(prefix, f"service {name}, BGPAdvertisement {advertisement['metadata']['name']}")
            if not chosen and address in network:
                prefix = IPv4Network(address)
                hops[prefix] |= {speakers.all[node] for node in nodes}
                why[prefix] = f"service {name}"
                causes[prefix] = _cause(address, pool)
    routes = (
        ExpectedRoute(prefix, frozenset(hops[prefix]), why[prefix], causes.get(prefix, ""))
        for prefix in sorted(hops)
        if hops[prefix]
    )
    return Announced(tuple(routes), {address: name for name, address in speakers.all.items()})


def _cause(address: IPv4Address, pool: Manifest | None) -> str:
    if pool is None:
        return f"no IPAddressPool of MetalLB's holds {address}"
    return f"no BGPAdvertisement announces MetalLB's IPAddressPool {pool['metadata']['name']} for this service"


def _speakers(objects: MetalLBObjects) -> Speakers:
    ignores = _argument(objects.speaker, IGNORES_EXCLUSION) not in (None, "false")
    addresses: dict[str, IPv4Address] = {}
    announcing, labels = set(), {}
    for node in objects.nodes:
        name, address = node["metadata"]["name"], bgp_address(node)
        labels[name] = node["metadata"].get("labels") or {}
        if not isinstance(address, IPv4Address):
            continue
        addresses[name] = address
        if (ignores or EXCLUDED not in labels[name]) and not _unavailable(node):
            announcing.add(name)
    return Speakers(addresses, frozenset(announcing), labels)


def _unavailable(node: Manifest) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any((one["type"], one["status"]) == ("NetworkUnavailable", "True") for one in conditions)


def _argument(speaker: Manifest | None, name: str) -> str | None:
    """The value of an argument of the speakers; "" of one without a value, None where it is not there."""
    pod = (((speaker or {}).get("spec") or {}).get("template") or {}).get("spec") or {}
    words = (word for container in pod.get("containers") or () for word in container.get("args") or ())
    found = (word.lstrip("-").partition("=") for word in words)
    return next((value for key, _, value in found if key == name), None)


def _balanced(objects: MetalLBObjects) -> Iterator[Manifest]:
    """The services that the speakers look at."""
    wanted = _argument(objects.speaker, LB_CLASS) or None
    for service in objects.services:
        if service["spec"].get("type") == "LoadBalancer" and service["spec"].get("loadBalancerClass") == wanted:
            yield service


def _addresses(service: Manifest) -> list[IPv4Address]:
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    parsed = (ip_address(str(one["ip"])) for one in given if one.get("ip"))
    return [address for address in parsed if isinstance(address, IPv4Address)]


def _chosen(service: Manifest, address: IPv4Address, objects: MetalLBObjects) -> tuple[Manifest | None, list[Manifest]]:
    """The pool of an address, and the advertisements of it for this service."""
    pool = next((one for one in objects.pools if _holds(one, address)), None)
    if pool is None:
        return None, []
    return pool, [one for one in objects.advertisements if _takes(one, pool) and _serves(one, service)]


def _holds(pool: Manifest, address: IPv4Address) -> bool:
    return any(address in network for text in pool["spec"].get("addresses") or () for network in networks_of(text))


def networks_of(text: str) -> list[IPv4Network]:
    """A CIDR, or a range FIRST-LAST."""
    first, dash, last = text.partition("-")
    if dash:
        ends = ip_address(first.strip()), ip_address(last.strip())
        if not all(isinstance(end, IPv4Address) for end in ends):
            return []
        return [one for one in summarize_address_range(*ends) if isinstance(one, IPv4Network)]
    network = ip_network(text.strip(), strict=False)
    return [network] if isinstance(network, IPv4Network) else []


def _takes(advertisement: Manifest, pool: Manifest) -> bool:
    names, selectors = (advertisement["spec"].get(key) or () for key in ("ipAddressPools", "ipAddressPoolSelectors"))
    if not names and not selectors:
        return True
    return pool["metadata"]["name"] in names or any_matches(selectors, pool["metadata"].get("labels") or {})


def _serves(advertisement: Manifest, service: Manifest) -> bool:
    selectors = advertisement["spec"].get("serviceSelectors") or ()
    return not selectors or any_matches(selectors, service["metadata"].get("labels") or {})


def _aggregated(address: IPv4Address, advertisement: Manifest) -> IPv4Network:
    return IPv4Network((address, advertisement["spec"].get("aggregationLength") or ALONE), strict=False)


def _selected(advertisement: Manifest, to_router: Iterable[Manifest], speakers: Speakers) -> frozenset[str]:
    """The nodes that this advertisement goes out from to the router: of all that it names, where it names peers, those peers' alone."""
    selectors = advertisement["spec"].get("nodeSelectors") or ()
    nodes = {name for name in speakers.all if not selectors or any_matches(selectors, speakers.labels[name])}
    names = advertisement["spec"].get("peers") or ()
    if names:
        peers = [peer["spec"].get("nodeSelectors") or () for peer in to_router if peer["metadata"]["name"] in names]
        nodes &= {
            name
            for name in speakers.all
            if any(not chosen or any_matches(chosen, speakers.labels[name]) for chosen in peers)
        }
    return frozenset(nodes)


def _with_endpoints(service: Manifest, slices: Iterable[Manifest], announcing: frozenset[str]) -> frozenset[str]:
    """The announcing nodes that may take this service's traffic, by the endpoints that serve."""
    namespace, name = key_of(service)
    on = [
        endpoint.get("nodeName")
        for one in slices
        if one["metadata"]["namespace"] == namespace and (one["metadata"].get("labels") or {}).get(SLICE_OWNER) == name
        for endpoint in one.get("endpoints") or ()
        if endpoint.get("addresses") and _can_serve(endpoint)
    ]
    if not on:
        return frozenset()
    if service["spec"].get("externalTrafficPolicy") == "Local":
        return announcing & {node for node in on if node}
    return announcing


def _can_serve(endpoint: Manifest) -> bool:
    """Ready, or not told; or serving while it ends (internal/k8s/epslices)."""
    conditions = endpoint.get("conditions") or {}
    return conditions.get("ready") is not False or conditions.get("serving") is True
