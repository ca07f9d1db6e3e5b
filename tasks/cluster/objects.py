"""The objects that the cluster should hold, from intent and from the projects' own manifests. Pure."""

import yaml

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.cluster.api import Manifest
from tasks.linux.templates import render

# Calico speaks BGP for the load balancer's addresses: a second BGP daemon, or an agent that answers ARP for them, is not wanted
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
    """What the operator is told to install; Felix writes its rules the way kube-proxy writes its own."""
    newer = versions.has("calico", intent.software.calico, "linuxDataplane Nftables")
    nftables = intent.software.proxy_mode == "nftables" and newer
    return documents(render("cluster/calico.yaml.j2", networks=intent.cluster.networks, nftables=nftables))


def purelb_namespace(intent: Intent) -> str:
    """Where this version of PureLB lives."""
    newer = versions.has("purelb", intent.software.purelb, "namespace purelb-system")
    return "purelb-system" if newer else "purelb"


def purelb_api(intent: Intent) -> str:
    """The version of PureLB's own API."""
    return "v2" if versions.has("purelb", intent.software.purelb, "API v2 alone") else "v1"


def load_balancer(intent: Intent) -> list[Manifest]:
    """The pool that PureLB's allocator takes addresses from."""
    text = render(
        "cluster/load_balancer.yaml.j2",
        networks=intent.cluster.networks,
        api=purelb_api(intent),
        namespace=purelb_namespace(intent),
    )
    return documents(text)


def workload(intent: Intent) -> list[Manifest]:
    """The nginx of the tutorial's section 7; fields that the version does not know are left out."""
    text = render(
        "cluster/workload.yaml.j2",
        networks=intent.cluster.networks,
        image=intent.software.workload_image,
        by_annotation=versions.has("purelb", intent.software.purelb, "addresses annotation"),
    )
    return documents(text)


def without_unwanted(manifests: list[Manifest]) -> list[Manifest]:
    """PureLB's manifest without its node agent."""
    return [manifest for manifest in manifests if (manifest["kind"], manifest["metadata"]["name"]) not in UNWANTED]
