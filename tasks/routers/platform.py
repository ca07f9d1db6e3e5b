"""What each kind of router is told: its template, and the plan from running configuration to candidate. Pure."""

from collections.abc import Mapping
from typing import Protocol

from kubepeer.intent import Intent, Router
from kubepeer.intent import Platform as Name
from tasks.routers.bird import Bird
from tasks.routers.frr import Frr
from tasks.routers.guest import OWNER, accepted


class Platform(Protocol):
    """One kind of router.

    Attributes:
        template: its path under templates/.
        whole: the candidate replaces a file that is ours alone; else it is merged into the router's configuration.

    """

    template: str
    whole: bool

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent: what is process-wide and set too low, as `running` says."""

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """What to load: stale lines of ours go, wanted ones come, foreign ones are never named; "" when all is as it should be."""

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Addresses of peers whose session this change ends on purpose."""


PLATFORMS: Mapping[Name, Platform] = {
    "frr": Frr(),
    "bird": Bird(),
}


def context(intent: Intent, router: Router, running: str, password: str | None) -> dict[str, object]:
    """Everything that the template of a router's platform may name."""
    return {
        "owner": OWNER,
        "router": router,
        "peering": router.peering,
        "cluster": intent.cluster,
        "bgp": intent.cluster.bgp,
        "networks": intent.cluster.networks,
        "accepted": accepted(intent.cluster.networks),
        "nodes": intent.peers_of(router),
        "as_numbers": intent.as_numbers_of_peers(router),
        "password": password,
        **PLATFORMS[router.platform].values(intent, router, running),
    }
