"""PureLB's allocator and its pool; Calico announces, so the node agent stays out. Pure."""

from collections.abc import Mapping, Sequence

from kubepeer import versions
from kubepeer.intent import Intent
from kubepeer.intent.families import Address
from tasks.cluster.api import Manifest
from tasks.cluster.balancers.balancer import Place, Request
from tasks.cluster.balancers.manifest import containers_of, find, versions_of
from tasks.cluster.documents import documents
from tasks.linux.templates import render

# Calico speaks BGP for the load balancer's addresses: a second BGP daemon, or an agent that answers ARP for them, is not wanted
UNWANTED = {("DaemonSet", "lbnodeagent"), ("LBNodeAgent", "default")}
GROUP = "bgp-ippool"
SERVICE_GROUPS = "servicegroups.purelb.io"
ALLOCATOR = ("Deployment", "allocator")
NAMESPACES = ("purelb", "purelb-system")


def namespace(intent: Intent) -> str:
    """Where this version of PureLB lives."""
    return "purelb-system" if _has(intent, "namespace purelb-system") else "purelb"


def api_version(intent: Intent) -> str:
    """The version of PureLB's own API."""
    return "v2" if _has(intent, "API v2 alone") else "v1"


def without_unwanted(manifests: Sequence[Manifest]) -> list[Manifest]:
    """PureLB's manifest without its node agent."""
    return [manifest for manifest in manifests if (manifest["kind"], manifest["metadata"]["name"]) not in UNWANTED]


def _has(intent: Intent, feature: str) -> bool:
    return versions.has("purelb", str(intent.software.purelb), feature)


class PureLB:
    """PureLB, both versions of its API."""

    manifest = "purelb"
    gives = True
    listed: Mapping[str, str] = {}

    def controller(self, intent: Intent) -> Place | None:
        """Its allocator."""
        return Place("Deployment", namespace(intent), "allocator")

    def speaker(self, intent: Intent) -> Place | None:  # noqa: ARG002
        """None: Calico announces."""
        return None

    def unwanted(self, intent: Intent) -> Sequence[Place]:
        """Its node agent."""
        return (Place("DaemonSet", namespace(intent), "lbnodeagent"),)

    def kept(self, intent: Intent, manifests: Sequence[Manifest]) -> list[Manifest]:  # noqa: ARG002
        """All but the node agent and what it is told."""
        return without_unwanted(manifests)

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:  # noqa: ARG002
        """The pool that the allocator takes addresses from."""
        text = render(
            "cluster/load_balancer.yaml.j2",
            networks=intent.cluster.networks,
            api=api_version(intent),
            namespace=namespace(intent),
        )
        return documents(text)

    def request(self, intent: Intent, address: Address | None) -> Request:
        """By PureLB's annotation alone (its pool follows from it), where the version has it; loadBalancerIP is deprecated."""
        if address is None:
            return Request({"purelb.io/service-group": GROUP})
        if _has(intent, "addresses annotation"):
            return Request({"purelb.io/addresses": str(address)}, single=True)
        return Request({"purelb.io/service-group": GROUP}, address, single=True)

    def reasons(self, intent: Intent, manifests: Sequence[Manifest]) -> list[str]:
        """Why this is not the manifest of the PureLB in the inventory."""
        deployment = find(manifests, *ALLOCATOR)
        if deployment is None or not containers_of(deployment):
            return ["manifests.purelb has no Deployment allocator: is it PureLB's manifest, and whole?"]
        found = []
        lives, wanted, version = deployment["metadata"].get("namespace"), namespace(intent), intent.software.purelb
        if lives != wanted:
            found.append(f"manifests.purelb lives in the namespace {lives}, PureLB {version} in {wanted}")
        served, api = versions_of(find(manifests, "CustomResourceDefinition", SERVICE_GROUPS)), api_version(intent)
        if api not in served:
            has = ", ".join(served) or "none"
            found.append(f"manifests.purelb has version {has} of the ServiceGroup, PureLB {version} has {api}")
        return [f"{reason}: correct software.purelb or the manifest's address" for reason in found]
