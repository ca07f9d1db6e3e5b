"""What a live cluster tells for an inventory of its routers, and what it does not know. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from kubepeer.errors import RefusedError
from kubepeer.intent.as_numbers import is_free
from tasks.adopt import networks
from tasks.adopt.peers import Manifest, Session, Speaking, Spoken, cluster_as, spoken
from tasks.routes.expected import keeps_next_hop

LEFT_OUT = "it is left out"
CALICO_ALONE = "both Calico and MetalLB have BGPPeers for routers: this inventory is of Calico's; of MetalLB's an inventory of its own"


@dataclass(frozen=True)
class ClusterSeen:
    """The objects of a live cluster that are looked at, as its API gives them."""

    speaking: Speaking
    ip_pools: tuple[Manifest, ...] = ()
    installation: Manifest | None = None
    address_pools: tuple[Manifest, ...] = ()  # MetalLB's
    advertisements: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class FoundRouter:
    """An address that nodes peer with, and what the cluster's BGPPeers say of it."""

    name: str
    address: IPv4Address
    as_number: int


@dataclass(frozen=True)
class Found:
    """What the cluster says.

    Attributes:
        speakers: MetalLB speaks, and not Calico.
        cluster: the section `cluster`, without its name and where its API is.
        load_balancer: the section of that name.
        unknown: what could not be known, or is not modelled: a line each.

    """

    speakers: bool
    cluster: Mapping[str, Any]
    load_balancer: Mapping[str, Any]
    routers: tuple[FoundRouter, ...]
    unknown: tuple[str, ...] = field(default=())


