"""What the tests ask of a router of the lab, whatever runs on it."""

from dataclasses import dataclass
from typing import Protocol

from tests.lab.laboratory import Laboratory

CLUSTER, CLUSTER_NETWORK = "10.33.", "10.33.0.0/16"  # pods, services and load balancers all begin so
Routes = dict[str, set[str]]


@dataclass(frozen=True)
class Session:
    """A router's session with one peer.

    Attributes:
        policy: the name of what filters the peer's routes.
        since: when it came to this state, by the clock of these tests (time.monotonic), which nobody sets meanwhile.
        counters: how often it came up and went down, where the router counts that.

    """

    state: str
    accepted: int
    sent: int
    policy: str
    since: float
    counters: tuple[int, int] | None

    @property
    def established(self) -> bool:
        """Whether it is up."""
        return self.state == "Established"


class Router(Protocol):
    """What the tests ask of a router, whatever runs on it.

    Attributes:
        mark: how everything is named that is Kubepeer's.
        change: how deploy.py names a change of its configuration.
        never_down: the counters of a session that came up once and has been up since.
        pending: a command that succeeds while a change is neither confirmed nor taken back.
        said_of_a_closed_session: what the router may know of a session that the peer's administrator has shut down.
        said_of_a_dead_peer: what it may know of one that is silent.

    """

    mark: str
    change: str
    never_down: tuple[int, int] | None
    pending: str
    said_of_a_closed_session: tuple[str, ...]
    said_of_a_dead_peer: tuple[str, ...]

    def routes(self, lab: Laboratory, router: str) -> Routes:
        """Prefix -> next hops that the daemon uses, of the cluster's networks, as learned by BGP and as the best."""

    def paths(self, lab: Laboratory, router: str, prefix: str) -> set[tuple[str, str]]:
        """What BGP has of a prefix: who announced it, and with which next hop."""

    def communities(self, lab: Laboratory, router: str, prefix: str) -> list[set[str]]:
        """The communities of each path of a prefix, AS:NUMBER and AS:NUMBER:NUMBER."""

    def session(self, lab: Laboratory, router: str, peer: str) -> Session | None:
        """The session with a peer; None where it is no neighbour."""

    def running(self, lab: Laboratory, router: str) -> str:
        """The configuration that the daemon runs with, as far as it tells."""

    def startup(self, lab: Laboratory, router: str) -> str:
        """The configuration that it starts with, to the byte."""

    def foreign(self, configuration: str) -> str:
        """One of these two without what has Kubepeer's name; everything else to the byte."""

    def loosen_by_hand(self, lab: Laboratory, router: str) -> tuple[str, str]:
        """Let single addresses of the load balancers' network in as /31 too: the line that stands now, and the right one."""

    def assert_starts_as_it_runs(self, lab: Laboratory, router: str) -> None:
        """A restart would change nothing."""

    def is_cut_off(self, lab: Laboratory, router: str, peer: str) -> bool:
        """Whether the session with a peer was closed since it announced too much; it stays closed until somebody has looked."""

    def admit_again(self, lab: Laboratory, router: str, peer: str) -> None:
        """What somebody does who has looked."""
