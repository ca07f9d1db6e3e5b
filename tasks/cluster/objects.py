"""The objects that the cluster should hold, from intent and from the projects' own manifests. Pure."""

from collections.abc import Mapping

import yaml

from kubepeer.intent import Intent, Node
from tasks.cluster.api import Manifest
from tasks.linux.templates import render

AS_NUMBER = "projectcalico.org/ASNumber"  # libcalico-go, lib/backend/k8s/resources/node.go
# Calico speaks BGP for the load balancer's addresses: a second speaker, or an agent that answers ARP for them, is not wanted
UNWANTED = {("DaemonSet", "lbnodeagent"), ("LBNodeAgent", "default")}


def documents(text: str) -> list[Manifest]:
    """The objects of a YAML file, lists taken apart."""
    found: list[Manifest] = []
    for document in yaml.load_all(text, Loader=_LOADER):
        if document:
            found.extend(document["items"] if document.get("kind") == "List" else [document])
    return found


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it: ten times faster


def calico(intent: Intent) -> list[Manifest]:
    """What the operator is told to install."""
    return documents(render("cluster/calico.yaml.j2", networks=intent.cluster.networks))


def bgp(intent: Intent, password: str | None) -> list[Manifest]:
    """The cluster's side of the sessions: no mesh, one peer a router, the service networks announced by every node."""
    cluster = intent.cluster
    served = {
        router.name: [f"'{node.full_name}'" for node in intent.peers_of(router)]
        for router in intent.routers
        if intent.peers_of(router) != intent.nodes
    }
    text = render(
        "cluster/bgp.yaml.j2",
        networks=cluster.networks,
        bgp=cluster.bgp,
        routers=intent.routers,
        served=served,
        password=password,
    )
    return documents(text)


def as_numbers(intent: Intent, standing: Mapping[str, bool]) -> list[Manifest]:
    """The nodes whose AS is not the cluster's, or was not: Calico keeps a node's own AS in an annotation of it.

    Args:
        intent: the nodes.
        standing: full names of the nodes that the cluster has, and whether each bears the annotation now. One that it does not have (its
            join has failed) is left out: to apply it would make a node out of nothing.

    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": node.full_name,
                "annotations": {AS_NUMBER: str(node.as_number)} if _has_its_own_as(intent, node) else {},
            },
        }
        for node in intent.nodes
        if node.full_name in standing and (_has_its_own_as(intent, node) or standing[node.full_name])
    ]


def _has_its_own_as(intent: Intent, node: Node) -> bool:
    return node.as_number != intent.cluster.bgp.as_number


def load_balancer(intent: Intent) -> list[Manifest]:
    """The pool that PureLB's allocator takes addresses from."""
    return documents(render("cluster/load_balancer.yaml.j2", networks=intent.cluster.networks))


def workload(intent: Intent) -> list[Manifest]:
    """The nginx of the tutorial's section 7; fields that the version does not know are left out."""
    text = render(
        "cluster/workload.yaml.j2",
        networks=intent.cluster.networks,
        image=intent.software.workload_image,
        minor=intent.software.minor,
    )
    return documents(text)


def without_unwanted(manifests: list[Manifest]) -> list[Manifest]:
    """PureLB's manifest without its node agent."""
    return [manifest for manifest in manifests if (manifest["kind"], manifest["metadata"]["name"]) not in UNWANTED]
