"""What must not be lost with a node: the last next hop of a prefix, and etcd's quorum. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubepeer.intent import Node
from kubepeer.intent.families import IPV4, Network, Version
from tasks.cluster.drained import is_drained
from tasks.control_plane import etcd
from tasks.control_plane.etcd import Member
from tasks.platforms.hops import Hop
from tasks.routes.expected import EXCLUDED, ClusterObjects, announced
from tasks.routes.services import LOCAL_POLICY

SPREAD = ": let another node run a pod of it, too (kubectl rollout restart spreads them)"


@dataclass(frozen=True)
class Leaving:
    """A prefix that a node announces as one of many, and not while it is excluded.

    Attributes:
        own: the node's next hops of it.
        rest: those of the other nodes.
        why: what announces it.

    """

    prefix: Network
    own: frozenset[Hop]
    rest: frozenset[Hop]
    why: str = ""


def leaving(
    objects: ClusterObjects, name: str, calico_version: str, families: Collection[Version] = (IPV4,)
) -> tuple[Leaving, ...]:
    """What depends on a node's label: the service networks, and single addresses of services; never its pod blocks.

    Args:
        objects: the live cluster's; whether the node is excluded now does not matter.
        name: of the node in the cluster.
        calico_version: of the inventory.
        families: of the cluster.

    """
    with_it, without = (
        announced(_labelled(objects, name, value), calico_version=calico_version, families=families)
        for value in (None, "true")
    )
    left = {route.prefix: frozenset(map(str, route.next_hops)) for route in without.routes}
    found = []
    for route in with_it.routes:
        rest = left.get(route.prefix, frozenset())
        own = frozenset(map(str, route.next_hops)) - rest
        if own:
            found.append(Leaving(route.prefix, own, rest, route.why))
    return tuple(found)


def with_drained(objects: ClusterObjects) -> ClusterObjects:
    """The cluster as it will be when every drain that has begun is through: whoever is being drained announces no service any more."""
    for node in objects.nodes:
        if is_drained(node):
            objects = _labelled(objects, node["metadata"]["name"], "true")
    return objects


def last_next_hops(routes: Iterable[Leaving]) -> list[str]:
    """Why the cluster would announce a prefix from nowhere without the node: a line each; none where it may go."""
    return [
        f"{one.prefix} ({one.why}) is announced by this node alone{SPREAD if LOCAL_POLICY in one.why else ''}"
        for one in routes
        if not one.rest
    ]


def without_quorum(node: Node, members: Sequence[Member], away: Collection[Node]) -> str:
    """Why etcd would have no quorum while a node is out; "" where it would, and where the node has no member.

    Args:
        node: who is to go.
        members: of etcd.
        away: control planes that are out already: each may be switched off at any moment.

    """
    gone = {member for one in (node, *away) if (member := etcd.of(one, members))}
    own = etcd.of(node, members)
    if own is None or not own.votes:
        return ""
    voters = [member for member in members if member.votes]
    left = [member for member in members if member.works and member not in gone]
    needed = len(voters) // 2 + 1
    if len(left) >= needed:
        return ""
    unwell = [f"{member} does not answer" for member in voters if not member.works and member != own]
    drained = [f"{one.name} is drained" for one in away if etcd.of(one, members) in voters]
    because = f" ({'; '.join((*unwell, *drained))})" if unwell or drained else ""
    return f"of etcd's {len(voters)} members {len(left)} would be left{because}, and its quorum is {needed}"


def _labelled(objects: ClusterObjects, name: str, value: str | None) -> ClusterObjects:
    return replace(objects, nodes=tuple(_with_label(node, name, value) for node in objects.nodes))


def _with_label(node: Mapping[str, Any], name: str, value: str | None) -> Mapping[str, Any]:
    if node["metadata"]["name"] != name:
        return node
    labels = {key: text for key, text in (node["metadata"].get("labels") or {}).items() if key != EXCLUDED}
    if value is not None:
        labels[EXCLUDED] = value
    return {**node, "metadata": {**node["metadata"], "labels": labels}}
