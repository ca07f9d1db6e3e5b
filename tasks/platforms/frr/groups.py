"""Our peer groups in FRR's running configuration: the process that they are in, their members, and what goes with one. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from napalm_frr.as_numbers import Notation, process_of

from kubepeer.intent import Router
from tasks.platforms.lines import Line, lines_of
from tasks.platforms.ownership import Claim
from tasks.platforms.sides import GROUPS

OURS = f"(?:{'|'.join(GROUPS.values())})"  # the name of one of them, in a pattern


@dataclass(frozen=True)
class Process:
    """The BGP process that the sessions are in: the default one, or that of a VRF.

    Attributes:
        line: as it stands, or as it is made.
        as_number: its AS; None where it is not there yet.
        notation: how it writes AS numbers.

    """

    line: str
    as_number: int | None = None
    notation: Notation = "plain"

    def holds(self, context: tuple[str, ...], *below: str) -> bool:
        """Whether a context is the process itself, or that section of it."""
        return context == (self.line, *below)


def process_in(running: str, router: Router) -> Process:
    """The process of a router's sessions as it stands, with the words that FRR prints; else as it is made. A view is nobody's VRF."""
    vrf = router.peering.vrf
    for line in lines_of(running):
        found = process_of(line.text) if not line.context else None
        if found and found[1] == (vrf or "default") and " view " not in line.text:
            return Process(line.text, found[0], found[2])
    return Process(f"router bgp {router.as_number}" + (f" vrf {vrf}" if vrf else ""))


def is_range_of(text: str, group: str) -> bool:
    """Whether a statement takes whoever connects from a network into a group."""
    return text.startswith("bgp listen range ") and text.endswith(f" peer-group {group}")


def members(running: str, process: Process, group: str) -> set[str]:
    """The neighbours that are in a group of the process."""
    member = re.compile(rf"neighbor (\S+) peer-group {group}")
    lines = (line.text for line in lines_of(running) if process.holds(line.context))
    return {found[1] for text in lines if (found := member.fullmatch(text))}


def claims(running: str) -> list[Claim]:
    """What stands under the names of our groups, in every VRF: of both families together, since one may be new, or on its way out."""
    said: dict[str | None, list[str]] = {}
    for line in lines_of(running):
        if len(line.context) == 1 and (process := re.fullmatch(r"router bgp \S+(?: vrf (\S+))?", line.context[0])):
            said.setdefault(process[1], []).append(line.text)
    description = re.compile(rf"neighbor {OURS} description (.*)")
    member, range_ = (
        re.compile(rf"neighbor (\S+) peer-group {OURS}"),
        re.compile(rf"bgp listen range (\S+) peer-group {OURS}"),
    )
    return [
        Claim(
            vrf,
            next((found[1] for line in lines if (found := description.fullmatch(line))), ""),
            frozenset(found[1] for line in lines if (found := member.fullmatch(line))),
            frozenset(found[1] for line in lines if (found := range_.fullmatch(line))),
        )
        for vrf, lines in said.items()
    ]


def or_the_whole_group(stale: list[Line], group: str, members: Collection[str]) -> list[Line]:
    """Where the AS of a group changes it goes as a whole: FRR drops the members with the AS, and keeps the group's other lines.

    So does one whose family the cluster has no more.
    """
    ends = [
        line for line in stale if line.text.startswith((f"neighbor {group} remote-as ", f"neighbor {group} peer-group"))
    ]
    if not ends:
        return stale
    gone = {group, *members}
    kept = [line for line in stale if not (gone & set(line.text.split()) and line.context[:1] == ends[0].context)]
    return [Line(ends[0].context, f"neighbor {group} peer-group"), *kept]
