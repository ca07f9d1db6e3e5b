"""What the API's one address may not be, by who answers there: keepalived, kube-vip, or somebody else's load balancer. Pure."""

from collections.abc import Iterator

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.families import NAMES, named, version_of
from kubepeer.intent.model import Intent, Node, Router

APISERVER_PORT = 6443  # kubeadm's default bindPort


def of_endpoint(intent: Intent) -> Iterator[Contradiction]:
    """What the endpoint says that contradicts its provider, or the networks."""
    endpoint = intent.cluster.endpoint
    external = endpoint.provider == "external"
    yield from _balanced_address(intent) if external else _virtual_address(intent)
    hosts: tuple[Node | Router, ...] = intent.nodes if external else (*intent.nodes, *intent.routers)
    for host in hosts:  # a router may balance
        for address in set(host.addresses) & set(endpoint.addresses):
            what = "address" if external else "virtual IP"
            yield Contradiction(f"{address} is also the {what} of the API", host=host.name)
    if endpoint.provider == "keepalived" and endpoint.port == APISERVER_PORT and intent.control_planes:
        yield Contradiction(
            "6443 is the apiserver's own port on the same machines; haproxy needs another", key="cluster.endpoint.port"
        )
    if endpoint.provider == "kube-vip" and endpoint.port != APISERVER_PORT:
        yield Contradiction(
            f"{endpoint.port}: behind kube-vip's address is the apiserver itself, and it listens on {APISERVER_PORT}",
            key="cluster.endpoint.port",
            cure=f"port: {APISERVER_PORT}",
        )
    if endpoint.provider == "kube-vip" and not intent.software.kube_vip_image:
        yield Contradiction(
            "is missing, and kube-vip is the endpoint's provider",
            key="software.kube_vip_image",
            cure="an image of kube-vip 0.8 or newer: ghcr.io/kube-vip/kube-vip:TAG",
        )
    if endpoint.provider == "keepalived" and endpoint.virtual_router_id is None:
        yield Contradiction(
            "is missing: keepalived needs one",
            key="cluster.endpoint.virtual_router_id",
            cure="1 to 255, unique on the link",
        )


def _virtual_address(intent: Intent) -> Iterator[Contradiction]:
    endpoint, networks = intent.cluster.endpoint, intent.cluster.networks
    if endpoint.provider == "kube-vip" and len(endpoint.addresses) > 1:
        yield Contradiction(
            "kube-vip is told of one address",
            key="cluster.endpoint.address",
            cure="one address, or provider: keepalived",
        )
    for address in endpoint.addresses:
        if version_of(address) not in networks.versions:
            yield Contradiction(
                f"{address} is of {NAMES[version_of(address)]}, and cluster.networks of {named(networks.versions)} alone",
                key="cluster.endpoint.address",
            )
    if endpoint.address.version != networks.versions[0]:
        yield Contradiction(
            f"{endpoint.address} comes first, and the cluster's first family is {NAMES[networks.versions[0]]}",
            key="cluster.endpoint.address",
            cure="the families in the order of cluster.networks",
        )
    for address in endpoint.addresses:
        nodes = networks.of(version_of(address)).nodes
        if address not in nodes:
            yield Contradiction(
                f"the virtual IP {address} is outside the nodes' network {nodes}", key="cluster.endpoint.address"
            )
        if address in (nodes.network_address, nodes.broadcast_address):
            yield Contradiction(
                f"the virtual IP {address} is no host address of {nodes}", key="cluster.endpoint.address"
            )
        if endpoint.length_of(address) < nodes.prefixlen:
            yield Contradiction(
                f"/{endpoint.length_of(address)} would put more on the link than the nodes' network {nodes}",
                key="cluster.endpoint.prefix_length",
                cure=f"{nodes.prefixlen} to {nodes.max_prefixlen}",
            )


def _balanced_address(intent: Intent) -> Iterator[Contradiction]:
    """A load balancer may be anywhere but within the cluster."""
    for address in intent.cluster.endpoint.addresses:
        for network in intent.cluster.networks.announced:
            if address in network:
                yield Contradiction(
                    f"{address} is within {network}, which the cluster itself announces", key="cluster.endpoint.address"
                )
