"""The nodes of an inventory of routers alone, from what the live cluster says. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Network

from kubepeer.errors import InventoryError
from kubepeer.intent import Intent, Node
from kubepeer.intent.rack import Rack
from tasks.adopt.peers import Member, Spoken

FIRST_PRIORITY = 100  # of no meaning here: it is keepalived's


def nodes(intent: Intent, found: Spoken) -> tuple[Node, ...]:
    """The cluster's nodes, with the routers of the inventory that they peer with.

    Args:
        intent: with the routers.
        found: who speaks to whom.

    Raises:
        InventoryError: a node speaks to two routers from two AS, or has the name of a router; or it is not known which nodes a router
            serves, and it would be told to forget some.

    """
    routers = {router.address: router.name for router in intent.routers}
    for address, why in found.unclear.items():
        if address in routers:
            raise InventoryError(
                f"{intent.cluster.name}: which nodes {routers[address]} serves is not known: {why}",
                cure="a selector as Calico's documentation of BGPPeer has it",
            )
    served: dict[str, dict[str, int]] = defaultdict(dict)
    for session in found.sessions:
        if session.peer in routers:
            served[session.node][routers[session.peer]] = session.own_as
    links = sorted({member.link for member in found.members if member.link is not None})
    return tuple(_node(intent, member, served[member.name], links) for member in found.members)


def _node(intent: Intent, member: Member, served: dict[str, int], links: list[IPv4Network]) -> Node:
    name, cluster = member.name.removesuffix(f".{intent.cluster.own_domain or ''}"), intent.cluster
    if len(set(served.values())) > 1:
        to = ", ".join(f"from AS {own} to {router}" for router, own in served.items())
        raise InventoryError(f"{cluster.name}: node {name} speaks {to}: an inventory has one AS a node")
    if name in (router.name for router in intent.routers):
        raise InventoryError(
            f"{cluster.name}: {name} is the name of a node of the cluster and of a router of the inventory",
            cure="another name for the router",
        )
    rack = None
    if len(links) > 1 and member.link is not None:
        rack = Rack(name=str(member.link).replace("/", "-"), network=member.link)
    return Node(
        name=name,
        full_name=member.name,
        address=member.address,
        role="control_plane" if member.control_plane else "worker",
        interface="",
        priority=FIRST_PRIORITY,
        as_number=next(iter(served.values()), cluster.bgp.as_number),
        routers=tuple(router.name for router in intent.routers if router.name in served),
        routers_said=True,
        rack=rack,
    )


def differences(intent: Intent, found: Spoken) -> Iterator[str]:
    """Where the inventory says another thing of a router or of the cluster's AS than the cluster: a line each."""
    by_address = {router.address: router for router in intent.routers}
    own = {session.own_as for session in found.sessions if session.peer in by_address}
    if len(own) == 1 and intent.cluster.bgp.as_number not in own:
        yield (
            f"the nodes are in AS {own.pop()}, and cluster.bgp.as_number is {intent.cluster.bgp.as_number}: what the cluster says counts"
        )
    told: dict[str, set[int]] = defaultdict(set)
    for session in found.sessions:
        router = by_address.get(session.peer)
        if router and session.peer_as is not None and session.peer_as != router.as_number:
            told[router.name].add(session.peer_as)
    for name, numbers in told.items():
        yield (
            f"{name}: the cluster's BGPPeer says AS {' and '.join(map(str, sorted(numbers)))} of it, the inventory"
            f" {intent.router(name).as_number}: no session comes of that"
        )
