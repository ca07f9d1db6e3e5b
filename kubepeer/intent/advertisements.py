"""With which communities the nodes announce each network. Pure."""

from collections.abc import Mapping

from kubepeer.intent.model import Intent


def advertisements(intent: Intent) -> dict[str, tuple[str, ...]]:
    """Network -> the communities that its routes are announced with by Calico, where there are any."""
    bgp = intent.cluster.bgp
    every: dict[str, tuple[str, ...]] = {}
    for family in intent.cluster.networks.families:
        every |= {str(pool.cidr): bgp.pod_communities for pool in family.pools if pool.announced}
        every |= {str(family.own_services): bgp.service_communities}
        every |= {str(one): bgp.load_balancer_communities for one in (family.own_load_balancers, *family.external)}
    every.pop(str(None), None)  # a kind of network that a cluster which Kubepeer did not build does not announce
    return {network: communities for network, communities in every.items() if communities}


def values(names: tuple[str, ...], known: Mapping[str, str]) -> frozenset[str]:
    """Communities as numbers: of a name under cluster.bgp.communities what it stands for."""
    return frozenset(known.get(name, name) for name in names)
