"""What the load balancer that the inventory names cannot do, and what it lacks. Pure."""

from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent.between_nodes import FELIX
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent
from kubepeer.intent.reflectors import reflects

CONTROLLER = "LoadBalancer controller"
WITH_A_MANIFEST = ("purelb", "metallb")


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """Every one, the most basic first."""
    yield from _missing(intent)
    balancer, calico = intent.load_balancer, intent.software.calico
    if balancer.provider == "calico" and not versions.has("calico", calico, CONTROLLER):
        first = versions.since("calico", CONTROLLER)
        yield Contradiction(
            f"Calico {calico} gives services no addresses (from {first} on)",
            key="load_balancer.provider",
            cure=f"purelb or metallb, or Calico from {first} on",
        )
    if balancer.speaks:
        yield from _communities(intent)
        yield from _sessions(intent)
        yield from _aggregation(intent)
        yield from _ways_by_bgp(intent)


def warnings(intent: Intent) -> Iterator[str]:
    """What says nothing with this load balancer: one line each."""
    if intent.load_balancer.speaks and intent.cluster.bgp.pod_communities:
        yield (
            "cluster.bgp.pod_communities: MetalLB's speakers announce the load balancers' addresses alone, and no pod block: "
            "load_balancer.communities are those of the addresses"
        )


def _ways_by_bgp(intent: Intent) -> Iterator[Contradiction]:
    """Beside MetalLB's speakers Calico has no BGP: what needs it between nodes is not there, and every packet of a pod goes by VXLAN."""
    speakers = "load_balancer.announced_by: metallb leaves Calico without BGP"
    for pool in intent.cluster.networks.pools:
        if pool.encapsulation not in FELIX:
            yield Contradiction(
                f"{speakers}, and with the encapsulation {pool.encapsulation} nodes learn of {pool.cidr} by BGP",
                key="cluster.networks",
                cure="the encapsulation VXLAN",
            )
    if reflects(intent):
        yield Contradiction(speakers, key="cluster.bgp.topology", cure="take it away")


def _missing(intent: Intent) -> Iterator[Contradiction]:
    provider = intent.load_balancer.provider
    if provider not in WITH_A_MANIFEST:
        return
    for section in ("software", "manifests"):
        if getattr(getattr(intent, section), provider) is None:
            yield Contradiction(
                f"is missing, and {provider} is the load balancer",
                key=f"{section}.{provider}",
                cure="name it, or another load_balancer.provider",
            )


def _communities(intent: Intent) -> Iterator[Contradiction]:
    """Names must be known; the native speaker knows those of RFC 1997 alone (MetalLB, internal/config/validation.go)."""
    balancer, named = intent.load_balancer, intent.cluster.bgp.communities
    for one in balancer.communities:
        value = named.get(one, one)
        if ":" not in value:
            yield Contradiction(
                f"there is no community {one!r} under cluster.bgp.communities", key="load_balancer.communities"
            )
        elif value.count(":") > 1 and balancer.bgp == "native":
            yield Contradiction(
                f"MetalLB's native BGP has no large communities ({value})",
                key="load_balancer.communities",
                cure="a community AS:NUMBER, or load_balancer.bgp: frr-k8s with that manifest",
            )


def _sessions(intent: Intent) -> Iterator[Contradiction]:
    """What its BGPPeer has no field for, or its native BGP cannot (api/v1beta2/bgppeer_types.go, internal/config/validation.go)."""
    if intent.cluster.bgp.restart_seconds is not None:
        yield Contradiction(
            "MetalLB cannot tell a router how long to keep the routes of a node that restarts",
            key="cluster.bgp.restart_seconds",
            cure="take it away, or load_balancer.announced_by: calico",
        )
    for router in intent.routers:
        if router.peering.ttl_security:
            yield Contradiction(
                "MetalLB's speakers do not send with TTL 255",
                host=router.name,
                key="peering.ttl_security",
                cure="ttl_security: false",
            )
        if router.peering.bfd and intent.load_balancer.bgp == "native":
            yield Contradiction(
                "MetalLB's native BGP has no BFD",
                host=router.name,
                key="peering.bfd",
                cure="bfd: false, or load_balancer.bgp: frr-k8s with that manifest",
            )


def _aggregation(intent: Intent) -> Iterator[Contradiction]:
    """MetalLB refuses a length that is shorter than its pool's (internal/config/config.go, validateBGPAdvPerPool)."""
    network, length = intent.cluster.networks.load_balancers, intent.load_balancer.aggregation_length
    if length < network.prefixlen:
        yield Contradiction(
            f"/{length} is more than {network}",
            key="load_balancer.aggregation_length",
            cure=f"{network.prefixlen} to 32",
        )
