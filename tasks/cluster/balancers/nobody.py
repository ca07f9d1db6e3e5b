"""No load balancer of ours: services get addresses from somebody else, or none. Pure."""

from collections.abc import Mapping, Sequence

from kubepeer.intent import Intent
from kubepeer.intent.families import Address
from tasks.cluster.api import Manifest
from tasks.cluster.balancers.balancer import Place, Request


class Nobody:
    """Nothing is installed, told or asked."""

    manifest: str | None = None
    gives = False
    listed: Mapping[str, str] = {}

    def controller(self, intent: Intent) -> Place | None:  # noqa: ARG002
        """None."""
        return None

    speaker = controller

    def unwanted(self, intent: Intent) -> Sequence[Place]:  # noqa: ARG002
        """Nothing: what stands is somebody else's."""
        return ()

    def kept(self, intent: Intent, manifests: Sequence[Manifest]) -> list[Manifest]:  # noqa: ARG002
        """Nothing."""
        return []

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:  # noqa: ARG002
        """Nothing."""
        return []

    def request(self, intent: Intent, address: Address | None) -> Request:  # noqa: ARG002
        """Nobody is asked."""
        return Request()

    def reasons(self, intent: Intent, manifests: Sequence[Manifest]) -> list[str]:  # noqa: ARG002
        """Nothing is against nothing."""
        return []
