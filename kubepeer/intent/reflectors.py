"""Route reflectors among the nodes (RFC 4456), and what they may not contradict. Pure.

They tell the nodes of each other's pod blocks by internal BGP, in the place of a mesh; routers peer with the nodes as ever.
"""

from collections.abc import Iterator

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent, Node

KEY = "cluster.bgp.topology"


def reflectors(intent: Intent) -> tuple[Node, ...]:
    """The nodes that reflect; none where the topology has none."""
    return tuple(node for node in intent.nodes if node.route_reflector) if reflects(intent) else ()


def reflects(intent: Intent) -> bool:
    """Whether the cluster has route reflectors."""
    return intent.cluster.bgp.topology == "route_reflectors"


def of_reflectors(intent: Intent) -> Iterator[Contradiction]:
    """Reflectors without a topology that has them, and the other way round; nodes that they could not reflect to."""
    named = [node for node in intent.nodes if node.route_reflector]
    if not reflects(intent):
        for node in named[:1]:
            yield Contradiction(
                f"there are no route reflectors: {KEY} is {intent.cluster.bgp.topology}",
                host=node.name,
                key="route_reflector",
                cure=f"{KEY}: route_reflectors, or leave it out",
            )
        return
    if not named:
        yield Contradiction(
            "route_reflectors, and no node is one", key=KEY, cure="data.route_reflector: true of two nodes or more"
        )
    for node in intent.nodes:
        if node.as_number != intent.cluster.bgp.as_number:
            yield Contradiction(
                f"AS {node.as_number}, and route reflectors are of internal BGP: all nodes are in AS {intent.cluster.bgp.as_number}",
                host=node.name,
                key="rack.as_number" if node.rack and node.rack.as_number == node.as_number else "as_number",
                cure=f"leave as_number out, or {KEY}: routers",
            )
            return
