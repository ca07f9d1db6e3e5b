"""The objects of Calico's BGP, from intent: configuration, filter, one peer a router, and what the nodes themselves have for it. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubepeer import versions
from kubepeer.intent import Intent, Node, Router
from tasks.cluster.api import Manifest
from tasks.cluster.objects import documents
from tasks.linux.templates import render

AS_NUMBER = "projectcalico.org/ASNumber"  # libcalico-go, lib/backend/k8s/resources/node.go
LABEL_PREFIX = "router.kubepeer.io/"
LABEL_NAME, DIGEST = (
    63,
    8,
)  # Kubernetes: of a label's name behind its prefix; of a longer one, what tells it from others
FILTER = "kubepeer-own-blocks"
TUNNELS = {4: "vxlan.calico", 6: "vxlan-v6.calico"}  # Felix's devices for VXLAN, by the family of the pods


def bgp(intent: Intent, password: str | None) -> list[Manifest]:
    """The cluster's side of the sessions: no mesh, one peer a router, the service networks announced by every node.

    Where Calico can say so, a node announces its own blocks alone: a filter keeps back what it has learned from Felix's routes.
    """
    cluster = intent.cluster
    text = render(
        "cluster/bgp.yaml.j2",
        networks=cluster.networks,
        bgp=cluster.bgp,
        routers=intent.routers,
        selectors={router.name: f"has({label_of(router.name)})" for router in _choosy(intent)},
        filter=FILTER,
        interfaces=_interfaces(intent) if versions.has("calico", intent.software.calico, "BGPFilter.interface") else {},
        password=password,
    )
    return documents(text)


def _interfaces(intent: Intent) -> dict[int, list[str]]:
    """Those by which Felix's routes to the blocks of other nodes leave, by the family: the nodes' own in a subnet, else the tunnel's."""
    own = dict.fromkeys(node.interface for node in intent.nodes)
    return {version: [*own, TUNNELS[version]] for version in intent.cluster.networks.versions}


def _choosy(intent: Intent) -> list[Router]:
    """The routers that serve some nodes and not all."""
    return [router for router in intent.routers if intent.peers_of(router) != intent.nodes]


def label_of(router: str) -> str:
    """The label of the nodes that a router serves: a list of names would be too long for a selector (4,096 bytes from Calico 3.32 on)."""
    name = router
    if len(router) > LABEL_NAME:
        digest = hashlib.sha256(router.encode()).hexdigest()[:DIGEST]
        name = f"{router[: LABEL_NAME - DIGEST - 1]}-{digest}"
    return LABEL_PREFIX + name


@dataclass(frozen=True)
class StandingNode:
    """What a registered node has of ours: an AS of its own, and labels of routers."""

    own_as: bool = False
    labels: frozenset[str] = frozenset()


def standing_node(metadata: Mapping[str, Any]) -> StandingNode:
    """Read from a node's metadata."""
    labels = (label for label in metadata.get("labels") or {} if label.startswith(LABEL_PREFIX))
    return StandingNode(AS_NUMBER in (metadata.get("annotations") or {}), frozenset(labels))


def nodes(intent: Intent, standing: Mapping[str, StandingNode], *, keep_labels: bool) -> list[Manifest]:
    """What the nodes themselves have for BGP: the labels of the routers that serve them, and an AS that is not the cluster's.

    Args:
        intent: the nodes.
        standing: the nodes that the cluster has, by full name. One that it does not have (its join has failed) is left out: to apply it
            would make a node out of nothing.
        keep_labels: leave labels that are no longer wanted, while a peer may still refer to them.

    """
    found = []
    for node in intent.nodes:
        stands = standing.get(node.full_name)
        if stands is None:
            continue
        served = {label_of(router.name) for router in _choosy(intent) if router.name in node.routers}
        labels = sorted(served | (stands.labels if keep_labels else set()))
        own_as = _has_its_own_as(intent, node)
        if not (labels or stands.labels or own_as or stands.own_as):
            continue
        metadata: dict[str, Any] = {
            "name": node.full_name,
            "labels": dict.fromkeys(labels, "true"),
            "annotations": {AS_NUMBER: str(node.as_number)} if own_as else {},
        }
        found.append({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    return found


def _has_its_own_as(intent: Intent, node: Node) -> bool:
    return node.as_number != intent.cluster.bgp.as_number
