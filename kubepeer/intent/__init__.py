"""Intent: the typed, frozen model that the inventory is turned into before anything connects."""

from kubepeer.intent.model import (
    Bgp,
    Cluster,
    Endpoint,
    Intent,
    Manifests,
    Networks,
    Node,
    Packages,
    Peering,
    Router,
    Software,
)

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
