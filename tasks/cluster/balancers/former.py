"""What stands of a load balancer that the inventory does not name: refused, since no service's address goes away in silence. Pure."""

from collections.abc import Mapping

from kubepeer.intent import Intent
from tasks.cluster import foreign
from tasks.cluster.api import Manifest
from tasks.cluster.balancers import calico, metallb, purelb
from tasks.cluster.balancers.balancer import Place

ALLOCATORS = {name: Place("Deployment", name, "allocator").path for name in purelb.NAMESPACES}
SERVICE_GROUPS = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{purelb.SERVICE_GROUPS}"
# Where Calico's API server keeps it: that answers before there is one; where Calico's kinds are the cluster's own it is not looked for
OWN_POOL = f"/apis/crd.projectcalico.org/v1/ippools/{calico.POOL}"
ASKED = (*ALLOCATORS.values(), SERVICE_GROUPS, metallb.CONTROLLER.path, metallb.SPEAKER.path, OWN_POOL)

MOVED = "services may get other addresses, and have none meanwhile: when that may be"
UNREACHED = "all sessions begin anew, and nothing is reached meanwhile: when that may be"
NAMES = {"purelb": "PureLB", "metallb": "MetalLB", "calico": "Calico", "none": "nobody"}
GIVERS = {  # path -> whose, what it is called, how it is removed
    **{
        path: ("purelb", f"Deployment {name}/allocator", f"kubectl delete namespace {name}")
        for name, path in ALLOCATORS.items()
    },
    metallb.CONTROLLER.path: ("metallb", str(metallb.CONTROLLER), f"kubectl delete namespace {metallb.NAMESPACE}"),
    OWN_POOL: ("calico", f"IPPool {calico.POOL}", f"kubectl delete ippools.projectcalico.org {calico.POOL}"),
}


def reasons(intent: Intent, standing: Mapping[str, Manifest]) -> list[str]:
    """Why the load balancer of the inventory may not come yet.

    Args:
        intent: who is to give the addresses, and who is to announce them.
        standing: path -> object, of those in ASKED that are there, and Calico's Installation.

    """
    return [
        *_another_giver(intent, standing),
        *_another_purelb(intent, standing),
        *_another_announcer(intent, standing),
    ]


def _another_giver(intent: Intent, standing: Mapping[str, Manifest]) -> list[str]:
    """Two would give one address to two services. Where nobody is to give any, somebody else's giver is what is meant."""
    wanted = intent.load_balancer.provider
    found = []
    for path, (whose, which, removal) in GIVERS.items():
        if path not in standing or whose == wanted or (wanted == "none" and not foreign.is_ours(standing[path])):
            continue
        what = f"{NAMES[whose]} gives services their addresses here ({which}), and the inventory says {wanted}: {MOVED}"
        found.append(f"{what}, remove it ({removal}) and run again, or set load_balancer.provider to {whose}")
    return found


def _another_purelb(intent: Intent, standing: Mapping[str, Manifest]) -> list[str]:
    """An in-place change of PureLB's namespace or API's version is no matter of applying a manifest."""
    if intent.load_balancer.provider != "purelb":
        return []
    wanted, api, version = purelb.namespace(intent), purelb.api_version(intent), intent.software.purelb
    for namespace, path in ALLOCATORS.items():
        if path in standing and namespace != wanted:
            what = f"another PureLB runs in the namespace {namespace}, and {version} would run beside it in {wanted}"
            return [f"{what}: remove that one first (kubectl delete namespace {namespace})"]
    stored = standing.get(SERVICE_GROUPS, {}).get("status", {}).get("storedVersions") or []
    if stored and api not in stored:
        what = f"PureLB's ServiceGroups are stored here as {', '.join(stored)}, and {version} has {api} alone"
        delete = f"kubectl delete crd {purelb.SERVICE_GROUPS} lbnodeagents.purelb.io"
        return [
            f"{what}, which the API refuses in place: migrate them by PureLB's guide, or delete their definition ({delete})"
        ]
    return []


def _another_announcer(intent: Intent, standing: Mapping[str, Manifest]) -> list[str]:
    """A node has one session with a router: who speaks on it is not exchanged by the way."""
    installation, speaks = standing.get(foreign.INSTALLATION), intent.load_balancer.speaks
    if speaks and installation is not None and _calico_speaks(installation):
        patch = """kubectl patch installation default --type merge -p '{"spec":{"calicoNetwork":{"bgp":"Disabled"}}}'"""
        what = f"Calico speaks BGP here, and MetalLB is to do it in its place: {UNREACHED}"
        return [f"{what}, end Calico's ({patch}) and run again, or set load_balancer.announced_by to calico"]
    if not speaks and metallb.SPEAKER.path in standing and intent.load_balancer.provider == "metallb":
        removal = f"kubectl delete daemonset {metallb.SPEAKER.name} --namespace {metallb.NAMESPACE}"
        what = (
            f"MetalLB's speakers announce here ({metallb.SPEAKER}), and Calico is to do it in their place: {UNREACHED}"
        )
        return [f"{what}, remove them ({removal}) and run again, or set load_balancer.announced_by to metallb"]
    return []


def _calico_speaks(installation: Manifest) -> bool:
    """On is the operator's default."""
    network = (installation.get("spec") or {}).get("calicoNetwork") or {}
    return bool(network.get("bgp", "Enabled") != "Disabled")
