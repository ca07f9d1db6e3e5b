"""How the sessions and routes of a router are asked for, whatever its platform. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

from kubepeer.intent.families import Address, Network
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.seen import RouterSeen


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
