"""Whether a node's own table leads to the pod blocks of all other nodes. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network

from rich.text import Text

from kubepeer.checks import Finding
from kubepeer.intent.between_nodes import Cure, Way
from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version, within
from kubepeer.outcome import PhaseOutcome
from tasks.linux.observe import Answer
from tasks.platforms import kernel, kernel_questions
from tasks.platforms.seen import KernelRoute
from tasks.routes.expected import Announced

CHECK = "pod routes"
SUBJECT = "pod blocks of the other nodes"
NAMES: Mapping[Version, str] = {IPV4: "routes", IPV6: "routes6"}  # of the questions
EVERYTHING: Mapping[Version, Network] = {IPV4: ip_network("0.0.0.0/0"), IPV6: ip_network("::/0")}
NOWHERE = frozenset({"blackhole", "unreachable", "prohibit", "throw"})
CAUSES: Mapping[Cure, str] = {
    "vxlan": "Felix has not put it there: the log of calico-node on this node, and whether the other one is Ready",
    "route_reflectors": "no reflector has told it: its sessions with the nodes that have the label router.kubepeer.io/route_reflectors",
    "as_per_node": "no router has told it: show what it advertises to this node, and the node's own AS in the path",
    "default_route": "there is no default route: data.peering.default_route of its routers, or the machine's own",
    "as_override": "no router has told it, or with the nodes' AS in the path: as-override of the router, and its filter out",
    "allowas_in": "no router has told it, or the node did not take its own AS in the path: numAllowedLocalASNumbers of the BGPPeer",
}
Table = Mapping[Network, Sequence[KernelRoute]]


def questions(versions: Iterable[Version]) -> dict[str, str]:
    """What a node is asked: all its routes of these families."""
    return {NAMES[one]: kernel_questions.routes_question(EVERYTHING[one]) for one in versions}


def blocks_of_others(announced: Announced, own: Iterable[Address], pods: Sequence[Network]) -> list[Network]:
    """The pod blocks that a node must have a way to: those that another one announces, and it does not.

    Args:
        announced: what the cluster announces.
        own: the node's addresses.
        pods: the pods' networks.

    """
    addresses = frozenset(own)
    return [
        route.prefix
        for route in announced.routes
        if not route.next_hops & addresses and any(within(route.prefix, network) for network in pods)
    ]


def finding(
    host: str, answers: Mapping[str, Answer], blocks: Sequence[Network], pods: Sequence[Network], way: Way
) -> Finding:
    """The node's table leads to every other node's pod block.

    Passes   for each block there is a route of its own or of a network of pods; where the way is a default route, a shorter one is enough.
    Fails    a block without one, or with one that drops (blackhole, unreachable): its pods are not reached from this node's.

    Args:
        host: the node.
        answers: to questions.
        blocks: blocks_of_others.
        pods: the pods' networks.
        way: how nodes reach each other's pods.

    Raises:
        CommandError: the node's routes cannot be read.

    """
    table = {
        prefix: routes
        for version, name in NAMES.items()
        if name in answers
        for prefix, routes in kernel.read_routes([answers[name]], version=version).items()
    }
    if way.cure != "default_route":  # what is shorter than the pods' networks is the machine's own way out
        table = {prefix: routes for prefix, routes in table.items() if any(within(prefix, one) for one in pods)}
    leads = {block: _leads(table, block) for block in blocks}
    missing = tuple(str(block) for block, there in leads.items() if not there)
    return Finding(
        host,
        CHECK,
        SUBJECT,
        "kernel",
        not missing,
        tuple(map(str, blocks)),
        tuple(str(block) for block, there in leads.items() if there),
        missing,
        reason=f"no way to {', '.join(missing)}: {CAUSES[way.cure]}" if missing else "",
    )


def _leads(table: Table, block: Network) -> bool:
    """By the longest prefix that holds the block, and of its routes that of the lowest metric."""
    holding = [prefix for prefix in table if within(block, prefix)]
    if not holding:
        return False
    taken = min(table[max(holding, key=lambda prefix: prefix.prefixlen)], key=lambda route: route.metric)
    return not taken.hops & NOWHERE


def lines(outcomes: Sequence[PhaseOutcome], way: Way) -> Iterator[Text]:
    """How pods reach each other across nodes, in one line; and each node that lacks a way."""
    found = [
        one for outcome in outcomes for host in outcome.hosts.values() for one in host.findings if one.check == CHECK
    ]
    wrong = [one for one in found if not one.ok]
    proved = f"; proved on {len(found)} nodes" if found and not wrong else ""
    yield Text(f" i pods across nodes: {way}{proved}", style="dim")
    for one in wrong:
        yield Text(f" x {one.host}  {one.reason}", style="red")
