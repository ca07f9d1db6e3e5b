"""Intent: the typed, frozen model that the inventory is turned into before anything connects."""

from kubepeer.intent.bgp import Bgp
from kubepeer.intent.model import Cluster, Endpoint, Intent, Manifests, Node, Packages, Router, Software
from kubepeer.intent.networks import Networks
from kubepeer.intent.peering import Peering

__all__ = [
    "Bgp",
    "Cluster",
    "Endpoint",
    "Intent",
    "Manifests",
    "Networks",
    "Node",
    "Packages",
    "Peering",
    "Router",
    "Software",
]
