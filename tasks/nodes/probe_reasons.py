"""What the probes of a node mean: reasons to refuse it, each with its cure, and what is only worth a warning. Pure."""

import statistics
from collections.abc import Collection, Iterator
from math import ceil

from kubepeer.intent import Intent, Node
from tasks.nodes import probed_images
from tasks.nodes.probes import WRITE_SECONDS, Probed

ADVISED_WRITE_SECONDS = 0.01  # etcd's FAQ and documentation, Hardware: 99 of 100 below 10 ms
HEARTBEAT_SECONDS = 0.1  # etcd's --heartbeat-interval: a disk whose common write is slower makes leaders fall
FEWEST_WRITES = 5
# the kubelet's own thresholds, below which it takes no pods (KubeletConfiguration, evictionHard): nodefs and imagefs
EVICTION = {"/var/lib/kubelet": 0.10, "/var/lib/containerd": 0.15}


def reasons(intent: Intent, node: Node, probed: Probed, ours: Collection[str] | None) -> list[str]:
    """Why not to begin on this node; empty when all is clear.

    Args:
        intent: what is wanted.
        node: which.
        probed: what was found.
        ours: hardware addresses of all nodes, of whom none is a member yet; None where a member may hold the API's address.

    """
    return [
        *_disk(probed),
        *_room(intent, probed),
        *_paths(node, probed),
        *_holder(intent, probed, ours),
        *_routers(intent, probed),
        *probed_images.reasons(probed.images),
    ]


def warnings(node: Node, probed: Probed) -> Iterator[str]:
    """What the run goes on with: one line each."""
    writes = sorted(probed.writes or ())
    slowest = writes[ceil(0.99 * len(writes)) - 1] if writes else 0.0  # of 100 the last but one
    if slowest > ADVISED_WRITE_SECONDS:
        yield (
            f"{node.name}: one in a hundred writes of etcd's takes {1000 * slowest:.0f} ms or more to reach the disk of /var/lib/etcd; "
            f"etcd advises {1000 * ADVISED_WRITE_SECONDS:.0f} ms: a faster disk keeps leaders from falling"
        )
    for address, (mtu, found) in sorted(probed.paths.items()):
        if found.isdigit():
            yield (
                f"{node.name}: the way to {address} carries {found} bytes, and {node.interface} has an MTU of {mtu}: "
                "pods depend on ICMP's word of it (RFC 1191)"
            )
    for name in probed.names:
        yield f"{node.name}: the time server {name} does not resolve there"
    for what in probed.unable:
        yield f"not looked at on some nodes: {what}"


def _disk(probed: Probed) -> Iterator[str]:
    if probed.writes is None:
        return
    if len(probed.writes) < FEWEST_WRITES:
        yield f"the disk of /var/lib/etcd has not taken {FEWEST_WRITES} small writes in {WRITE_SECONDS} s: give etcd a faster disk"
    elif (common := statistics.median(probed.writes)) > HEARTBEAT_SECONDS:
        yield (
            f"a small write takes {1000 * common:.0f} ms to reach the disk of /var/lib/etcd, longer than etcd's heartbeat of "
            f"{1000 * HEARTBEAT_SECONDS:.0f} ms: give etcd a faster disk"
        )


def _room(intent: Intent, probed: Probed) -> Iterator[str]:
    """Where the inventory has thresholds of its own, the kubelet knows better."""
    if "evictionHard" in intent.software.kubelet_configuration:
        return
    for folder, share in sorted(probed.room.items()):
        least = EVICTION.get(folder, 0)
        if share < least:
            yield (
                f"{share:.0%} of the disk of {folder} is free, and below {least:.0%} the kubelet takes no pods: "
                "free some, or set evictionHard in software.kubelet_configuration"
            )


def _paths(node: Node, probed: Probed) -> Iterator[str]:
    lost = {address: mtu for address, (mtu, found) in probed.paths.items() if found == "lost"}
    if lost:
        mtu = next(iter(lost.values()))
        yield (
            f"packets of {mtu} bytes, the MTU of {node.interface}, do not come to {', '.join(sorted(lost))}, and small ones do: "
            f"set an MTU that the network carries (ip link set {node.interface} mtu ...), or let it carry these"
        )


def _holder(intent: Intent, probed: Probed, ours: Collection[str] | None) -> Iterator[str]:
    endpoint = intent.cluster.endpoint
    if probed.holder and ours is not None and probed.holder not in ours:
        yield (
            f"{probed.holder} answers ARP for {endpoint.address} and is none of the nodes: take the address from that machine, "
            "or set cluster.endpoint.address to a free one"
        )


def _routers(intent: Intent, probed: Probed) -> Iterator[str]:
    """A stranger's advertisements with our virtual router id: each would take the other for its own master."""
    endpoint = intent.cluster.endpoint
    own = {str(node.address) for node in intent.control_planes}
    strangers = sorted(
        (source, address)
        for source, number, address in probed.routers
        if number == endpoint.virtual_router_id and source not in own and address != str(endpoint.address)
    )
    heard = sorted({number for _, number, _ in probed.routers})
    for source, address in strangers:
        yield (
            f"{source} speaks VRRP with virtual router id {endpoint.virtual_router_id}, too, for {address}: set "
            f"cluster.endpoint.virtual_router_id to one that is not heard here (heard: {', '.join(map(str, heard))})"
        )
