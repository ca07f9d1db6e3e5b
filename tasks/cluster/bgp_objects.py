"""The objects of Calico's BGP, from intent: configuration, filter, one peer a router, and what the nodes themselves have for it. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubepeer import versions
from kubepeer.intent import Intent, Node, Router
from kubepeer.intent.advertisements import advertisements
from kubepeer.intent.between_nodes import way
from kubepeer.intent.families import IPV6
from kubepeer.intent.node_side import FilterRule
from kubepeer.intent.reflectors import reflectors, reflects
from tasks.cluster.api import Manifest
from tasks.cluster.documents import documents
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS

AS_NUMBER = "projectcalico.org/ASNumber"  # libcalico-go, lib/backend/k8s/resources/node.go
LABEL_PREFIX = "router.kubepeer.io/"
LABEL_NAME, DIGEST = (
    63,
    8,
)  # Kubernetes: of a label's name behind its prefix; of a longer one, what tells it from others
SECRET, PASSWORD_KEY = "kubepeer-bgp", "password"
FILTER = "kubepeer-own-blocks"
REFLECTORS = "kubepeer-route-reflectors"
REFLECTOR_LABEL = f"{LABEL_PREFIX}route_reflectors"  # no router's name has an underscore
CLUSTER_ID = "projectcalico.org/RouteReflectorClusterID"  # libcalico-go, lib/backend/k8s/resources/node.go
# Felix's devices for VXLAN, by the family of the pods, and for IP in IP, which is IPv4's alone
TUNNELS = {
    4: {"VXLAN": "vxlan.calico", "VXLANCrossSubnet": "vxlan.calico", "IPIP": "tunl0", "IPIPCrossSubnet": "tunl0"},
    6: {"VXLAN": "vxlan-v6.calico", "VXLANCrossSubnet": "vxlan-v6.calico"},
}
# How a peer is told of a route's next hop, without nextHopMode and with it: the two together are refused (libcalico-go, validator/v3).
NEXT_HOPS = {
    False: {"keep": "keepOriginalNextHop: true"},
    True: {"keep": "nextHopMode: Keep", "self": "nextHopMode: Self"},
}


def bgp(intent: Intent, password: str | None, keys: Mapping[str, str | None] | None = None) -> list[Manifest]:
    """The cluster's side of the sessions: no mesh, one peer a router, the service networks announced by every node.

    Where Calico can say so, a node announces its own blocks alone: a filter keeps back what it has learned from Felix's routes.

    Args:
        intent: the routers and the nodes.
        password: of the sessions, in the Secret's usual key; None for none.
        keys: router -> the Secret's key that its peers refer to while a password is changed, None for no password; not said: the usual one.

    """
    if intent.load_balancer.speaks:
        return []  # Calico's BGP is off
    cluster, calico = intent.cluster, intent.software.calico
    own_blocks = _own_blocks(intent) if versions.has("calico", calico, "BGPFilter.interface") else {}
    further = {
        name: rules
        for router in intent.routers
        if (rules := _rules(intent, router))
        for name in [filter_of(router.name)]
    }
    own = [FILTER] if own_blocks else []
    text = render(
        "cluster/bgp.yaml.j2",
        networks=cluster.networks,
        bgp=cluster.bgp,
        routers=intent.routers,
        selectors={router.name: f"has({label_of(router.name)})" for router in _choosy(intent)},
        filter=FILTER,
        own_blocks=own_blocks,
        further_filters=further,
        filters={
            router.name: [*own, *(name for name in [filter_of(router.name)] if name in further)]
            for router in intent.routers
        },
        own_as_allowed=_own_as_allowed(intent),
        reflectors=REFLECTORS if reflects(intent) else None,
        reflector_label=REFLECTOR_LABEL,
        advertisements=advertisements(intent),
        aggregation=_aggregation(intent),
        next_hops=NEXT_HOPS[versions.has("calico", calico, "BGPPeer.nextHopMode")],
        keepalive=cluster.bgp.asked_keepalive if versions.has("calico", calico, "BGPPeer.keepaliveTime") else None,
        password=password,
        secret=SECRET,
        password_key=PASSWORD_KEY,
        password_keys={router.name: PASSWORD_KEY if password else None for router in intent.routers} | dict(keys or {}),
    )
    return documents(text)


def peers_of(router: Router) -> list[str]:
    """The names of a router's peers, one a family."""
    return [f"{router.name}-peer{'-v6' if address.version == IPV6 else ''}" for address in router.addresses]


