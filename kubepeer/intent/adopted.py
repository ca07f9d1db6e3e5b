"""An inventory of routers alone, of a cluster that Kubepeer did not build: what it must say, and what it may not. Pure."""

from collections.abc import Iterator
from itertools import combinations
from typing import Protocol

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import IPV4, Network, named, within
from kubepeer.intent.kubeadm import Kubeadm
from kubepeer.intent.load_balancer import LoadBalancer
from kubepeer.intent.model import Cluster, Intent

BUILT = ("software", "packages", "manifests")  # what only the building of a cluster asks for
WAYS = "cluster.kubeconfig or cluster.api"


class Fabric(Protocol):
    """What is looked at of the keys that are true of everything."""

    cluster: Cluster
    kubeadm: Kubeadm
    load_balancer: LoadBalancer


def unsaid_or_idle(fabric: Fabric) -> Iterator[tuple[str, str]]:
    """A key that is missing, or that says nothing here, and what is to be said of it.

    Args:
        fabric: the keys of the group `fabric` and of the defaults.

    """
    cluster, networks = fabric.cluster, fabric.cluster.networks
    if cluster.kubeconfig is not None and cluster.api is not None:
        yield "cluster.api", "cluster.kubeconfig says it already: one of the two"
    if not cluster.adopted:
        every = {"cluster.domain": cluster.own_domain, "cluster.endpoint": cluster.own_endpoint}
        every |= {f"cluster.networks.{kind}": getattr(networks, f"every_{kind}") for kind in KINDS}
        every |= {key: getattr(fabric, key) for key in BUILT}
        yield from ((key, "is missing") for key, value in every.items() if not value)
        return
    said = {"cluster.endpoint": cluster.own_endpoint, **{key: getattr(fabric, key) for key in BUILT}}
    said |= {"kubeadm": fabric.kubeadm != Kubeadm()}
    idle = f"is of a cluster that Kubepeer builds, and {WAYS} names one that somebody else has built: take it away"
    yield from ((key, idle) for key, value in said.items() if value)
    if fabric.load_balancer.speaks and not networks.every_load_balancers:
        yield "cluster.networks.load_balancers", "is missing: MetalLB's speakers announce its addresses alone"


KINDS = ("pods", "services", "load_balancers")


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """What such an inventory may not say: nodes, two families, networks that overlap, a side of nodes that nobody would write."""
    for probe in intent.probes[:1]:
        yield Contradiction(
            "is a probe of verify_services.py, which is for clusters that Kubepeer builds",
            host=probe.name,
            cure="take it out of the inventory",
        )
    versions = intent.cluster.networks.versions
    if versions != (IPV4,):
        yield Contradiction(
            f"{named(versions)}: of a cluster that Kubepeer did not build the sessions and routes of IPv4 alone are looked at",
            key="cluster.networks",
            cure="networks of IPv4 alone",
        )
    yield from _networks(intent)
    for router in intent.routers:
        if router.peering.nodes != type(router.peering.nodes)():
            yield Contradiction(
                "is what nodes are told, and nothing is written into a cluster that Kubepeer did not build",
                host=router.name,
                key="peering.nodes",
                cure="take it away",
            )


def _networks(intent: Intent) -> Iterator[Contradiction]:
    """A filter's entries may not hold each other's prefixes; the nodes' network has none, and is wide where they are on several links."""
    for family in intent.cluster.networks.families:
        pools = {f"further_pools.{place}": pool.cidr for place, pool in enumerate(family.further_pools)}
        every: dict[str, Network] = {key: one for key, one in family.by_key.items() if key != "nodes"} | pools
        for (one, first), (other, second) in combinations(every.items(), 2):
            if within(first, second) or within(second, first):
                yield Contradiction(f"{second} overlaps {one} {first}", key=f"cluster.networks.{other}")
