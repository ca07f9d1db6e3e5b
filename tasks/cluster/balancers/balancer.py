"""What a provider of load balancer addresses is to the rest. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kubepeer.intent import Intent
from kubepeer.intent.families import Address
from tasks.cluster.api import Manifest


@dataclass(frozen=True)
class Request:
    """How a service asks for an address.

    Attributes:
        annotations: of the service.
        load_balancer_ip: spec.loadBalancerIP, where no annotation can ask for it.
        single: it asks for one address, and so for one family.

    """

    annotations: Mapping[str, str] = field(default_factory=dict)
    load_balancer_ip: Address | None = None
    single: bool = False


@dataclass(frozen=True)
class Place:
    """An object that a manifest makes, or that somebody left.

    Attributes:
        kind: DaemonSet, Deployment ...
        namespace: where it is.
        name: which.

    """

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API has it; of the kinds of apps/v1."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/{self.kind.lower()}s/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Balancer(Protocol):
    """A provider: what of its manifest runs, what it is told, how it is asked."""

    @property
    def manifest(self) -> str | None:
        """The key of its manifest under manifests; None where it has none."""

    @property
    def gives(self) -> bool:
        """Whether services get addresses at all."""

    def controller(self, intent: Intent) -> Place | None:
        """What gives the addresses, and must be available before it is told of any."""

    def speaker(self, intent: Intent) -> Place | None:
        """What runs on the nodes, where it announces the addresses itself."""

    def unwanted(self, intent: Intent) -> Sequence[Place]:
        """What its manifest would have run on the nodes although somebody else announces: left out, and removed where it stands."""

    def kept(self, intent: Intent, manifests: Sequence[Manifest]) -> list[Manifest]:
        """Its manifest without what is not wanted."""

    def objects(self, intent: Intent, password: str | None) -> list[Manifest]:
        """What it is told, in the order in which one refers to another."""

    @property
    def listed(self) -> Mapping[str, str]:
        """Of which kinds an object of ours goes that is no longer wanted: kind -> the list's path."""

    def request(self, intent: Intent, address: Address | None) -> Request:
        """How a service asks for this address, or for any."""

    def reasons(self, intent: Intent, manifests: Sequence[Manifest]) -> list[str]:
        """Why its manifest is not that of the inventory; empty where it is."""
