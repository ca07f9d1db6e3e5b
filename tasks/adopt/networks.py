"""The networks of a live cluster as cluster.networks has them, by the objects of Calico or of MetalLB. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from typing import Any

from tasks.adopt.peers import Manifest, Member, Speaking
from tasks.routes.metallb import networks_of

ALONE = 32  # the length of one address
BLOCK = 26  # Calico's, of a pool that says none
FIRST_POOL = "default-ipv4-ippool"  # calico: node/pkg/lifecycle/startup; the operator calls it so, too
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
KINDS = {"serviceClusterIPs": "services", "serviceLoadBalancerIPs": "load_balancers", "serviceExternalIPs": "external"}


@dataclass(frozen=True)
class Section:
    """What the cluster says of its networks.

    Attributes:
        networks: the keys of cluster.networks, but for the nodes'.
        bgp: the keys of cluster.bgp that belong to them.
        unknown: what could not be taken over.

    """

    networks: Mapping[str, Any]
    bgp: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodesNetwork:
    """The network that holds all nodes."""

    network: IPv4Network
    unknown: tuple[str, ...] = ()


def of_nodes(members: Sequence[Member]) -> NodesNetwork:
    """That of their addresses, by Calico's annotation; of several links, or where none is said, the smallest that holds them all."""
    links = {member.link for member in members if member.link is not None}
    known = bool(links) and all(member.link is not None for member in members)
    every = [*links, *(IPv4Network(member.address) for member in members)]
    network = every[0]
    while not all(one.subnet_of(network) for one in every):
        network = network.supernet()
    if known:
        return NodesNetwork(network)
    return NodesNetwork(
        network,
        (f"cluster.networks.nodes: {network} is the smallest that holds all nodes: the nodes' link is not in the API",),
    )


def domain(names: Sequence[str]) -> str | None:
    """The domain that all nodes' names have in common; None where there is none."""
    ends = {name.partition(".")[2] for name in names}
    return ends.pop() or None if len(ends) == 1 else None


def of_calico(speaking: Speaking, pools: Iterable[Manifest]) -> Section:
    """The pools of pods, and the networks of services that BGPConfiguration default announces."""
    spec = ((speaking.bgp_configuration or {}).get("spec")) or {}
    unknown: list[str] = []
    said = dict(_pools(pools))
    taken = [IPv4Network(cidr) for cidr in _cidrs(said)]
    by_kind: dict[str, list[IPv4Network]] = {kind: [] for kind in KINDS.values()}
    for key, kind in KINDS.items():
        for block in spec.get(key) or ():
            network = ip_network(str(block["cidr"]), strict=False)
            if not isinstance(network, IPv4Network):
                unknown.append(f"{key} {network}: the sessions and routes of IPv4 alone are looked at")
            elif network in (other for others in by_kind.values() for other in others):
                continue  # announced once, whatever it is called
            elif clash := next((other for other in taken if other.overlaps(network)), None):
                unknown.append(f"{key} {network} overlaps {clash}: it is left out")
            else:
                by_kind[kind].append(network)
                taken.append(network)
    (services, further), (balanced, others) = (_first(by_kind[kind]) for kind in ("services", "load_balancers"))
    external = [*further, *others, *by_kind["external"]]
    said |= {"services": str(services)} if services else {}
    said |= {"load_balancers": str(balanced)} if balanced else {}
    said |= {"external": [str(network) for network in external]} if external else {}
    bgp = {"load_balancer_aggregation": False} if spec.get("serviceLoadBalancerAggregation") == "Disabled" else {}
    return Section(said, {**bgp, **_communities(spec, said, unknown)}, tuple(unknown))


def _first(every: list[IPv4Network]) -> tuple[IPv4Network | None, list[IPv4Network]]:
    return (every[0], every[1:]) if every else (None, [])


