"""What the API's one address may not be, by who answers there: keepalived, kube-vip, or somebody else's load balancer. Pure."""

from collections.abc import Iterator

from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent, Node, Router

APISERVER_PORT = 6443  # kubeadm's default bindPort


def of_endpoint(intent: Intent) -> Iterator[Contradiction]:
    """What the endpoint says that contradicts its provider, or the networks."""
    endpoint = intent.cluster.endpoint
    external = endpoint.provider == "external"
    yield from _balanced_address(intent) if external else _virtual_address(intent)
    hosts: tuple[Node | Router, ...] = intent.nodes if external else (*intent.nodes, *intent.routers)
    for host in hosts:  # a router may balance
        if host.address == endpoint.address:
            what = "address" if external else "virtual IP"
            yield Contradiction(f"{endpoint.address} is also the {what} of the API", host=host.name)
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
    if endpoint.address not in networks.nodes:
        yield Contradiction(
            f"the virtual IP {endpoint.address} is outside the nodes' network {networks.nodes}",
            key="cluster.endpoint.address",
        )
    if endpoint.address in (networks.nodes.network_address, networks.nodes.broadcast_address):
        yield Contradiction(
            f"the virtual IP {endpoint.address} is no host address of {networks.nodes}", key="cluster.endpoint.address"
        )
    if endpoint.prefix_length < networks.nodes.prefixlen:
        yield Contradiction(
            f"/{endpoint.prefix_length} would put more on the link than the nodes' network {networks.nodes}",
            key="cluster.endpoint.prefix_length",
            cure=f"{networks.nodes.prefixlen} to 32",
        )


def _balanced_address(intent: Intent) -> Iterator[Contradiction]:
    """A load balancer may be anywhere but within the cluster."""
    address = intent.cluster.endpoint.address
    for network in intent.cluster.networks.announced:
        if address in network:
            yield Contradiction(
                f"{address} is within {network}, which the cluster itself announces", key="cluster.endpoint.address"
            )
