"""Why a cell is red: what nodes and routers say of themselves, matched with the way that its connections take. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tasks.services.judge import SPREAD, Red
from tasks.services.matrix import Source, Target, Workload
from tasks.services.node_state import NodeState, RouterState

NOT_FOUND = "no cause found: ask the nodes' own logs (kube-proxy, calico-node) and what is between them"
MOST = 4  # causes that are named of one cell


@dataclass(frozen=True)
class Way:
    """The nodes that the connections of a red cell may touch.

    Attributes:
        translating: those whose kube-proxy chooses a pod.
        behind: those of the pods that may answer.

    """

    translating: frozenset[str]
    behind: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """All of them."""
        return self.translating | self.behind


def way_of(red: Red, workload: Workload) -> Way:
    """Which nodes a red cell's connections may touch."""
    source, target = red.source, red.cell.target
    behind = workload.nodes_behind(target)
    home = frozenset() if source.kind == "outside" else frozenset({source.host})
    if target.kind == "pod":
        return Way(frozenset(), behind | home)
    if target.node and target.node != source.host:
        return Way(frozenset({target.node}), behind | home)
    if source.kind != "outside":
        return Way(home, behind)
    return Way(behind if target.local else workload.entrances, behind)


def causes(
    red: Red, workload: Workload, nodes: Mapping[str, NodeState], routers: Mapping[str, RouterState]
) -> list[str]:
    """Everything that explains a red cell, the likeliest first; NOT_FOUND alone where nothing does."""
    target = red.cell.target
    if target.service in workload.without:
        return [workload.without[target.service]]
    unready = [pod.name for pod in workload.pods if pod.address == target.address and not pod.ready]
    if target.kind == "pod" and unready:
        return [f"{unready[0]} is not ready"]
    found = [*_of_nodes(red, workload, nodes), *_of_routers(red, routers)]
    return list(dict.fromkeys(found))[:MOST] or [NOT_FOUND]


def _of_nodes(red: Red, workload: Workload, nodes: Mapping[str, NodeState]) -> Iterator[str]:
    way = way_of(red, workload)
    for explain in _EXPLANATIONS:
        for name in sorted(way.all):
            state = nodes.get(name)
            if state is None:
                continue
            if state.unseen:
                if explain is _EXPLANATIONS[0]:
                    yield f"{name} could not be asked: {state.unseen}"
                continue
            yield from (f"{name}: {said}" for said in explain(red, name, state, way))


def _proxy(red: Red, name: str, state: NodeState, way: Way) -> Iterator[str]:
    """Its kube-proxy does not answer, or has no rule for the address."""
    if name not in way.translating or red.check == "mtu":
        return
    known = state.rules_for(red.cell.target)
    if not known:
        rules = f"it has no rule for {red.cell.target.authority}"
        yield rules if state.proxy_answers else f"kube-proxy does not answer, and {rules}"


def _forwarding(red: Red, name: str, state: NodeState, _: Way) -> Iterator[str]:
    """It forwards nothing."""
    from_itself = red.source.kind == "node" and red.source.host == name
    if not state.forwards and not (from_itself and red.cell.target.kind == "pod"):
        yield "net.ipv4.ip_forward is 0"


def _firewall(red: Red, _name: str, state: NodeState, _: Way) -> Iterator[str]:
    """A rule of somebody's drops or rejects, and has met packets."""
    if red.counted.lost or red.counted.echoes == 0 or red.check == SPREAD:
        yield from (f"a firewall rule has met packets: {rule}" for rule in state.drops)


def _masquerade(red: Red, name: str, state: NodeState, way: Way) -> Iterator[str]:
    """A rule before kube-proxy's ends the chain in which it masquerades, or there is none of kube-proxy's."""
    if name in way.translating and red.check != "mtu":
        yield from state.unmasqueraded


def _card(red: Red, _name: str, state: NodeState, _: Way) -> Iterator[str]:
    """Its card takes less than the path should."""
    if red.check == "mtu" and state.mtu and state.mtu < red.counted.size:
        yield f"the MTU of {state.interface} is {state.mtu}, and the path's should be {red.counted.size}"


def _strict(red: Red, _name: str, state: NodeState, _: Way) -> Iterator[str]:
    """It drops what it would not answer by the same card (RFC 3704)."""
    if red.counted.lost or red.check == SPREAD:
        yield from state.strict


def _routes(red: Red, _name: str, state: NodeState, _: Way) -> Iterator[str]:
    """Its way to a pod, or back to the source, is none."""
    if red.counted.lost or red.counted.echoes == 0 or red.check == SPREAD:
        yield from state.lost_ways


Explanation = Callable[[Red, str, NodeState, Way], Iterator[str]]
_EXPLANATIONS: tuple[Explanation, ...] = (_proxy, _forwarding, _routes, _firewall, _masquerade, _card, _strict)


def _of_routers(red: Red, routers: Mapping[str, RouterState]) -> Iterator[str]:
    if red.source.kind != "outside":
        return
    for name, state in sorted(routers.items()):
        if red.check == SPREAD and state.hash_policy == 0 and one_entrance(red):
            yield f"{name} hashes by addresses alone (net.ipv4.fib_multipath_hash_policy is 0): a client enters by one node"
        if red.check == SPREAD or red.counted.lost:
            yield from (f"{name}: {said}" for said in state.wrong_routes)


def one_entrance(red: Red) -> bool:
    """Whether all connections that were answered had one source address."""
    return len(red.counted.seen) == 1


def services(targets: Iterable[Target]) -> list[str]:
    """The service addresses that nodes are asked for rules of."""
    return sorted({target.address for target in targets if target.kind != "pod"})


def origin(source: Source, addresses: Iterable[str]) -> list[str]:
    """The addresses that a node must find its way back to."""
    return [source.pod] if source.pod else sorted(addresses)
