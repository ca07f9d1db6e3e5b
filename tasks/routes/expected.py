"""What the cluster should announce, from its own objects: the routes, their exact next hops, and who speaks BGP. Pure.

The rules are those that calico-node follows (calico: confd/pkg/backends/calico/{client,routes}.go and the template bird_ipam.cfg):
- every node announces its pod blocks (BlockAffinity; never Node.podCIDR), unless the block's pool says disableBGPExport;
- an address borrowed from another node's block is announced as a /32 by the node that uses it;
- every node that is not excluded announces the service networks of BGPConfiguration;
- it announces the addresses of a service with externalTrafficPolicy Local as /32, if it has an endpoint of it: a ready one before
  Calico 3.31, any since (kubepeer/versions.yaml);
- without serviceLoadBalancerAggregation (Calico 3.31) it announces those of every service that has an endpoint anywhere.
Every node also announces what its kernel knows of the others, with the owner's next hop: an announcement counts as the owner's alone.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any

from kubepeer import versions
from kubepeer.intent.families import IPV4, NAMES, Address, Network, Version, alone, by_number, within
from tasks.platforms.hops import Hop
from tasks.routes import services
from tasks.routes.legible import legible_objects

Manifest = Mapping[str, Any]

# Only the exact value "true" excludes: kubeadm sets "" on control planes, and they announce.
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
NOT_ADVERTISED = "BGPConfiguration default does not advertise this network of the inventory"
CALICO_ADDRESSES: Mapping[Version, str] = {
    version: f"projectcalico.org/{name}Address" for version, name in NAMES.items()
}
# An address, of IPv6 in brackets where a port follows (calico: api/pkg/apis/projectcalico/v3/bgppeer.go, PeerIP)
PEER_IP = re.compile(r"\[?([0-9a-f]*:[0-9a-f:.]*?)(?:\]:\d+)?|(\d+(?:\.\d+){3})(?::\d+)?")
POD_BLOCK = "pod block"  # why a block is expected
OLDEST_CALICO = "3.24.0"
VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")
# calico: kube-controllers/pkg/config: leakGracePeriod 15 min, and its own round every half of it
LEFT_BEHIND = "{} is no node any more: Calico gives its block back within 23 minutes of its end"


@dataclass(frozen=True)
class ClusterObjects:
    """The objects of a live cluster that decide what is announced, as its API gives them."""

    nodes: tuple[Manifest, ...] = ()
    block_affinities: tuple[Manifest, ...] = ()
    ip_pools: tuple[Manifest, ...] = ()
    ipam_blocks: tuple[Manifest, ...] = ()
    bgp_configuration: Manifest | None = None
    services: tuple[Manifest, ...] = ()
    endpoints: tuple[Manifest, ...] = ()  # Endpoints or EndpointSlices, of the services that need them
    bgp_peers: tuple[Manifest, ...] = ()
    bgp_filters: frozenset[str] = frozenset()  # their names
    calico_version: str = ""  # that runs; "" where nothing tells


@dataclass(frozen=True)
class ExpectedRoute:
    """A prefix that must be on every router, with exactly these next hops."""

    prefix: Network
    next_hops: frozenset[Address]
    why: str
    cause: str = ""  # why it may be missing, where the cluster's own objects say it

    @cached_property
    def hops(self) -> tuple[Hop, ...]:
        """The next hops as routers write them; each layer of each router is held against them."""
        return tuple(map(str, self.next_hops))


@dataclass(frozen=True)
class Announced:
    """All that the cluster should announce.

    Attributes:
        speakers: the BGP address of every node of the live cluster, with the node's name there.
        unfiltered: for a router's address the BGPPeers by which nodes announce the others' blocks, too, though this Calico could filter.
        excluded: the nodes that announce no services, by their label: by address, with their names.
        unexported: the pools whose blocks are announced to nobody.
        left_behind: blocks of nodes that are no more, with what is known of each: nobody is expected to announce them.

    """

    routes: tuple[ExpectedRoute, ...] = ()
    speakers: Mapping[Address, str] = field(default_factory=dict)
    left_behind: Mapping[Network, str] = field(default_factory=dict)
    unfiltered: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[Address, str] = field(default_factory=dict)
    unexported: tuple[Network, ...] = ()


@legible_objects()
def announced(
    objects: ClusterObjects,
    intended: Iterable[Network] = (),
    calico_version: str = OLDEST_CALICO,
    families: Collection[Version] = (IPV4,),
) -> Announced:
    """What this cluster should announce.

    Args:
        objects: the live cluster's.
        calico_version: of the inventory, where the cluster itself does not tell which runs.
        intended: service networks of the inventory: every node that is not excluded should announce them, whether the live
            BGPConfiguration says so or not.
        families: of the cluster; what it has of another is none of ours.

    """
    every = {version: _addresses(objects.nodes, version) for version in families}
    names = {node["metadata"]["name"] for node in objects.nodes}
    excluded = {node["metadata"]["name"] for node in objects.nodes if is_excluded(node)}
    everywhere = {
        version: frozenset(address for name, address in addresses.items() if name not in excluded)
        for version, addresses in every.items()
    }
    blocks = [block for block in _blocks(objects) if block[0].version in every]
    hops: dict[Network, set[Address]] = defaultdict(set)
    reasons: dict[Network, str] = {}
    for prefix, name, why in (*blocks, *_borrowed(objects)):
        if name in every.get(prefix.version, ()):  # an affinity may outlive its node
            hops[prefix].add(every[prefix.version][name])
            reasons.setdefault(prefix, why)
    advertised = services.Advertised.read(objects.bgp_configuration)
    for prefix in advertised.aggregates:
        hops[prefix] |= everywhere.get(prefix.version, frozenset())
        reasons.setdefault(prefix, "service network")
    for prefix in intended:
        if not advertised.aggregated and prefix in advertised.load_balancer:
            continue  # its addresses are announced one by one
        hops[prefix] |= everywhere.get(prefix.version, frozenset())
        reasons.setdefault(prefix, NOT_ADVERTISED)
    found = VERSION.match(objects.calico_version)
    running: str = found[1] if found else calico_version
    by_readiness = not versions.has("calico", running, "endpoints without readiness")
    for version, addresses in every.items():
        endpoints = services.endpoints(objects.endpoints, ready=by_readiness, family=NAMES[version])
        for prefix, on, why in services.addresses(objects.services, endpoints, advertised):
            if prefix.version == version:
                chosen = {*addresses} if on is None else on
                hops[prefix] |= {addresses[name] for name in chosen if name in addresses} & everywhere[version]
                reasons.setdefault(prefix, why)
    routes = (
        ExpectedRoute(prefix, frozenset(hops[prefix]), reasons[prefix])
        for prefix in sorted(hops, key=by_number)
        if hops[prefix]
    )
    left_behind = {prefix: LEFT_BEHIND.format(name) for prefix, name, _ in blocks if name not in names}
    return Announced(
        tuple(routes),
        {address: name for addresses in every.values() for name, address in addresses.items()},
        {prefix: why for prefix, why in left_behind.items() if not hops.get(prefix)},
        _unfiltered(objects, families) if versions.has("calico", running, "BGPFilter.interface") else {},
        {
            address: name
            for addresses in every.values()
            for name, address in sorted(addresses.items())
            if name in excluded
        },
        tuple(pool for pool in _hidden(objects) if pool.version in every),
    )


def _unfiltered(objects: ClusterObjects, families: Collection[Version]) -> dict[Address, tuple[str, ...]]:
    """The BGPPeers without a filter that is there, by the router that they name; one that names none by address is none of ours."""
    found: dict[Address, list[str]] = defaultdict(list)
    for peer in objects.bgp_peers:
        named = PEER_IP.fullmatch(str(peer["spec"].get("peerIP") or ""))
        address = ip_address(named[1] or named[2]) if named else None
        if address and address.version in families and not objects.bgp_filters & set(peer["spec"].get("filters") or ()):
            found[address].append(peer["metadata"]["name"])
    return {address: tuple(sorted(names)) for address, names in found.items()}


def _addresses(nodes: Iterable[Manifest], version: Version) -> dict[str, Address]:
    """The nodes' names, and from which address of a family each speaks BGP."""
    return {node["metadata"]["name"]: address for node in nodes if (address := bgp_address(node, version))}


