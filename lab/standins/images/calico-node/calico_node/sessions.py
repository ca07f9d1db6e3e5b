"""Which BGP sessions a node holds."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from calico_node.bgp import PasswordReference, Peer, Settings
from calico_node.family import Address
from calico_node.filters import Filter
from calico_node.resources import DEFAULT_PORT, Node
from calico_node.selector import parse

DEFAULT_RESTART_SECONDS = 120  # what BIRD announces by itself, and Calico's template for the mesh


@dataclass(frozen=True)
class Session:
    """One `protocol bgp` of BIRD, in the order and under the names of Calico's templates."""

    kind: str
    address: Address
    port: int | None
    as_number: int
    source: Address | None
    password: str | None
    restart_seconds: int
    next_hop: str
    allowed_local_as_numbers: int | None
    ttl_security_hops: int | None
    passive: bool
    is_same_as: bool
    reachable_by: Address | None = None
    filters: tuple[Filter, ...] = ()
    cluster_id: str = ""
    """Ours, where the other end is a client of ours as a route reflector."""

    @property
    def name(self) -> str:
        """Name the protocol as confd does: `Global_10_31_254_253`, `Global_fd00_10_31__254_253`."""
        suffix = f"_port_{self.port}" if self.port and self.kind != "Mesh" else ""
        return f"{self.kind}_{re.sub('[.:]', '_', str(self.address))}{suffix}"


@dataclass(frozen=True)
class Speaker:
    """A node among all nodes, and what it needs to know to set its sessions up."""

    node: Node
    nodes: tuple[Node, ...]
    settings: Settings
    passwords: Mapping[PasswordReference, str]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    router_id: str = ""
    """Where it is not the address: BIRD's of IPv6 takes the one of IPv4."""

    @property
    def address(self) -> Address:
        """Give the address from which the node speaks BGP."""
        if self.node.address is None:
            raise ValueError(f"node {self.node.name} has no address yet")
        return self.node.address.ip

    @property
    def as_number(self) -> int:
        """Give the node's own AS number."""
        return self.node.as_number or self.settings.as_number


def sessions(speaker: Speaker, peers: Iterable[Peer]) -> list[Session]:
    """List the sessions: the mesh, then those of all nodes, then the node's own.

    Where several of them lead to one address the more specific one stands: BIRD cannot hold two sessions with one
    neighbour from one address.
    """
    global_first = sorted(peers, key=lambda peer: not peer.is_global)
    found: dict[tuple[Address, int], Session] = {}
    for session in (*_mesh(speaker), *_from_peers(speaker, global_first)):
        key = (session.address, session.port or DEFAULT_PORT)
        if session.address != speaker.address:
            found.pop(key, None)
            found[key] = session
    return list(found.values())


def _mesh(speaker: Speaker) -> Iterator[Session]:
    """Speak to every other node; the lower address calls, so that the two never call at once."""
    settings = speaker.settings
    if not settings.mesh:
        return
    for other in speaker.nodes:
        if other.name == speaker.node.name or other.address is None:
            continue
        yield Session(
            kind="Mesh",
            address=other.address.ip,
            port=settings.listen_port,
            as_number=other.as_number or settings.as_number,
            source=speaker.address,
            password=_password(speaker, settings.mesh_password),
            restart_seconds=settings.mesh_restart_seconds or DEFAULT_RESTART_SECONDS,
            next_hop="",
            allowed_local_as_numbers=None,
            ttl_security_hops=None,
            passive=int(other.address.ip) > int(speaker.address),
            is_same_as=(other.as_number or settings.as_number) == speaker.as_number,
        )


def _from_peers(speaker: Speaker, peers: Iterable[Peer]) -> Iterator[Session]:
    for peer in peers:
        if peer.peer_selector:
            for other in _selected_nodes(speaker, peer):
                if other.address is not None:
                    as_number = other.as_number or speaker.settings.as_number
                    yield _session(speaker, peer, other.address.ip, as_number)
        elif peer.address is not None and _selects(peer, speaker.node):
            yield _session(speaker, peer, peer.address, peer.as_number or speaker.settings.as_number)


def _selected_nodes(speaker: Speaker, peer: Peer) -> list[Node]:
    """List the other ends of a BGPPeer with a peerSelector: it is held by both, whichever of them it was written for."""
    at_the_other_end = parse(peer.peer_selector)
    me = speaker.node
    return [
        other
        for other in speaker.nodes
        if other.name != me.name
        and (
            (_selects(peer, me) and at_the_other_end(other.labels))
            or (_selects(peer, other) and at_the_other_end(me.labels))
        )
    ]


def _selects(peer: Peer, node: Node) -> bool:
    if peer.node:
        return peer.node == node.name
    return parse(peer.node_selector)(node.labels)


def _session(speaker: Speaker, peer: Peer, address: Address, as_number: int) -> Session:
    is_same_as = as_number == speaker.as_number
    other_end = next((one for one in speaker.nodes if one.address is not None and one.address.ip == address), None)
    return Session(
        kind="Global" if peer.is_global else "Node",
        address=address,
        port=peer.port or (speaker.settings.listen_port if other_end else None),
        as_number=as_number,
        source=speaker.address if peer.from_node_address else None,
        password=_password(speaker, peer.password),
        restart_seconds=peer.restart_seconds or DEFAULT_RESTART_SECONDS,
        next_hop=_next_hop(peer, is_same_as=is_same_as),
        allowed_local_as_numbers=peer.allowed_local_as_numbers,
        ttl_security_hops=peer.ttl_security_hops,
        passive=False,
        is_same_as=is_same_as,
        reachable_by=peer.reachable_by,
        filters=tuple(speaker.filters[name] for name in peer.filters if name in speaker.filters),
        cluster_id=_cluster_id(speaker, other_end) if is_same_as else "",
    )


def _cluster_id(speaker: Speaker, other_end: Node | None) -> str:
    """Whoever is of another cluster of reflectors, or none, is a client; one of the same is not (confd's template, bird.cfg)."""
    own = speaker.node.cluster_id
    return own if other_end is None or other_end.cluster_id != own else ""


def _next_hop(peer: Peer, *, is_same_as: bool) -> str:
    """Say which next hop is told: keepOriginalNextHop counts for other AS numbers alone, nextHopMode always."""
    if peer.next_hop_mode in ("Self", "Keep"):
        return peer.next_hop_mode.lower()
    return "keep" if peer.keep_next_hop and not is_same_as else ""


def _password(speaker: Speaker, reference: PasswordReference | None) -> str | None:
    """Find a password; where it cannot be read Calico speaks without one, and so the session stays down."""
    return speaker.passwords.get(reference) if reference else None
