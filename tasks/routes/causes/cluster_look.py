"""What the cluster's API says of both ends, when something is wrong: nodes, peers, filters, pools, Calico's pods. Pure."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from kubepeer.intent.families import Address
from tasks.routes.cluster import Api, calico_groups, items
from tasks.routes.expected import PEER_IP, bgp_address, keeps_next_hop

Manifest = Mapping[str, Any]
PODS = "/api/v1/pods"
OF_CALICO = {"labelSelector": "k8s-app=calico-node"}
REQUESTS = 5


@dataclass(frozen=True)
class NodeObject:
    """A node as the API knows it.

    Attributes:
        ready: the status of its condition Ready: True, False, Unknown (its kubelet is silent).
        said: the condition's own words.
        cordoned: no pod is scheduled there.
        address: that it speaks BGP from.
        pod: calico-node's on it: its name; "" where there is none.
        pod_phase: of that pod.

    """

    name: str
    ready: str = ""
    said: str = ""
    cordoned: bool = False
    address: Address | None = None
    pod: str = ""
    pod_phase: str = ""


@dataclass(frozen=True)
class PeerObject:
    """A BGPPeer.

    Attributes:
        secret: the Secret that its password stands in; "" where it has none.
        keeps_next_hop: whether a node tells it of others' blocks with their owners' next hops; else with itself.

    """

    name: str
    address: Address | None
    as_number: str = ""
    secret: str = ""
    filters: tuple[str, ...] = ()
    ttl_security: bool = False
    keeps_next_hop: bool = True


@dataclass(frozen=True)
class ClusterLook:
    """The API's account.

    Attributes:
        unseen: why it could not be asked; "" where it could.
        nodes: by name.
        peers: every BGPPeer.
        filters: every BGPFilter by its name: its spec.

    """

    unseen: str = ""
    nodes: Mapping[str, NodeObject] = field(default_factory=dict)
    peers: tuple[PeerObject, ...] = ()
    filters: Mapping[str, Manifest] = field(default_factory=dict)

    def peers_at(self, addresses: Iterable[Address]) -> list[PeerObject]:
        """The BGPPeers that name one of a router's addresses."""
        wanted = frozenset(addresses)
        return [peer for peer in self.peers if peer.address in wanted]


def read(api: Api) -> ClusterLook:
    """Ask for all at the same time."""
    groups = calico_groups(api)

    def calico(plural: str) -> list[Manifest]:
        return next((found for group in groups if (found := items(api, f"{group}/{plural}"))), [])

    with ThreadPoolExecutor(REQUESTS) as pool:
        nodes = pool.submit(items, api, "/api/v1/nodes")
        pods = pool.submit(items, api, PODS, OF_CALICO)
        peers, filters = pool.submit(calico, "bgppeers"), pool.submit(calico, "bgpfilters")
        return ClusterLook(
            nodes=nodes_of(nodes.result(), pods.result()),
            peers=tuple(map(peer_of, peers.result())),
            filters={one["metadata"]["name"]: one.get("spec") or {} for one in filters.result()},
        )


def nodes_of(nodes: Iterable[Manifest], pods: Iterable[Manifest]) -> dict[str, NodeObject]:
    """The nodes, each with its pod of calico-node."""
    on = {str((pod.get("spec") or {}).get("nodeName", "")): pod for pod in pods}
    return {one["metadata"]["name"]: _node(one, on.get(one["metadata"]["name"])) for one in nodes}


def _node(node: Manifest, pod: Manifest | None) -> NodeObject:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready: Manifest = next((one for one in conditions if one.get("type") == "Ready"), {})
    return NodeObject(
        node["metadata"]["name"],
        str(ready.get("status", "")),
        str(ready.get("message", "")),
        bool((node.get("spec") or {}).get("unschedulable")),
        bgp_address(node),
        pod["metadata"]["name"] if pod else "",
        str((pod.get("status") or {}).get("phase", "")) if pod else "",
    )


def peer_of(peer: Manifest) -> PeerObject:
    """A BGPPeer, from its manifest."""
    spec = peer.get("spec") or {}
    named = PEER_IP.fullmatch(str(spec.get("peerIP") or ""))
    secret = ((spec.get("password") or {}).get("secretKeyRef") or {}).get("name") or ""
    return PeerObject(
        peer["metadata"]["name"],
        ip_address(named[1] or named[2]) if named else None,
        str(spec.get("asNumber") or ""),
        str(secret),
        tuple(spec.get("filters") or ()),
        bool(spec.get("ttlSecurity")),
        keeps_next_hop(spec),
    )
