"""How the sessions and routes of a router are asked for, whatever its platform. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

from kubepeer.intent.families import Address, Network, by_number, within
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.seen import RouterSeen, Session


class RouterReader(Protocol):
    """How the routers of one platform are asked, and how their answers are read."""

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:
        """Shell commands by name, for tasks.linux.observe.ask: one round trip.

        Args:
            networks: ask about prefixes in these alone, so that the cost does not grow with the router's table.
            probes: for a prefix, the address whose route the kernel is asked for.

        """

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:
        """Read the answers.

        Raises:
            CommandError: an answer is missing or cannot be read; with the router's own words.

        """


@runtime_checkable
class DriverReader(RouterReader, Protocol):
    """A reader whose questions are show commands, and names of getters, for the router's NAPALM driver: its shell is none.

    Attributes:
        encoding: of the answers to show commands, as NAPALM's cli() names it.

    """

    encoding: str


@runtime_checkable
class ReadsVrfs(Protocol):
    """A reader that can also read the tables of a VRF."""

    def in_vrf(self, vrf: str, files: ConfigurationFiles | None = None) -> RouterReader:
        """The reader of that VRF; what BIRD's table is in the kernel stands in its files."""


@runtime_checkable
class ReadsCommunities(Protocol):
    """A reader that asks for the communities of paths only where they are wanted, since that costs something."""

    def with_communities(self) -> RouterReader:
        """The reader that asks for them."""


@runtime_checkable
class ReadsLeaks(Protocol):
    """A reader that can ask which prefixes a neighbour has brought outside of networks; asked where its count says that there are some."""

    def leak_questions(self, sessions: Iterable[Session], networks: Sequence[Network]) -> dict[str, str]:
        """Shell commands by name, one a session."""

    def read_leaks(
        self, answers: Mapping[str, Answer], networks: Sequence[Network]
    ) -> dict[Address, tuple[Network, ...]]:
        """What each neighbour has brought outside of the networks, and the router has taken.

        Raises:
            CommandError: an answer cannot be read.

        """


@dataclass(frozen=True)
class ByVrf:
    """What the readers share that ask a router for a VRF by its name.

    Attributes:
        vrf: the VRF whose sessions and tables are meant; None: the default one alone.

    """

    vrf: str | None = None

    def in_vrf(self, vrf: str, files: ConfigurationFiles | None = None) -> Self:  # noqa: ARG002  the router tells all by itself
        """The same, of a VRF."""
        return replace(self, vrf=vrf)


def outside(prefixes: Iterable[Network], networks: Sequence[Network]) -> tuple[Network, ...]:
    """The prefixes that lie in none of the networks, in order."""
    found = {one for one in prefixes if not any(within(one, network) for network in networks)}
    return tuple(sorted(found, key=by_number))
