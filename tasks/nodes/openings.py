"""What a node's role must receive through a firewall that stays on. Pure.

The ports of Kubernetes (https://kubernetes.io/docs/reference/networking/ports-and-protocols/), of Calico with BGP and VXLAN
(https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements), and of keepalived (RFC 5798: protocol 112).
"""

from dataclasses import dataclass
from typing import Literal

from kubepeer.intent import Intent, Node
from kubepeer.intent.families import Network, alone
from kubepeer.intent.reflectors import reflectors

APISERVER, ETCD, KUBELET, KUBE_PROXY_HEALTH, TYPHA, VXLAN = (
    "6443",
    "2379-2380",
    "10250",
    "10256",
    "5473",
    "4789",
)
CONTROLLER_MANAGER, SCHEDULER = "10257", "10259"
NODE_PORTS = "30000-32767"


@dataclass(frozen=True)
class Opening:
    """Something that is let in.

    Attributes:
        protocol: of the packets.
        port: or range of ports; "" for a protocol that has none.
        sources: who may send; empty for everybody.

    """

    protocol: Literal["tcp", "udp", "vrrp"]
    port: str = ""
    sources: tuple[Network, ...] = ()


def openings(intent: Intent, node: Node) -> tuple[Opening, ...]:
    """What this node must receive.

    BGP comes from its routers, and where nodes reflect from those as well: there is no mesh (templates/cluster/bgp.yaml.j2).
    """
    nodes = intent.cluster.networks.every_nodes
    control_planes = tuple(alone(address) for other in intent.control_planes for address in other.addresses)
    serving = (router for router in intent.routers if router.name in node.routers)
    peers = (*serving, *_peers_among_nodes(intent, node))
    found = [
        Opening(
            "tcp", str(intent.cluster.bgp.listen_port), tuple(alone(one) for peer in peers for one in peer.addresses)
        ),
        Opening("udp", VXLAN, nodes),
        *(Opening("tcp", port, nodes) for port in (KUBELET, KUBE_PROXY_HEALTH, TYPHA)),
    ]
    if node.role == "control_plane":
        found += [
            Opening("tcp", APISERVER),
            Opening("tcp", str(intent.cluster.endpoint.port)),
            Opening("tcp", ETCD, control_planes),
            Opening("tcp", CONTROLLER_MANAGER, nodes),
            Opening("tcp", SCHEDULER, nodes),
            Opening("vrrp", sources=control_planes),
        ]
    if intent.software.open_node_ports:
        found += [Opening("tcp", NODE_PORTS), Opening("udp", NODE_PORTS)]
    return tuple(found)


def _peers_among_nodes(intent: Intent, node: Node) -> tuple[Node, ...]:
    """With whom it speaks internal BGP: a reflector with every node, any other with the reflectors (RFC 4456)."""
    reflecting = reflectors(intent)
    return tuple(one for one in (intent.nodes if node in reflecting else reflecting) if one != node)


def trusted(intent: Intent) -> tuple[Network, ...]:
    """Whose packets the node forwards, and takes itself: pods; and services', which kube-proxy's IPVS mode gives the node as addresses."""
    return intent.cluster.networks.announced
