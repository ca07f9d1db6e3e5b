"""What the pools of an inventory may not be. Pure."""

from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import version_of, within
from kubepeer.intent.model import Intent
from kubepeer.intent.pools import BLOCK_SIZES

SEVERAL = "Installation.ipPools of one family"
MOST = 25  # maxItems of spec.calicoNetwork.ipPools, in the definitions of 3.28.5 to 3.32.1


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """What pools may not be: within one another, outside the pods' network of kubeadm, more than the version takes."""
    networks, calico = intent.cluster.networks, intent.software.calico
    every = networks.pools
    for place, pool in enumerate(networks.further_pools):
        key = f"cluster.networks.further_pools.{place}"
        before = (*networks.every_pods, *(other.cidr for other in networks.further_pools[:place]))
        clash = next((other for other in before if within(other, pool.cidr) or within(pool.cidr, other)), None)
        if clash is not None:
            yield Contradiction(
                f"{pool.cidr} overlaps the pool {clash}", key=f"{key}.cidr", cure="pools that have no address in common"
            )
        sizes = BLOCK_SIZES[version_of(pool.cidr)]
        if pool.block_size < pool.cidr.prefixlen:
            yield Contradiction(
                f"a block of /{pool.block_size} does not fit into {pool.cidr}",
                key=f"{key}.block_size",
                cure=f"{max(pool.cidr.prefixlen, sizes[0])} to {sizes[-1]}",
            )
    for pool in every:
        family = networks.of(version_of(pool.cidr))
        if not within(pool.cidr, family.kubeadms_pods):
            yield Contradiction(
                f"the pool {pool.cidr} is outside {family.kubeadms_pods}, kubeadm's network of pods: Calico's operator refuses it",
                key="cluster.networks.pod_subnet",
                cure="a network that holds all pools",
            )
    if intent.software.firewall == "open" and any(pool.encapsulation.startswith("IPIP") for pool in every):
        yield Contradiction(
            "of the encapsulations it lets in VXLAN alone, and a pool has IP in IP (protocol 4)",
            key="software.firewall",
            cure="kept, with protocol 4 among the nodes let in, or a pool with VXLANCrossSubnet",
        )
    if len(every) > MOST:
        yield Contradiction(f"{len(every)} pools: Calico's operator takes {MOST}", key="cluster.networks.further_pools")
    if any(len(family.pools) > 1 for family in networks.families) and not versions.has("calico", calico, SEVERAL):
        first = versions.since("calico", SEVERAL)
        yield Contradiction(
            f"the operator of Calico {calico} takes one pool (several from {first} on)",
            key="cluster.networks.further_pools",
            cure=f"the one of networks.pods, or Calico from {first} on",
        )
