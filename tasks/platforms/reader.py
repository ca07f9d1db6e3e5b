"""How the sessions and routes of a router are asked for, whatever its platform. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar, runtime_checkable

from kubepeer.errors import CommandError
from kubepeer.intent.families import Address, Network
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.seen import RouterSeen

Read = TypeVar("Read")
# What reading a document of another form than the one that is known ends with, a nesting without end among it.
UNKNOWN_FORM = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def legible(question: str) -> Iterator[None]:
    """Read an answer; one that is of no known form is an error that names the question, and never a part of a verdict.

    Raises:
        CommandError: it is.

    """
    try:
        yield
    except UNKNOWN_FORM as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise CommandError(
            f"the answer to the question '{question}' has a form that is not known: {said}",
            cure="run again; if it stays so, report it with the router's version",
        ) from error


def each(answers: Iterable[str], kind: str, read: Callable[[str], Iterable[Read]]) -> list[Read]:
    """What is read of the answers of one kind, question by question: `rib 10.33.0.0/17`.

    Raises:
        CommandError: one is of a form that is not known.

    """
    found: list[Read] = []
    for name in answers:
        if name.split(" ")[0] == kind:
            with legible(name):
                found.extend(read(name))
    return found


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
