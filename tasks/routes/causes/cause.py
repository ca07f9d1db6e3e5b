"""What a cause is: what it looks at, what it says, and what proves it. Pure."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from kubepeer.checks import Evidence, Finding
from kubepeer.intent.families import Address, Network
from tasks.platforms.hops import Hop
from tasks.platforms.second_look import ConfiguredPeer, RouterLook
from tasks.platforms.seen import RouterSeen, Session
from tasks.routes.causes.cluster_look import ClusterLook, NodeObject
from tasks.routes.causes.node_look import NodeLook, NodePeer
from tasks.routes.expected import Announced

LONGEST = 200  # of an answer that is shown: the rest is on the device


@dataclass(frozen=True)
class Situation:
    """All that is known of one router whose checks have failed, and of the other end.

    Attributes:
        host: the router's name.
        addresses: its own, as the nodes know it.
        as_number: that the inventory gives it.
        seen: what the checks have judged.
        announced: what the cluster should announce.
        router: its second look.
        nodes: by address the second look of the nodes that somebody has asked.
        names: by address the names of nodes in the inventory.
        cluster: the API's account.

    """

    host: str
    addresses: tuple[Address, ...]
    as_number: int
    seen: RouterSeen
    announced: Announced = field(default_factory=Announced)
    router: RouterLook = field(default_factory=RouterLook)
    nodes: Mapping[Address, NodeLook] = field(default_factory=dict)
    names: Mapping[Address, str] = field(default_factory=dict)
    cluster: ClusterLook = field(default_factory=ClusterLook)

    def name(self, address: Address) -> str:
        """What a node is called: in the inventory, else in the cluster, else its address."""
        return self.names.get(address) or self.announced.speakers.get(address) or str(address)

    def object_of(self, address: Address) -> NodeObject | None:
        """The node as the API has it."""
        return self.cluster.nodes.get(self.announced.speakers.get(address, ""))


@dataclass(frozen=True)
class Lost:
    """A session that is not as it should be, with both of its ends.

    Attributes:
        own: the node's own session with this router; None where it has none, or could not be asked.

    """

    peer: Address
    session: Session | None
    configured: ConfiguredPeer | None
    node: NodeLook | None
    situation: Situation

    @property
    def own(self) -> NodePeer | None:
        """The node's end."""
        peers = self.node.peers if self.node else None
        return next((one for address, one in (peers or {}).items() if address in self.situation.addresses), None)

    @property
    def host(self) -> str:
        """The router."""
        return self.situation.host

    @property
    def name(self) -> str:
        """The node."""
        return self.situation.name(self.peer)

    def at_router(self, subject: str, answered: str) -> Evidence:
        """What the router says: of its configuration, or of its neighbours."""
        return Evidence(self.host, self.situation.router.asked.get(subject, subject), shortened_text(answered))

    def at_node(self, asked: str, answered: str) -> Evidence:
        """What the node says."""
        return Evidence(self.name, asked, shortened_text(answered))

    def at_api(self, asked: str, answered: str) -> Evidence:
        """What the cluster's API says."""
        return Evidence("api", asked, shortened_text(answered))

    @property
    def as_seen(self) -> Evidence:
        """The session as the router shows it."""
        session = self.session
        said = "no such neighbour" if session is None else f"{session.state}: {session.last_error}".rstrip(": ")
        return self.at_router("neighbours", f"{self.peer} {said}")


@dataclass(frozen=True)
class Wrong:
    """A prefix that is not as it should be in one layer.

    Attributes:
        missing: the next hops whose absence is not that of a lost session.

    """

    prefix: Network
    finding: Finding
    missing: tuple[Hop, ...]
    situation: Situation

    @property
    def layer(self) -> str:
        """bgp, rib or kernel."""
        return self.finding.layer


@dataclass(frozen=True)
class Alternative:
    """What may be so as well, and the command that would decide."""

    what: str
    decides: str


@dataclass(frozen=True)
class Explanation:
    """A cause that is proved.

    Attributes:
        cause: the name of its class.
        says: it, in one line, with who it is of.
        evidence: what proves it; never empty.
        cure: what to do.
        alternatives: what the evidence leaves open.

    """

    cause: str
    says: str
    evidence: tuple[Evidence, ...]
    cure: str
    alternatives: tuple[Alternative, ...] = ()

    @property
    def text(self) -> str:
        """With what is open."""
        says = self.says.replace("; ", ", ")  # which stands between reasons
        if not self.alternatives:
            return says
        return f"{says} (open: {', or '.join(f'{one.what}, decided by {one.decides}' for one in self.alternatives)})"


class Cause:
    """A cause; its docstring is its manual, with the lines Looks at, Proved by and Cure."""

    cure: ClassVar[str] = ""

    @classmethod
    def manual(cls) -> str:
        """Its name and its docstring."""
        said = inspect.cleandoc(cls.__doc__ or "").replace("\n", "\n  ").rstrip()
        return f"{cls.__name__}\n  {said}"

    def proved(
        self, says: str, *evidence: Evidence, alternatives: Iterable[Alternative] = (), **named: object
    ) -> Explanation:
        """The explanation, with the cure's names filled in."""
        return Explanation(type(self).__name__, says, evidence, self.cure.format(**named), tuple(alternatives))


class CauseOfSession(Cause, ABC):
    """A cause that a session is lost for."""

    @abstractmethod
    def explain(self, lost: Lost) -> Explanation | None:
        """The explanation, where its evidence is there; None otherwise."""


class CauseOfRoute(Cause, ABC):
    """A cause that a prefix has other next hops for, although its sessions are up."""

    @abstractmethod
    def explain(self, wrong: Wrong) -> Explanation | None:
        """The explanation, where its evidence is there; None otherwise."""


def shortened_text(text: str) -> str:
    """A device's answer in one line that a person reads."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= LONGEST else f"{one_line[: LONGEST - 3]}..."