def bgp_address(node: Manifest, version: Version = IPV4) -> Address | None:
    """The address that a node speaks BGP from: Calico's own annotation where there is one, else the InternalIP."""
    annotation = (node["metadata"].get("annotations") or {}).get(CALICO_ADDRESSES[version])
    if annotation:
        return ip_address(annotation.partition("/")[0])
    for address in (node.get("status") or {}).get("addresses") or ():
        if address["type"] == "InternalIP" and ip_address(str(address["address"])).version == version:
            return ip_address(str(address["address"]))
    return None


def keeps_next_hop(spec: Manifest) -> bool:
    """Whether nodes tell a BGPPeer in another AS of the others' blocks with their owners' next hops, and not with themselves.

    calico: api/pkg/apis/projectcalico/v3/bgppeer.go: nextHopMode comes before keepOriginalNextHop, unless it is Auto.
    """
    mode = spec.get("nextHopMode") or "Auto"
    return bool(mode == "Keep" or (mode == "Auto" and spec.get("keepOriginalNextHop")))


def excluding_label(node: Manifest) -> str | None:
    """The value of a Node's excluding label; None where it has none."""
    value: str | None = (node["metadata"].get("labels") or {}).get(EXCLUDED)
    return value


def is_excluded(node: Manifest) -> bool:
    """Whether Calico announces no service from a Node: the exact value alone excludes it."""
    return excluding_label(node) == "true"