def _cidrs(said: Mapping[str, Any]) -> Iterator[str]:
    if "pods" in said:
        yield said["pods"]
    yield from (pool["cidr"] for pool in said.get("further_pools", ()))


def _pools(pools: Iterable[Manifest]) -> Iterator[tuple[str, Any]]:
    """The pools of pods: Calico's own first one first; one within another, which Calico has of none, is not asked for."""
    of_pods = sorted(
        (pool for pool in pools if _of_pods(pool["spec"])),
        key=lambda pool: (pool["metadata"]["name"] != FIRST_POOL, pool["metadata"]["name"]),
    )
    if not of_pods:
        return
    first, further = of_pods[0]["spec"], of_pods[1:]
    yield "pods", str(first["cidr"])
    yield "pod_block_size", int(first.get("blockSize") or BLOCK)
    yield "pod_routing", _routing(first)
    if further:
        yield (
            "further_pools",
            [
                {
                    "cidr": str(pool["spec"]["cidr"]),
                    "block_size": int(pool["spec"].get("blockSize") or BLOCK),
                    **_routing(pool["spec"]),
                }
                for pool in further
            ],
        )


def _of_pods(spec: Manifest) -> bool:
    uses = spec.get("allowedUses") or ("Workload",)
    return ":" not in str(spec["cidr"]) and "Workload" in uses


def _routing(spec: Manifest) -> dict[str, Any]:
    """As Calico's operator calls it (api/v1/installation_types.go, EncapsulationType)."""
    names = {"ipipMode": "IPIP", "vxlanMode": "VXLAN"}
    ending = {"Always": "", "CrossSubnet": "CrossSubnet"}
    found = [f"{name}{ending[spec[key]]}" for key, name in names.items() if spec.get(key) in ending]
    hidden = {"announced": False} if spec.get("disableBGPExport") else {}
    return {"encapsulation": found[0] if found else "None", **hidden}


def _communities(spec: Manifest, said: Mapping[str, Any], unknown: list[str]) -> dict[str, Any]:
    """The communities of the networks that have a key for them."""
    keys = {said.get("services"): "service_communities", said.get("load_balancers"): "load_balancer_communities"}
    keys |= dict.fromkeys(said.get("external", ()), "load_balancer_communities")
    keys |= dict.fromkeys(_cidrs(said), "pod_communities")
    found: dict[str, Any] = {}
    for one in spec.get("prefixAdvertisements") or ():
        cidr, communities = str(one["cidr"]), [str(name) for name in one.get("communities") or ()]
        key = keys.get(cidr)
        if key is None or found.get(key, communities) != communities:
            unknown.append(f"the communities of {cidr} ({', '.join(communities)}): they have no key of their own")
        else:
            found[key] = communities
    named = {str(one["name"]): str(one["value"]) for one in spec.get("communities") or ()}
    return ({"communities": named} if named else {}) | found


def of_metallb(pools: Iterable[Manifest]) -> Section:
    """The networks of its IPAddressPools, ranges as the networks that they are made of."""
    every: list[IPv4Network] = []
    unknown: list[str] = []
    for pool in pools:
        for text in pool["spec"].get("addresses") or ():
            networks = networks_of(str(text))
            if not networks:
                unknown.append(
                    f"IPAddressPool {pool['metadata']['name']}: {text}: the routes of IPv4 alone are looked at"
                )
            every += [one for one in networks if not any(one.overlaps(other) for other in every)]
    first, further = _first(sorted(every, key=lambda one: (one.prefixlen, one)))
    said: dict[str, Any] = {"load_balancers": str(first)} if first else {}
    return Section(said | ({"external": [str(one) for one in further]} if further else {}), unknown=tuple(unknown))


def seconds(text: object) -> int | None:
    """A duration as Kubernetes writes it (Go, time.Duration); None where there is none, or not of whole seconds."""
    found = DURATION.fullmatch(str(text or ""))
    if not found or not found[0]:
        return None
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest
