"""What a platform cannot do of what a router's peering asks for: the form in which each platform says it. Pure.

The platforms themselves are no part of the core: who loads an intent brings them along, by name.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from kubepeer.intent.families import IPV4, Version
from kubepeer.intent.model import Router
from kubepeer.intent.peering import Peering


def always(_: Peering) -> bool:
    """Wherever its sessions are."""
    return True


@dataclass(frozen=True)
class Inability:
    """An option that a platform has no statement for.

    Attributes:
        key: of data.peering.
        asked: whether a peering with nodes in these AS asks for it.
        why: what it has not.
        cure: what to write instead.

    """

    key: str
    asked: Callable[[Peering, Collection[int]], bool]
    why: str
    cure: str


@dataclass(frozen=True)
class Abilities:
    """What an inventory may ask of a platform.

    Attributes:
        inabilities: what it may not ask.
        most_paths: the most equal paths that it installs for one prefix; None where that is more than clusters have nodes.
        several_paths: it takes several paths of a prefix from one neighbour unasked (ADD-PATH, RFC 7911).
        as_override: whether it can put its own AS in the place of a neighbour's where a peering's sessions are.
        families: of which it is told sessions and routes.
        families_in_vrf: the same, of a router whose sessions are in a VRF.
        transports: the ways to it that its NAPALM driver has, where it has several: the inventory says which one is meant.

    """

    inabilities: tuple[Inability, ...] = ()
    most_paths: int | None = None
    several_paths: bool = False
    as_override: Callable[[Peering], bool] = always
    families: frozenset[Version] = frozenset({IPV4})
    families_in_vrf: frozenset[Version] = frozenset({IPV4})
    transports: tuple[str, ...] = ()


class Capable(Protocol):
    """Whoever says what it can: all that intent needs to know of a platform."""

    @property
    def abilities(self) -> Abilities:
        """What an inventory may ask of it."""


Platforms = Mapping[str, Capable]


def dynamic(peering: Peering, _: Collection[int]) -> bool:
    """Whoever connects from the nodes' network is a neighbour."""
    return peering.neighbours == "dynamic"


def large_communities(peering: Peering, _: Collection[int]) -> bool:
    """Communities of RFC 8092 are set."""
    return bool(peering.large_communities)


# What several platforms have not.
NO_SESSION_LIMIT = Inability("neighbours", dynamic, "it sets no limit to the sessions of a range", "neighbours: static")
NO_LARGE_COMMUNITIES = Inability(
    "communities",
    large_communities,
    "it has no statement to set large communities in the reference that the template follows",
    "leave out communities with two colons",
)
LONGEST_INTERFACE = 15  # IFNAMSIZ of linux/if.h less its end
LONG_VRF = Inability(
    "vrf",
    lambda peering, _: len(peering.vrf or "") > LONGEST_INTERFACE,
    f"a VRF is a device of Linux, and its name has {LONGEST_INTERFACE} characters at most",
    "the VRF's name as the router has it",
)


def inabilities(platforms: Platforms, router: Router, as_numbers: Collection[int]) -> Iterator[Inability]:
    """What its platform cannot do of what its peering asks for."""
    for one in platforms[router.platform].abilities.inabilities:
        if one.asked(router.peering, as_numbers):
            yield one
