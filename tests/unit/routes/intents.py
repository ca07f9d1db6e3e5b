"""A small intent for tests: only what the proof of routes looks at."""

from kubepeer.intent import Bgp, Intent, Node, Router
from kubepeer.intent.networks import Networks
from kubepeer.intent.peering import Peering


def intent(
    platform: str = "frr", others: tuple[str, ...] = (), *, peering: Peering | None = None, **addresses: str
) -> Intent:
    """Workers by name and address, the networks of the tutorial, router r1 of this platform and others; no other section."""
    nodes = tuple(
        Node(
            name=name,
            full_name=f"{name}.example.org",
            address=address,
            role="worker",
            interface="eth0",
            priority=0,
            as_number=64517,
            routers=("r1", *others),
        )
        for name, address in addresses.items()
    )
    networks = Networks(
        nodes="10.31.0.0/16", pods="10.33.0.0/17", services="10.33.128.0/18", load_balancers="10.33.192.0/18"
    )
    cluster = type("Cluster", (), {"networks": networks, "bgp": Bgp(as_number=64517), "adopted": False})()
    software = type("Software", (), {"calico": "3.24.5"})()
    routers = tuple(
        Router(
            name=name,
            platform=platform,
            as_number=64512,
            address=f"10.31.254.{253 - place}",
            peering=peering or Peering(),
        )
        for place, name in enumerate(("r1", *others))
    )
    return Intent.model_construct(nodes=nodes, routers=routers, cluster=cluster, software=software)
