"""What must not go with a node: the last of its kind, and etcd's quorum. Pure."""

from collections.abc import Collection, Iterator, Sequence

from kubepeer.intent import Intent, Node
from tasks.control_plane import etcd
from tasks.control_plane.etcd import Member


def reasons(intent: Intent, node: Node, registered: Collection[str]) -> Iterator[str]:
    """Why a node may not be removed, whatever etcd says.

    Args:
        intent: of the whole inventory.
        node: who is to go.
        registered: the names of the nodes that the cluster has.

    """
    others = [one for one in intent.nodes if one != node]
    if not {*registered} - {node.full_name}:
        yield "it is the last node of the cluster"
    elif node.role == "control_plane" and not any(
        one.role == node.role and one.full_name in registered for one in others
    ):
        yield "it is the last control plane"
    for name in node.routers:
        if not any(name in one.routers for one in others):
            yield f"{name} serves no other node: take the router out of the inventory first, or give it another node"
    if node.route_reflector and not any(one.route_reflector for one in others):
        yield "it is the last route reflector: name another one first (data.route_reflector)"


def without_quorum(node: Node, members: Sequence[Member], away: Collection[Node]) -> str:
    """Why etcd cannot let a member go; "" where it can, and where the node has none (any more).

    Two majorities are needed: the members that there are agree that one goes, and those that are left live on.

    Args:
        node: who is to go; its own member may be dead.
        members: of etcd.
        away: other control planes that are drained: each may be switched off at any moment.

    """
    own = etcd.of(node, members)
    if own is None:
        return ""
    drained = {member: one for one in away if (member := etcd.of(one, members)) and member.votes}
    voters = [one for one in members if one.votes]
    working = [one for one in voters if one.works and one not in drained]
    left, left_working = [one for one in voters if one != own], [one for one in working if one != own]
    unwell = [f"{one} does not answer" for one in voters if not one.works]
    because = "; ".join((*unwell, *(f"{one.name} is drained" for one in drained.values())))
    said = f" ({because})" if because else ""
    needed, needed_then = len(voters) // 2 + 1, len(left) // 2 + 1
    if not left:
        return "etcd would have no member left"
    if len(working) < needed:
        return f"of etcd's {len(voters)} members {len(working)} answer{said}, and {needed} must agree that one goes"
    if len(left_working) < needed_then:
        return f"of the {len(left)} members of etcd that would be left {len(left_working)} answer{said}, and its quorum is {needed_then}"
    return ""


def even(intent: Intent) -> str:
    """What an even number of control planes means, of the intent without the node; "" where it is odd."""
    count = len(intent.control_planes)
    if count % 2:
        return ""
    return (
        f"{count} control planes are left, and etcd survives the loss of {(count - 1) // 2} of them: an inventory with an even number is"
        " refused, so name another control plane in its place"
    )
