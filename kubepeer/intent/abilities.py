"""What a platform cannot do of what a router's peering asks for; docs/routers.md names the source of each. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from kubepeer.intent.model import Peering, Platform, Router


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


def _dynamic(peering: Peering, _: Collection[int]) -> bool:
    return peering.neighbours == "dynamic"


INABILITIES: Mapping[Platform, tuple[Inability, ...]] = {
    "bird": (Inability("neighbours", _dynamic, "it sets no limit to the sessions of a range", "neighbours: static"),),
}


def inabilities(router: Router, as_numbers: Collection[int]) -> Iterator[Inability]:
    """What its platform cannot do of what its peering asks for."""
    for one in INABILITIES.get(router.platform, ()):
        if one.asked(router.peering, as_numbers):
            yield one
