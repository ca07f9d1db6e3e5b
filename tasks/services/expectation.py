"""Which source address the server must see. Pure.

Sources: kubernetes, pkg/proxy/iptables/proxier.go: KUBE-SVC marks what does not come from the pods' network for masquerading, KUBE-EXT of
policy Cluster marks everything, of policy Local neither marks nor leaves the node, but sends pods and the node itself to all endpoints, and
KUBE-SEP marks what a pod sends to itself;
IPVS and nftables do the same. Calico masquerades what a pod sends out of its pools (natOutgoing).
The tutorial's section 7 shows the same addresses.
"""

import math
from collections.abc import Collection, Mapping

from tasks.services.matrix import Source, Target, Workload

Addresses = frozenset[str]


def expected(source: Source, target: Target, workload: Workload, addresses: Mapping[str, Collection[str]]) -> Addresses:
    """The addresses that a pod may see a connection come from.

    Args:
        source: who connects.
        target: where to.
        workload: what there is.
        addresses: of each host by name: all its own, those of its tunnels and a virtual one included: the kernel chooses among them.

    """
    own = frozenset(addresses.get(source.host, ()))
    if source.kind == "outside":
        return _from_outside(own, target, workload, addresses)
    at_home = target.node in ("", source.host)
    if source.kind == "node":
        # another node masquerades what comes to its port; its own rules see to all the rest before it leaves
        return own if at_home or target.kind != "node-port" else frozenset(addresses.get(target.node, ()))
    return _from_pod(source, own, target, workload, addresses)


def _from_outside(
    own: Addresses, target: Target, workload: Workload, addresses: Mapping[str, Collection[str]]
) -> Addresses:
    if target.kind == "pod" or target.local:
        return own
    if target.kind == "node-port":
        return frozenset(addresses.get(target.node, ()))
    return frozenset(address for node in workload.entrances for address in addresses.get(node, ()))


def _from_pod(
    source: Source, node: Addresses, target: Target, workload: Workload, addresses: Mapping[str, Collection[str]]
) -> Addresses:
    itself = frozenset({source.pod})
    if target.kind == "pod":
        return itself
    # a connection that comes back to the pod that has opened it is masqueraded: it would answer itself
    back = node if source.pod in workload.endpoints.get(target.service, ()) else frozenset()
    if target.kind in ("cluster-ip", "local"):
        return itself | back
    if target.kind == "load-balancer":
        return node
    if target.node == source.host:
        return itself | back if target.local else node
    # out of the pools to another node: Calico masquerades, and that node once more unless its policy is Local
    return node if target.local else frozenset(addresses.get(target.node, ()))


def entered_by(seen: Mapping[str, int], addresses: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How many connections entered by which node: where kube-proxy masquerades, the server sees the address of the node that let it in.

    Args:
        seen: source address -> number of connections, as the servers saw them.
        addresses: of the nodes.

    """
    counts = dict.fromkeys(addresses, 0)
    owner = {address: node for node, own in addresses.items() for address in own}
    for address, number in seen.items():
        if address in owner:
            counts[owner[address]] += number
    return counts


STRAY = 4  # standard deviations: chance alone goes further once in thirty thousand times


def least_allowed(connections: int, nodes: int) -> int:
    """The fewest connections that a node must get: half its even share, or less where chance alone may do that to so few."""
    if not nodes:
        return 0
    share = connections / nodes
    by_chance = share - STRAY * math.sqrt(share)
    return max(1 if share > STRAY**2 else 0, round(min(share / 2, by_chance)))
