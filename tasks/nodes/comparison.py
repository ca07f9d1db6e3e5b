"""What nodes say side by side: worked out once for all of them, however many there are. Pure."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepeer import words
from tasks.nodes.facts import NodeFacts

NAMED = 10  # machines that a reason names before it counts them
EXAMPLES = 3
Holders = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Compared:
    """The facts of all observed nodes, and what follows from all of them.

    Attributes:
        every: the facts by name, in the inventory's order.
        clock: the median of what their clocks are ahead by.
        doubt: the most that one may be less ahead.
        macs: all hardware addresses.
        with_mac: hardware address -> the nodes that have it, in their order; the kind of the address is "".
        with_identity: kind and value of what no two machines may share -> the nodes that have it.

    """

    every: Mapping[str, NodeFacts]
    clock: float
    doubt: float
    macs: frozenset[str]
    with_mac: Holders
    with_identity: Holders

    @classmethod
    def of(cls, every: Mapping[str, NodeFacts]) -> "Compared":
        """Of these nodes, in the inventory's order."""
        return cls(
            every,
            clock=statistics.median(facts.clock_offset for facts in every.values()) if every else 0.0,
            doubt=max((facts.clock_doubt for facts in every.values()), default=0.0),
            macs=frozenset(mac for facts in every.values() for mac in facts.macs),
            with_mac=_holders((("", mac), name) for name, facts in every.items() for mac in facts.macs),
            with_identity=_holders(
                ((kind, value), name)
                for name, facts in every.items()
                for kind, values in facts.identity.items()
                for value in values
            ),
        )

    def same_mac(self, name: str) -> list[str]:
        """The other nodes that have a hardware address of this one."""
        return self._others(name, self.with_mac, (("", mac) for mac in self.every[name].macs))

    def same_identity(self, name: str, kind: str) -> list[str]:
        """The other nodes that have one of its values; two members have been living with it."""
        own = self.every[name]
        found = self._others(name, self.with_identity, ((kind, value) for value in own.identity.get(kind, ())))
        return [other for other in found if not (own.member and self.every[other].member)]

    def _others(self, name: str, holders: Holders, values: Iterable[tuple[str, str]]) -> list[str]:
        found = {other for value in values for other in holders[value] if other != name}
        return [other for other in self.every if other in found] if found else []


def _holders(pairs: Iterable[tuple[tuple[str, str], str]]) -> Holders:
    found: dict[tuple[str, str], list[str]] = {}
    for value, name in pairs:
        found.setdefault(value, []).append(name)
    return {value: tuple(names) for value, names in found.items()}


def listed(names: list[str]) -> str:
    """Names for a reason; of very many some, and how many more there are."""
    return words.listed(names, EXAMPLES if len(names) > NAMED else NAMED)
