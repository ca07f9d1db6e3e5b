"""Which nodes of a live cluster speak BGP, from which AS, and to which addresses, by Calico's objects or by MetalLB's. Pure.

Calico (libcalico-go: api/pkg/apis/projectcalico/v3/bgppeer.go; node: pkg/lifecycle/startup, confd/pkg/backends/calico/bgp_processor.go):
a BGPPeer is of the node that it names, of those that its nodeSelector takes, or of all; a node's AS is that of its annotation, else that
of BGPConfiguration default, else 64512; localASNumber of a peer comes before both.
MetalLB (api/v1beta2/bgppeer_types.go): of the nodes that one of its nodeSelectors takes, or of all; with myASN.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address
from typing import Any

from kubepeer.intent.families import IPV4
from tasks.adopt.selectors import SelectorError, selector
from tasks.routes.expected import CALICO_ADDRESSES, PEER_IP, bgp_address
from tasks.routes.label_selectors import any_matches

Manifest = Mapping[str, Any]
OWN_AS = "projectcalico.org/ASNumber"  # libcalico-go, lib/backend/k8s/resources/node.go
DEFAULT_AS = 64512  # calico: BGPConfiguration.asNumber where none is said
CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


@dataclass(frozen=True)
class Speaking:
    """The objects of a live cluster that say who speaks to whom, as its API gives them.

    Attributes:
        metallb: its BGPPeers; of Calico's where there are none.

    """

    nodes: tuple[Manifest, ...] = ()
    bgp_configuration: Manifest | None = None
    calico: tuple[Manifest, ...] = ()
    metallb: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class Session:
    """One that a node has with an address that is no node's."""

    node: str
    own_as: int
    peer: IPv4Address
    peer_as: int | None
    by: str  # the BGPPeer's name


@dataclass(frozen=True)
class Member:
    """A node of the cluster.

    Attributes:
        link: the network of its address; None where the cluster does not say.

    """

    name: str
    address: IPv4Address
    link: IPv4Network | None
    control_plane: bool


@dataclass(frozen=True)
class Spoken:
    """Who speaks to whom.

    Attributes:
        unread: what could not be taken into account, a line each.
        unclear: for an address the peers of which it is not known whose they are.

    """

    members: tuple[Member, ...]
    sessions: tuple[Session, ...]
    unread: tuple[str, ...] = ()
    unclear: Mapping[IPv4Address, str] = field(default_factory=dict)


def spoken(objects: Speaking, *, speakers: bool) -> Spoken:
    """Who speaks to whom.

    Args:
        objects: the live cluster's.
        speakers: MetalLB's speakers are meant, and not Calico.

    """
    members = tuple(member for node in objects.nodes if (member := _member(node)))
    unread: list[str] = []
    unclear: dict[IPv4Address, str] = {}
    found = _of_metallb(objects, unread) if speakers else _of_calico(objects, unread, unclear)
    addresses = {member.address for member in members}
    known = {member.name for member in members}
    sessions = (one for one in found if one.peer not in addresses and one.node in known)
    every = tuple(dict.fromkeys(sessions))  # before what was unread: it is read as they are made
    return Spoken(members, every, tuple(dict.fromkeys((*unread, *unclear.values()))), unclear)


def cluster_as(configuration: Manifest | None) -> int:
    """The AS of nodes that have none of their own."""
    return int(((configuration or {}).get("spec") or {}).get("asNumber") or DEFAULT_AS)


def _member(node: Manifest) -> Member | None:
    address = bgp_address(node, IPV4)
    if not isinstance(address, IPv4Address):
        return None
    metadata = node["metadata"]
    labels, annotation = metadata.get("labels") or {}, _annotations(node).get(CALICO_ADDRESSES[IPV4], "")
    link = IPv4Interface(annotation).network if "/" in annotation else None
    return Member(metadata["name"], address, link, any(label in labels for label in CONTROL_PLANE))


def _annotations(node: Manifest) -> Mapping[str, str]:
    found: Mapping[str, str] = node["metadata"].get("annotations") or {}
    return found


def _of_calico(objects: Speaking, unread: list[str], unclear: dict[IPv4Address, str]) -> Iterator[Session]:
    of_all = cluster_as(objects.bgp_configuration)
    for peer in objects.calico:
        name, spec = peer["metadata"]["name"], peer["spec"]
        address = _peer_address(spec)
        if address is None:
            if spec.get("peerIP") and ":" not in str(spec["peerIP"]).partition(".")[0]:
                unread.append(f"BGPPeer {name}: peerIP {spec['peerIP']} is no address")
            continue
        if ":" in str(spec["peerIP"]):
            unread.append(f"BGPPeer {name}: its port, {spec['peerIP']}: routers are taken to listen on port 179")
        try:
            takes = selector(str(spec.get("nodeSelector") or ""))
        except SelectorError as error:
            unclear[address] = f"BGPPeer {name}: its nodeSelector cannot be read: {error}"
            continue
        for node in objects.nodes:
            metadata = node["metadata"]
            if metadata["name"] == spec["node"] if spec.get("node") else takes(metadata.get("labels") or {}):
                own = spec.get("localASNumber") or _annotations(node).get(OWN_AS) or of_all
                yield Session(metadata["name"], int(own), address, _as(spec.get("asNumber")), name)


def _peer_address(spec: Manifest) -> IPv4Address | None:
    named = PEER_IP.fullmatch(str(spec.get("peerIP") or ""))
    address = ip_address(named[1] or named[2]) if named else None
    return address if isinstance(address, IPv4Address) else None


def _as(value: object) -> int | None:
    """A number, or a text with one: v3 takes asdot, too (RFC 5396)."""
    high, dot, low = str(value or "").partition(".")
    if not high.isdecimal() or (dot and not low.isdecimal()):
        return None
    return (int(high) << 16) + int(low) if dot else int(high)


def _of_metallb(objects: Speaking, unread: list[str]) -> Iterator[Session]:
    for peer in objects.metallb:
        name, spec = peer["metadata"]["name"], peer["spec"]
        try:
            address = ip_address(str(spec.get("peerAddress") or ""))
        except ValueError:
            unread.append(f"BGPPeer {name}: it has no peerAddress")
            continue
        if not isinstance(address, IPv4Address):
            continue
        if spec.get("peerPort") not in (None, 179):
            unread.append(f"BGPPeer {name}: its port, {spec['peerPort']}: routers are taken to listen on port 179")
        selectors = spec.get("nodeSelectors") or ()
        for node in objects.nodes:
            if not selectors or any_matches(selectors, node["metadata"].get("labels") or {}):
                own = int(spec["myASN"])
                yield Session(node["metadata"]["name"], own, address, _as(spec.get("peerASN")), name)
