"""What the operator reads from BGPConfiguration and writes into it, and the cluster's information."""

from cluster_api.objects import Json, name, spec
from cluster_api.versions import at_least

ROUTES_SINCE = "3.32.0"
_ROUTES = {"BIRD": "Enabled", "Felix": "Disabled"}


def default(items: list[Json]) -> Json | None:
    """Find the object that counts: only one named `default` does."""
    return next((item for item in items if name(item) == "default"), None)


def bind_mode(configurations: list[Json]) -> str:
    """Read to which addresses BIRD is bound: a change of it restarts calico-node everywhere."""
    return str(spec(default(configurations) or {}).get("bindMode") or "")


def cluster_routes(installation: Json, configurations: list[Json], version: str) -> Json | None:
    """Write what BGPConfiguration `default` lacks when the Installation says who programs the cluster's routes."""
    mode = (spec(installation).get("calicoNetwork") or {}).get("clusterRoutingMode")
    if not mode or not at_least(version, ROUTES_SINCE):
        return None
    wanted = _ROUTES[mode]
    if spec(default(configurations) or {}).get("programClusterRoutes") == wanted:
        return None
    return {"spec": {"programClusterRoutes": wanted}}


def cluster_information(version: str) -> Json:
    """Write ClusterInformation `default`, where tools read the version."""
    return {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "ClusterInformation",
        "metadata": {"name": "default"},
        "spec": {
            "calicoVersion": f"v{version}",
            "clusterType": "k8s,operator,bgp,kubeadm,kdd",
            "datastoreReady": True,
            "variant": "Calico",
        },
    }