def found(seen: ClusterSeen) -> Found:
    """All of it.

    Raises:
        RefusedError: no node speaks BGP to anybody that is no node.

    """
    by_metallb = spoken(seen.speaking, speakers=True)
    by_calico = Spoken((), ()) if _calico_is_silent(seen) else spoken(seen.speaking, speakers=False)
    speakers = not by_calico.sessions
    who = by_metallb if speakers else by_calico
    if not who.sessions:
        raise _silent(seen)
    unknown = list(who.unread)
    if by_calico.sessions and by_metallb.sessions:
        unknown.append(CALICO_ALONE)
    section = networks.of_metallb(seen.address_pools) if speakers else networks.of_calico(seen.speaking, seen.ip_pools)
    nodes = networks.of_nodes(who.members)
    unknown += [*nodes.unknown, *section.unknown]
    of_own = sorted({session.own_as for session in who.sessions})
    own_as = cluster_as(seen.speaking.bgp_configuration)
    own_as = own_as if own_as in of_own else of_own[0]
    routers = tuple(_routers(who, unknown))
    bgp = {"as_number": own_as, **section.bgp, **_times(seen, unknown, speakers=speakers)}
    public = sorted({one for one in (*of_own, own_as, *(router.as_number for router in routers)) if not is_free(one)})
    bgp |= {"public_as_numbers": public} if public else {}
    domain = networks.domain([member.name for member in who.members])
    unknown += _of_peers(seen, speakers=speakers)
    unknown += _far(routers, who)
    unknown += () if speakers else _selves(seen, routers, who)
    return Found(
        speakers=speakers,
        cluster={
            **({"domain": domain} if domain else {}),
            "networks": {"nodes": str(nodes.network), **section.networks},
            "bgp": bgp,
        },
        load_balancer=_load_balancer(seen, speakers=speakers),
        routers=routers,
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _calico_is_silent(seen: ClusterSeen) -> bool:
    """Whether its operator is told to leave BGP off: BGPPeers may be left from before (api/v1/installation_types.go, BGPOption)."""
    network = ((seen.installation or {}).get("spec") or {}).get("calicoNetwork") or {}
    return bool(network.get("bgp") == "Disabled")


def _silent(seen: ClusterSeen) -> RefusedError:
    if _calico_is_silent(seen):
        why = "Calico's BGP is off (Installation default: calicoNetwork.bgp: Disabled), and MetalLB has no BGPPeer"
    elif seen.speaking.calico or seen.speaking.metallb:
        why = "its BGPPeers are of its own nodes, or take none of them"
    elif seen.speaking.bgp_configuration or seen.ip_pools:
        why = "Calico has no BGPPeer, and MetalLB has none"
    else:
        why = "neither Calico nor MetalLB is there"
    return RefusedError(
        f"no node of this cluster speaks BGP to a router: {why}. Nothing was written.",
        cure="a BGPPeer for each router; what is not announced by BGP is none of Kubepeer's",
    )


def _routers(who: Spoken, unknown: list[str]) -> Iterator[FoundRouter]:
    by_address: dict[IPv4Address, list[Session]] = {}
    for session in who.sessions:
        by_address.setdefault(session.peer, []).append(session)
    for address, sessions in sorted(by_address.items()):
        names = sorted({session.by for session in sessions})
        numbers = sorted({session.peer_as for session in sessions if session.peer_as is not None})
        if len(numbers) != 1:
            said = " and ".join(map(str, numbers)) or "no number"
            unknown.append(f"{address}: its AS: BGPPeer {', '.join(names)} says {said}; {LEFT_OUT}")
        elif any(session.own_as == numbers[0] for session in sessions):
            unknown.append(
                f"{address} (BGPPeer {', '.join(names)}) is in AS {numbers[0]}, the nodes' own: internal BGP with routers is not modelled;"
                f" {LEFT_OUT}"
            )
        else:
            yield FoundRouter(_name(names[0], address), address, numbers[0])


def _name(peer: str, address: IPv4Address) -> str:
    """Of a BGPPeer's name what may be a router's: objects are often called after it, with a word behind."""
    for ending in ("-bgppeer", "-bgp-peer", "-peer"):
        peer = peer.removesuffix(ending)
    return peer if peer and peer not in ("default", "peer", "bgppeer") else f"router-{str(address).replace('.', '-')}"


def _times(seen: ClusterSeen, unknown: list[str], *, speakers: bool) -> dict[str, int]:
    """Keepalive and hold time, where the peers say them, and all the same."""
    peers = seen.speaking.metallb if speakers else seen.speaking.calico
    keys = {"keepalive_seconds": "keepaliveTime", "hold_seconds": "holdTime"}
    read = {key: {networks.seconds(peer["spec"].get(name)) for peer in peers} for key, name in keys.items()}
    times = {key: value for key, values in read.items() if len(values) == 1 for value in values if value}
    if len(times) < len(keys):
        unknown.append(
            "the routers' timers (cluster.bgp.keepalive_seconds, hold_seconds, connect_seconds): until they are said none are judged,"
            " and deploy.py writes 60, 180 and 10 s"
        )
    return times


def _of_peers(seen: ClusterSeen, *, speakers: bool) -> Iterator[str]:
    """What the peers say that has no key here, or is a secret."""
    peers = seen.speaking.metallb if speakers else seen.speaking.calico
    secrets = sorted({name for peer in peers if (name := _secret(peer["spec"]))})
    if secrets:
        yield (
            f"the password of the sessions (Secret {', '.join(secrets)}, which is not read):"
            " the key password under cluster.bgp says where it comes from"
        )
    filters = sorted({name for peer in peers for name in peer["spec"].get("filters") or ()})
    if filters:
        yield f"BGPFilter {', '.join(filters)}: what nodes filter is not modelled; a route that one keeps back is told as missing"
    for peer in peers:
        for key, meaning in _UNMODELLED.items():
            if peer["spec"].get(key):
                yield f"BGPPeer {peer['metadata']['name']}: {key} ({peer['spec'][key]}): {meaning}"


_UNMODELLED = {
    "ttlSecurity": "data.peering.ttl_security of the router, if it asks for it, too",
    "ebgpMultiHop": "data.peering.multihop of the router has the number of hops",
    "vrf": "of the node's side; data.peering.vrf is the router's",
    "bfdProfile": "data.peering.bfd of the router, if it speaks BFD, too",
    "numAllowedLocalASNumbers": "cluster.bgp.between_nodes, if routers tell nodes of each other's pods",
}


def _secret(spec: Manifest) -> str:
    calico = ((spec.get("password") or {}).get("secretKeyRef") or {}).get("name")
    return str(calico or (spec.get("passwordSecret") or {}).get("name") or "")


def _far(routers: Iterable[FoundRouter], who: Spoken) -> Iterator[str]:
    links: set[IPv4Network] = {member.link for member in who.members if member.link is not None}
    for router in routers:
        if links and not any(router.address in link for link in links):
            yield f"{router.name}: {router.address} is on no link of the nodes: data.peering.multihop has the number of hops"


def _selves(seen: ClusterSeen, routers: Iterable[FoundRouter], who: Spoken) -> Iterator[str]:
    """Calico's peers by which a node puts itself before other nodes' pod blocks; a filter may keep it from that."""
    addresses = {router.address for router in routers}
    names = {session.by for session in who.sessions if session.peer in addresses}
    specs = {peer["metadata"]["name"]: peer["spec"] for peer in seen.speaking.calico}
    selves = sorted(name for name in names if not keeps_next_hop(specs[name]) and not specs[name].get("filters"))
    if selves:
        yield (
            f"BGPPeer {', '.join(selves)}: neither keepOriginalNextHop: true nor nextHopMode: Keep: what a node tells of other nodes' pod"
            " blocks leads to itself, which is told as wrong where a router uses it"
        )


def _load_balancer(seen: ClusterSeen, *, speakers: bool) -> Mapping[str, Any]:
    if not speakers:
        return {"provider": "none"}  # whoever gives the addresses: Calico announces them
    lengths = [one["spec"].get("aggregationLength") or networks.ALONE for one in seen.advertisements]
    shortest = min(lengths, default=networks.ALONE)
    said = {} if shortest == networks.ALONE else {"aggregation_length": shortest}
    return {"provider": "metallb", "announced_by": "metallb", **said}
