"""What a cluster with IPv6 may not ask of kubeadm, of its providers, and of its routers' platforms. Pure."""

from collections.abc import Iterator

from kubepeer.intent.abilities import Platforms
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import IPV6
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
    bits = NODE_MASK - family.pods.prefixlen
    if not 0 <= bits <= MOST_BITS and not any(name in arguments for name in NODE_MASK_ARGUMENTS):
        yield Contradiction(
            f"{family.pods}: kubeadm takes what can be cut into a /{NODE_MASK} a node",
            key="cluster.networks.pods",
            cure=f"/{NODE_MASK - MOST_BITS} to /{NODE_MASK}; or {NODE_MASK_ARGUMENTS[1]} under kubeadm.controller_manager.extra_args",
        )


def firewall_of_ipv6(intent: Intent) -> Iterator[Contradiction]:
    """What is let in is written in rules of IPv4 alone."""
    if IPV6 in intent.cluster.networks.versions and intent.software.firewall == "open":
        yield Contradiction(
            "open: Kubepeer writes rules of IPv4 alone",
            key="software.firewall",
            cure="kept, with what preflight names opened by its owner; or off",
        )


def platforms_without_ipv6(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """Routers that nobody can tell of IPv6."""
    if IPV6 not in intent.cluster.networks.versions:
        return
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