def _own_as_allowed(intent: Intent) -> dict[str, int | None]:
    """How often the nodes take their own AS in a path from each router: as the owner says, else as the cure of the one AS needs it."""
    needed = way(intent, PLATFORMS).allowed_own_as
    return {router.name: router.peering.nodes.allowed_local_as or needed for router in intent.routers}


def _aggregation(intent: Intent) -> str | None:
    """Said where the definition has a default of its own: what is not said would be taken away and come back."""
    if not versions.has("calico", intent.software.calico, "BGPConfiguration.serviceLoadBalancerAggregation"):
        return None
    return "Enabled" if intent.cluster.bgp.load_balancer_aggregation else "Disabled"


def filter_of(router: str) -> str:
    """The name of the filter with the owner's further rules for a router."""
    return f"kubepeer-router-{router}"


def _rules(intent: Intent, router: Router) -> Manifest:
    """The owner's rules as a BGPFilter has them, by direction and family; one that names no network is for all families."""
    side = router.peering.nodes
    found: Manifest = {}
    for direction, rules in (("export", side.exports), ("import", side.imports)):
        for rule in rules:
            for version in rule.families(intent.cluster.networks.versions):
                found.setdefault(f"{direction}V{version}", []).append(_rule(rule))
    return found


def _rule(rule: FilterRule) -> Manifest:
    lengths = {"min": rule.min_length, "max": rule.max_length}
    fields = {
        "action": rule.action,
        "cidr": str(rule.cidr) if rule.cidr else None,
        "matchOperator": rule.match if rule.cidr else None,
        "prefixLength": {name: length for name, length in lengths.items() if length is not None},
        "interface": rule.interface,
        "source": rule.source,
        "communities": {"values": [rule.community]} if rule.community else None,
        "asPathPrefix": list(rule.as_path),
    }
    return {name: value for name, value in fields.items() if value}


def _own_blocks(intent: Intent) -> dict[int, list[tuple[str, str]]]:
    """By family, what a node keeps back: a pool's routes by each interface by which Felix's routes to others' blocks leave.

    That is the nodes' own within a subnet, the tunnel's between subnets.
    """
    own = dict.fromkeys(node.interface for node in intent.nodes)
    found: dict[int, list[tuple[str, str]]] = {}
    for family in intent.cluster.networks.families:
        known = TUNNELS[family.version]
        tunnels = {known[pool.encapsulation] for pool in family.pools if pool.encapsulation in known}
        interfaces = [*own, *sorted(tunnels, reverse=True)]
        pools = [str(pool.cidr) for pool in family.pools if pool.announced]
        if pools:
            found[family.version] = [(pool, interface) for pool in pools for interface in interfaces]
    return found


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
    """What a registered node has of ours: an AS of its own, a reflector's cluster id, and labels of routers."""

    own_as: bool = False
    reflects: bool = False
    labels: frozenset[str] = frozenset()


def standing_node(metadata: Mapping[str, Any]) -> StandingNode:
    """Read from a node's metadata."""
    labels = (label for label in metadata.get("labels") or {} if label.startswith(LABEL_PREFIX))
    annotations = metadata.get("annotations") or {}
    return StandingNode(AS_NUMBER in annotations, CLUSTER_ID in annotations, frozenset(labels))


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
        reflector = node in reflectors(intent)
        served |= {REFLECTOR_LABEL} if reflector else set()
        labels = sorted(served | (stands.labels if keep_labels else set()))
        own_as = _has_its_own_as(intent, node)
        if not (labels or stands.labels or own_as or stands.own_as or stands.reflects):
            continue
        metadata: dict[str, Any] = {
            "name": node.full_name,
            "labels": dict.fromkeys(labels, "true"),
            "annotations": {
                **({AS_NUMBER: str(node.as_number)} if own_as else {}),
                **({CLUSTER_ID: str(intent.cluster.bgp.reflector_cluster_id)} if reflector else {}),
            },
        }
        found.append({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    return found


def _has_its_own_as(intent: Intent, node: Node) -> bool:
    return node.as_number != intent.cluster.bgp.as_number
