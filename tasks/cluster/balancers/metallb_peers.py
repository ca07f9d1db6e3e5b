"""The routers as MetalLB's speakers see them: one BGPPeer a router, or, where its nodes have several AS, one for each of them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from kubepeer.intent import Intent, Router
from tasks.cluster import bgp_objects

HOSTNAME = "kubernetes.io/hostname"  # what the kubelet writes a node's name into


@dataclass(frozen=True)
class Peer:
    """A BGPPeer.

    Attributes:
        name: of the object.
        router: whom the speakers call.
        as_number: of the nodes.
        label: that the nodes have which call; "" for all of them.
        nodes: their full names, where they are told by their AS; empty for all that have the label.

    """

    name: str
    router: Router
    as_number: int
    label: str = ""
    nodes: tuple[str, ...] = ()


def peers(intent: Intent) -> list[Peer]:
    """Every BGPPeer, in the routers' order."""
    return [peer for router in intent.routers for peer in _of(intent, router)] if intent.load_balancer.speaks else []


def _of(intent: Intent, router: Router) -> Iterator[Peer]:
    served = intent.peers_of(router)
    label = "" if served == intent.nodes else bgp_objects.label_of(router.name)
    numbers = intent.as_numbers_of_peers(router)
    if len(numbers) == 1:
        yield Peer(router.name, router, numbers[0], label)
        return
    for number in numbers:
        nodes = tuple(node.full_name for node in served if node.as_number == number)
        yield Peer(f"{router.name}-as{number}", router, number, label, nodes)


def communities(intent: Intent) -> list[tuple[str, str]]:
    """What the addresses are announced with: an alias for each, and its value in MetalLB's words."""
    named = intent.cluster.bgp.communities
    found = ((one, named.get(one, one)) for one in intent.load_balancer.communities)
    return [(name.replace(":", "-"), f"large:{value}" if value.count(":") > 1 else value) for name, value in found]
