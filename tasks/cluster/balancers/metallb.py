"""MetalLB: its controller gives addresses; its speakers announce them, or stay out where Calico does. Pure.

Sources: MetalLB's website/content (installation, configuration/calico.md, concepts/bgp.md), api/ and internal/config of 0.16.2.
"""

from collections.abc import Mapping, Sequence

from kubepeer import versions
from kubepeer.intent import Intent
from kubepeer.intent.families import Address
from tasks.cluster import schema
from tasks.cluster.api import Manifest
from tasks.cluster.balancers import metallb_peers
from tasks.cluster.balancers.balancer import Place, Request
from tasks.cluster.balancers.manifest import containers_of, find
from tasks.cluster.documents import documents
from tasks.linux.templates import render

NAMESPACE = "metallb-system"
POOL = "kubepeer"  # and all else that it is told of ours
CONTROLLER, SPEAKER = Place("Deployment", NAMESPACE, "controller"), Place("DaemonSet", NAMESPACE, "speaker")
V1, V2 = (f"/apis/metallb.io/{version}/namespaces/{NAMESPACE}" for version in ("v1beta1", "v1beta2"))
BGP_TYPE = "METALLB_BGP_TYPE"  # in the speaker's environment; native where it is not said (speaker/main.go)
ON_NODES = "DaemonSet"
INT32_HELD, INT32 = "int32 in definitions held", (1 << 31) - 1


class MetalLB:
    """MetalLB, as allocator and as speaker."""

    manifest = "metallb"
    gives = True
    # the last first: what others refer to goes after them
    listed: Mapping[str, str] = {
        "BGPAdvertisement": f"{V1}/bgpadvertisements",
        "BGPPeer": f"{V2}/bgppeers",
        "IPAddressPool": f"{V1}/ipaddresspools",
        "Community": f"{V1}/communities",
        "BFDProfile": f"{V1}/bfdprofiles",
    }

    def controller(self, intent: Intent) -> Place | None:  # noqa: ARG002
        """Its controller, which answers its webhooks, too."""
        return CONTROLLER

    def speaker(self, intent: Intent) -> Place | None:
        """Its speakers, where they announce."""
        return SPEAKER if intent.load_balancer.speaks else None

    def unwanted(self, intent: Intent) -> Sequence[Place]:
        """Its speakers, where Calico announces: both would speak BGP from one address."""
        return () if intent.load_balancer.speaks else (SPEAKER,)

    def kept(self, intent: Intent, manifests: Sequence[Manifest]) -> list[Manifest]:
        """All of it, or, where Calico announces, without what runs on the nodes."""
        return [one for one in manifests if intent.load_balancer.speaks or one["kind"] != ON_NODES]

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:
        """The pool; for speakers also the peers, what they are told, and what is announced to them."""
        balancer = intent.load_balancer
        text = render(
            "cluster/load_balancer_metallb.yaml.j2",
            name=POOL,
            namespace=NAMESPACE,
            networks=intent.cluster.networks.every_load_balancers,
            speaks=balancer.speaks,
            peers=metallb_peers.peers(intent),
            bgp=intent.cluster.bgp,
            timers=balancer.bgp != "native",
            bfd=any(router.peering.bfd for router in intent.routers),
            aggregation_length=balancer.aggregation_length,
            communities=metallb_peers.communities(intent),
            password=password,
        )
        return documents(text)

    def request(self, intent: Intent, address: Address | None) -> Request:
        """By MetalLB's annotations, under the name that the version has for them."""
        newer = versions.has("metallb", str(intent.software.metallb), "annotations metallb.io")
        prefix = "metallb.io" if newer else "metallb.universe.tf"
        if address is None:
            return Request({f"{prefix}/address-pool": POOL})
        return Request({f"{prefix}/loadBalancerIPs": str(address)}, single=True)

    def reasons(self, intent: Intent, manifests: Sequence[Manifest]) -> list[str]:
        """Why this is not the manifest of the MetalLB in the inventory."""
        deployment = find(manifests, CONTROLLER.kind, CONTROLLER.name)
        if deployment is None or not containers_of(deployment) or deployment["metadata"].get("namespace") != NAMESPACE:
            return [f"manifests.metallb has no {CONTROLLER}: is it MetalLB's manifest, and whole?"]
        found, wanted = [], str(intent.software.metallb)
        if (tag := _tag(deployment)) and tag != wanted:
            found.append(f"manifests.metallb is of {tag}, software.metallb is {wanted}: correct one of them")
        speaker = find(manifests, SPEAKER.kind, SPEAKER.name)
        if not intent.load_balancer.speaks:
            return found
        if speaker is None:
            return [*found, f"manifests.metallb has no {SPEAKER}, which is to announce: is it whole?"]
        mode, asked = bgp_of(speaker), intent.load_balancer.bgp
        if mode != asked:
            found.append(
                f"manifests.metallb has speakers with {mode} BGP, load_balancer.bgp is {asked}: correct one of them"
            )
        if versions.has("kubernetes", intent.software.kubernetes, INT32_HELD) and _as_numbers_of_int32(manifests):
            found.append(
                f"manifests.metallb defines the AS numbers of a BGPPeer as int32 with a larger maximum, and Kubernetes "
                f"{intent.software.kubernetes} takes no such object: MetalLB from 0.16.0 on"
            )
        return found


def _as_numbers_of_int32(manifests: Sequence[Manifest]) -> bool:
    """Whether the definition contradicts itself: then the API refuses each BGPPeer (MetalLB #3035)."""
    peer = {"apiVersion": "metallb.io/v1beta2", "kind": "BGPPeer"}
    spec = ((schema.definition_of(peer, manifests) or {}).get("properties") or {}).get("spec") or {}
    number = (spec.get("properties") or {}).get("myASN") or {}
    return bool(number.get("format") == "int32" and number.get("maximum", 0) > INT32)


def bgp_of(speaker: Manifest) -> str:
    """What the speakers of a manifest speak with."""
    variables = (one for container in containers_of(speaker) for one in container.get("env") or ())
    return next((str(one.get("value")) for one in variables if one.get("name") == BGP_TYPE), "native")


def _tag(deployment: Manifest) -> str:
    """The version of the controller's image; "" where a digest or a tag of one's own says none."""
    image = str(containers_of(deployment)[0].get("image") or "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2].removeprefix("v")
    return tag if tag.count(".") == 2 and tag.replace(".", "").isdigit() else ""  # noqa: PLR2004  MAJOR.MINOR.PATCH
