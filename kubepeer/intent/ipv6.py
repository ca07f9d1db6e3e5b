"""What a cluster with IPv6 may not ask of kubeadm, of its providers, and of its routers' platforms. Pure."""

from collections.abc import Iterator

from kubepeer.intent.abilities import Platforms
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import IPV6, named
from kubepeer.intent.model import Intent
from kubepeer.intent.networks import FamilyNetworks

# kubeadm and the apiserver take at most twenty bits of addresses for services (kubeadm: app/constants, MaximumBitsForServiceSubnet;
# apiserver: cmd/kube-apiserver/app/options/validation.go)
LARGEST_SERVICES = 108
# The controller manager cuts a /64 a node off the pods' network, which Calico does not use, and kubeadm refuses a network that is none or
# is more than sixteen bits shorter (app/apis/kubeadm/validation, ValidatePodSubnetNodeMask; app/constants, PodSubnetNodeMaskMaxDiff)
NODE_MASK, MOST_BITS = 64, 16
NODE_MASK_ARGUMENTS = ("node-cidr-mask-size", "node-cidr-mask-size-ipv6")


def limits_of_ipv6(intent: Intent, family: FamilyNetworks) -> Iterator[Contradiction]:
    """Networks that kubeadm refuses."""
    if family.version != IPV6:
        return
    if family.services.prefixlen < LARGEST_SERVICES:
        yield Contradiction(
            f"{family.services} is more than kubeadm and the apiserver take",
            key="cluster.networks.services",
            cure=f"a network of /{LARGEST_SERVICES} or longer",
        )
    arguments = intent.kubeadm.controller_manager.extra_args
    bits = NODE_MASK - family.kubeadms_pods.prefixlen
    if not 0 <= bits <= MOST_BITS and not any(name in arguments for name in NODE_MASK_ARGUMENTS):
        yield Contradiction(
            f"{family.kubeadms_pods}: kubeadm takes what can be cut into a /{NODE_MASK} a node",
            key=f"cluster.networks.{'pod_subnet' if family.pod_subnet else 'pods'}",
            cure=f"/{NODE_MASK - MOST_BITS} to /{NODE_MASK}; or {NODE_MASK_ARGUMENTS[1]} under kubeadm.controller_manager.extra_args",
        )


def of_ipv6(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """What a cluster with IPv6 may not ask for."""
    yield from _gateways(intent)
    versions = intent.cluster.networks.versions
    if IPV6 not in versions:
        return
    yield from _platforms(intent, platforms)
    yield from _firewall(intent)
    yield from _tunnels(intent)
    yield from _speakers(intent)
    for probe in intent.probes[:1]:
        yield Contradiction(
            f"verify_services.py tries addresses of IPv4 alone, and cluster.networks is of {named(versions)}",
            host=probe.name,
            cure="no hosts in the group probes, or cluster.networks of IPv4 alone",
        )


def _tunnels(intent: Intent) -> Iterator[Contradiction]:
    """Calico has no IP in IP for IPv6 (libcalico-go, validator/v3: ipipMode of a pool of IPv6)."""
    for pool in intent.cluster.networks.pools:
        if pool.cidr.version == IPV6 and pool.encapsulation.startswith("IPIP"):
            key = "pod_routing.encapsulation"
            if pool in intent.cluster.networks.further_pools:
                key = f"further_pools.{intent.cluster.networks.further_pools.index(pool)}.encapsulation"
            yield Contradiction(
                f"{pool.encapsulation}: Calico has no IP in IP for IPv6, and {pool.cidr} has it",
                key=f"cluster.networks.{key}",
                cure="VXLANCrossSubnet, VXLAN or None",
            )


def _speakers(intent: Intent) -> Iterator[Contradiction]:
    """Their peers, and what is expected of them, are written for IPv4; MetalLB's native BGP has no IPv6 at all."""
    if intent.load_balancer.speaks:
        yield Contradiction(
            "metallb: Kubepeer tells MetalLB's speakers of IPv4 alone",
            key="load_balancer.announced_by",
            cure="calico, or cluster.networks of IPv4 alone",
        )


def _gateways(intent: Intent) -> Iterator[Contradiction]:
    """A session of each family, and a way to the router for each."""
    versions = intent.cluster.networks.versions
    for router in intent.routers:
        gateways = router.peering.nodes.reachable_by
        if gateways and {gateway.version for gateway in gateways} != {*versions}:
            yield Contradiction(
                f"{' and '.join(map(str, gateways))}: there are sessions of {named(versions)}, and a gateway is needed for each",
                host=router.name,
                key="peering.nodes.reachable_by",
                cure=f"of {named(versions)} one each" if len(versions) > 1 else f"one of {named(versions)}",
            )


def _firewall(intent: Intent) -> Iterator[Contradiction]:
    """What is let in is written in rules of IPv4 alone."""
    if intent.software.firewall == "open":
        yield Contradiction(
            "open: Kubepeer writes rules of IPv4 alone",
            key="software.firewall",
            cure="kept, with what preflight names opened by its owner; or off",
        )


def _platforms(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """Routers that nobody can tell of IPv6."""
    for router in intent.routers:
        abilities = platforms[router.platform].abilities
        if IPV6 not in abilities.families:
            able = [name for name in platforms if IPV6 in platforms[name].abilities.families]
            yield Contradiction(
                f"{router.platform} cannot: Kubepeer writes no sessions of IPv6 for it",
                host=router.name,
                cure=f"a router of {' or '.join(able)}, or cluster.networks of IPv4 alone",
            )
        elif router.peering.vrf and IPV6 not in abilities.families_in_vrf:
            yield Contradiction(
                f"{router.platform} cannot: a table of its own holds one family",
                host=router.name,
                key="peering.vrf",
                cure="leave it out, or cluster.networks of IPv4 alone",
            )
