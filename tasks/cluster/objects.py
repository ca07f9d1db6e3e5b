"""The objects that the cluster should hold, from intent and from the projects' own manifests. Pure."""

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.cluster.api import Manifest
from tasks.cluster.balancers import provided
from tasks.cluster.documents import documents
from tasks.linux.templates import render

__all__ = ["calico", "documents", "workload"]
WORKLOAD_ADDRESS = 80  # of the load balancers' network: section 7 of the tutorial


def calico(intent: Intent) -> list[Manifest]:
    """What the operator is told to install; Felix writes its rules the way kube-proxy writes its own.

    Where the load balancer speaks BGP in Calico's place, the pods' packets go through a tunnel everywhere: no router knows their blocks.
    """
    newer = versions.has("calico", intent.software.calico, "linuxDataplane Nftables")
    nftables = intent.software.proxy_mode == "nftables" and newer
    speaks = intent.load_balancer.speaks
    return documents(
        render("cluster/calico.yaml.j2", networks=intent.cluster.networks, nftables=nftables, without_bgp=speaks)
    )


def workload(intent: Intent) -> list[Manifest]:
    """The nginx of the tutorial's section 7; fields that the version does not know are left out."""
    networks, balancer = intent.cluster.networks, provided.of(intent)
    requests = {
        "nginx-lb-service": balancer.request(intent, networks.load_balancers[WORKLOAD_ADDRESS]),
        "nginx-lb2-service": balancer.request(intent, None),
    }
    image = intent.software.workload_image
    return documents(render("cluster/workload.yaml.j2", image=image, requests=requests, networks=networks))