def _blocks(objects: ClusterObjects) -> Iterator[tuple[Network, str, str]]:
    """The confirmed blocks with their nodes, without those of pools that are not exported."""
    hidden = _hidden(objects)
    for affinity in objects.block_affinities:
        spec = affinity["spec"]
        if spec.get("type", "host") not in ("", "host"):
            continue  # a block of addresses for services, which no node has
        if spec.get("state") != "confirmed" or str(spec.get("deleted", "false")).lower() == "true":
            continue
        block = ip_network(str(spec["cidr"]), strict=False)
        if not any(within(block, pool) for pool in hidden):
            yield block, str(spec["node"]), f"{POD_BLOCK} of {spec['node']}"


def _hidden(objects: ClusterObjects) -> list[Network]:
    """The pools that are not exported."""
    pools = (pool["spec"] for pool in objects.ip_pools)
    return [ip_network(str(pool["cidr"]), strict=False) for pool in pools if pool.get("disableBGPExport")]


def _borrowed(objects: ClusterObjects) -> Iterator[tuple[Network, str, str]]:
    """Addresses that a node uses out of another node's block, without those of pools that are not exported."""
    hidden = _hidden(objects)
    for block in objects.ipam_blocks:
        spec = block["spec"]
        owner = str(spec.get("affinity") or "").removeprefix("host:")
        attributes = spec.get("attributes") or []
        network = ip_network(str(spec["cidr"]), strict=False)
        if any(within(network, pool) for pool in hidden):
            continue
        for offset, index in enumerate(spec.get("allocations") or []):
            node = None if index is None or index >= len(attributes) else _user(attributes[index])
            if node and node != owner:
                yield alone(network[offset]), node, f"address borrowed by {node} from {network}"


def _user(attribute: Manifest) -> str | None:
    node: str | None = (attribute.get("secondary") or {}).get("node")
    return node
