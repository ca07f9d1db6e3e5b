"""How nodes reach each other's pods behind routers of external BGP: the cures of the one AS, and which of them applies. Pure.

The trap: a router that tells a node of another one's pod block does so with the nodes' own AS in the path, and a node takes such a path
for a loop (RFC 4271, 9.1.2). Calico's documentation has the design (reference/architecture/design/l3-interconnect-fabric); the cures:

- vxlan: Felix has routes to all blocks itself, direct ones on a link and a tunnel between links; routers tell nodes nothing.
- route_reflectors: nodes that reflect tell the others by internal BGP, where no AS is put into a path (cluster.bgp.topology).
- as_per_node: no path has the AS of the node that it comes to.
- default_route: nodes send what they have no route for to a router, and it has all blocks. It hides a block that is missing.
- as_override: the router puts its own AS in the place of the node's.
- allowas_in: nodes take their own AS once in a path (BGPPeer.numAllowedLocalASNumbers).
- their_own: a cluster that Kubepeer did not build has a way already, a mesh of its nodes for one: no choice is made in its place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kubepeer.intent.abilities import Platforms
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent, Router
from kubepeer.intent.reflectors import reflects

Cure = Literal["vxlan", "route_reflectors", "as_per_node", "default_route", "as_override", "allowas_in", "their_own"]
KEY = "cluster.bgp.between_nodes"
OWN_AS_IN_A_PATH = 1  # from node to router to node it is there once
FELIX = ("VXLAN", "VXLANCrossSubnet")  # encapsulations whose routes are Felix's; IPIP's and none's are learned by BGP
TOLD: Mapping[Cure, str] = {
    "vxlan": "Felix has the routes: direct on a link, VXLAN between links; routers tell the nodes nothing",
    "route_reflectors": "nodes that reflect tell the others of each other's pod blocks, by internal BGP",
    "as_per_node": "the routers tell the nodes each other's pod blocks; every node has an AS of its own",
    "default_route": "a default route to the routers, which have all pod blocks",
    "as_override": "the routers tell the nodes each other's pod blocks, and put their own AS in the place of the nodes'",
    "their_own": "somebody else has seen to it; the routers tell the nodes nothing, unless cluster.bgp.between_nodes says so",
    "allowas_in": "the routers tell the nodes each other's pod blocks, and the nodes take their own AS in the path",
}


@dataclass(frozen=True)
class Way:
    """How nodes reach each other's pods.

    Attributes:
        cure: of those above.
        asked: whether the inventory names it; else it is the first that fits.

    """

    cure: Cure
    asked: bool

    @property
    def announced(self) -> bool:
        """Whether the routers tell the nodes of each other's pod blocks."""
        return self.cure in ("as_per_node", "as_override", "allowas_in")

    @property
    def allowed_own_as(self) -> int | None:
        """How often nodes take their own AS in a path from a router."""
        return OWN_AS_IN_A_PATH if self.cure == "allowas_in" else None

    def __str__(self) -> str:
        return f"{TOLD[self.cure]} ({self.cure}, {'as ' + KEY + ' says' if self.asked else 'chosen'})"


def way(intent: Intent, platforms: Platforms) -> Way:
    """The cure that the inventory names or, where it leaves the choice, the first that fits.

    Felix's own routes need none of the routers; an AS a node needs no exception at either end; a default route is there already where all
    routers are told to send one; of the two exceptions that at the routers leaves the nodes' own check for loops as it is.
    """
    asked = intent.cluster.bgp.between_nodes
    if asked != "choose":
        return Way(asked, asked=True)
    return Way(_choice(intent, platforms), asked=False)


def _choice(intent: Intent, platforms: Platforms) -> Cure:
    if intent.cluster.adopted:
        return "their_own"
    if _felix(intent):
        return "vxlan"
    if reflects(intent):
        return "route_reflectors"
    if not any(_sharing(intent, router) for router in intent.routers):
        return "as_per_node"
    if all(router.peering.default_route for router in intent.routers):
        return "default_route"
    return "as_override" if not any(_cannot(router, platforms) for router in intent.routers) else "allowas_in"


def _felix(intent: Intent) -> bool:
    return all(pool.encapsulation in FELIX for pool in intent.cluster.networks.pools)


def _sharing(intent: Intent, router: Router) -> tuple[str, str] | None:
    """Two nodes of one AS behind a router."""
    first: dict[int, str] = {}
    for node in intent.peers_of(router):
        if node.as_number in first:
            return first[node.as_number], node.name
        first[node.as_number] = node.name
    return None


def _cannot(router: Router, platforms: Platforms) -> bool:
    return not platforms[router.platform].abilities.as_override(router.peering)


def of_the_cure(intent: Intent, platforms: Platforms) -> Iterator[Contradiction]:
    """A cure that the inventory names, and that does not fit what else it says."""
    asked = intent.cluster.bgp.between_nodes
    if asked == "choose":
        return
    tunnelled = [pool for pool in intent.cluster.networks.pools if pool.encapsulation in FELIX]
    if asked == "vxlan" and not _felix(intent):
        other = next(pool for pool in intent.cluster.networks.pools if pool.encapsulation not in FELIX)
        yield Contradiction(
            f"vxlan, and the encapsulation of {other.cidr} is {other.encapsulation}: Felix has no routes to its blocks",
            key=KEY,
            cure="choose, or the encapsulation VXLANCrossSubnet",
        )
    if Way(asked, asked=True).announced and tunnelled:
        yield Contradiction(
            f"{asked}, and {tunnelled[0].cidr} is encapsulated ({tunnelled[0].encapsulation}):"
            " a node takes no routes to such a pool from routers",
            key=KEY,
            cure="choose, or the encapsulation None",
        )
    for router in intent.routers:
        sharing = _sharing(intent, router)
        if asked == "as_per_node" and sharing:
            yield Contradiction(
                f"as_per_node, and {sharing[0]} and {sharing[1]} behind {router.name} are in one AS",
                key=KEY,
                cure="an as_number of its own for each node, or choose",
            )
            return
        if asked == "as_override" and _cannot(router, platforms):
            yield Contradiction(
                f"as_override, and {router.name} ({router.platform}) has no statement for it where its sessions are",
                key=KEY,
                cure="allowas_in, or choose",
            )
