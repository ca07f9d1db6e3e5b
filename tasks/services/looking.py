"""What is asked of the nodes beforehand: their addresses, the MTU of their cards, and a pod of the workload each to try from. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.linux.observe import Answer
from tasks.services.script import ADDRESSES, card_mtu
from tasks.services.workload import NAMESPACE

ETHERNET = 1500  # where nobody says otherwise
POD_CARD = "eth0"  # as Calico's plugin names it
SMALLEST = 576  # RFC 791: less is no path


@dataclass(frozen=True)
class NodeSeen:
    """A node before anything is sent.

    Attributes:
        addresses: all of its own.
        mtu: of the card that it has its address on; 0 where it was not told.
        pods: address -> process in the network of that pod.
        pod_mtu: of the pods' own cards; 0 where there is no pod.

    """

    addresses: frozenset[str]
    mtu: int = 0
    pods: Mapping[str, int] | None = None
    pod_mtu: int = 0


def questions(interface: str) -> dict[str, str]:
    """The questions of one node; a pod is found by its runtime, so that nothing is needed inside of it."""
    one = "{{.info.pid}} {{.status.network.ip}}"
    inspect = f"crictl inspectp --output go-template --template '{one}' $id 2>/dev/null"
    size = f"nsenter -t $process -n {card_mtu(POD_CARD)}"
    pods = (
        f"for id in $(crictl pods -q --state ready --namespace {NAMESPACE} 2>/dev/null); do\n"
        f'  {inspect} | {{ read process address; [ -z "$address" ] || echo "$process $address $({size})"; }}\n'
        "done"
    )
    return {"addresses": ADDRESSES, "mtu": card_mtu(interface), "pods": pods}


def node_seen(answers: Mapping[str, Answer]) -> NodeSeen:
    """What a node has answered."""
    pods: dict[str, int] = {}
    sizes: list[int] = []
    for line in answers["pods"].lines:
        match line.split():
            case [process, address, *size] if process.isdigit() and process != "0":
                pods[address] = int(process)
                sizes += [int(one) for one in size if one.isdigit()]
    mtu = answers["mtu"].text.strip()
    return NodeSeen(
        frozenset(line for line in answers["addresses"].lines if not line.startswith("127.")),
        int(mtu) if mtu.isdigit() else 0,
        pods,
        max(sizes, default=0),
    )


def path_mtu(nodes: Iterable[NodeSeen]) -> int:
    """What the cluster's network should carry: the usual MTU of the cards, or of the pods where that is less (a tunnel's headers)."""
    nodes = list(nodes)
    usual = [_usual(node.mtu for node in nodes), _usual(node.pod_mtu for node in nodes)]
    return max(SMALLEST, min([size for size in usual if size], default=ETHERNET))


def _usual(sizes: Iterable[int]) -> int:
    """The one that most have, the larger one of two; 0 where none is known."""
    counts = Counter(size for size in sizes if size)
    return max(counts, key=lambda size: (counts[size], size), default=0)
