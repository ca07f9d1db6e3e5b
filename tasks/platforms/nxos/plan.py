"""What Cisco NX-OS is told. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, Place, place_of
from tasks.platforms.lines import Line, lines_of, number
from tasks.platforms.ownership import OWNER, raised, several_as

PATHS = 1  # NX-OS's own maximum-paths
FAMILY = "address-family ipv4 unicast"
TEMPLATE = f"template peer {OWNER}"
ONE_AS = re.compile(r"(neighbor \S+) (remote-as \d+)")  # as older releases print it
CHANGED = r"(remote-as|password|timers|description|ebgp-multihop|maximum-peers) "


class Nxos(Hierarchical):
    """Cisco NX-OS: a peer template of ours, and neighbours that inherit from it."""

    name = "NX-OS"
    template = "routers/nxos/bgp.j2"
    reverts = False
    kind = "CISCO_NXOS"
    beginnings = (f"ip prefix-list {OWNER}-", f"ip as-path access-list {OWNER} ", f"route-map {OWNER}-")
    family = FAMILY
    vrf = r"vrf context (\S+)"
    overwritten = (
        rf"{PROCESS}>{TEMPLATE}>{CHANGED}",
        rf"{PROCESS}>neighbor (\S+)>{CHANGED}",
        rf"{PROCESS}>vrf \S+>neighbor (\S+)>{CHANGED}",
        rf"{PROCESS}>{TEMPLATE}>{FAMILY}>maximum-prefix ",
    )
    negations = ((rf"{PROCESS}>{TEMPLATE}>(password) .*", r"no \1"),)

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or not there: features are the router's as well."""
        lines = set(lines_of(running))
        section = self.section(router.peering.vrf)
        top = {line.text for line in lines if not line.context}
        said = {line.text for line in lines if place_of(line.context) == section}
        paths = number("maximum-paths", running, lambda context: place_of(context) == (*section, FAMILY))
        wanted = ("bgp", "bfd") if router.peering.bfd else ("bgp",)
        return {
            "deeper": "  " if router.peering.vrf else "",
            "features": [name for name in wanted if f"feature {name}" not in top],
            "family": FAMILY not in said,
            "maximum_paths": raised(paths or PATHS, len(intent.peers_of(router))),
            "multipath_relax": several_as(intent, router) and "bestpath as-path multipath-relax" not in said,
        }

    def canonical(self, lines: Iterable[Line]) -> Iterator[Line]:
        """A neighbour's AS as a line of its own, wherever the release prints it."""
        for line in lines:
            context = tuple(ONE_AS.sub(r"\1", above) for above in line.context)
            if place_of(context) is not None and (header := ONE_AS.fullmatch(line.text)):
                yield Line(context, header[1])
                yield Line((*context, header[1]), header[2])
            else:
                yield Line(context, line.text)

    def member_of(self, line: Line) -> tuple[Place, str] | None:
        """A neighbour is ours that inherits from our template."""
        place = place_of(line.context)
        if not place or line.text != f"inherit peer {OWNER}" or not place[-1].startswith("neighbor "):
            return None
        return place[:-1], place[-1].split()[1]

    def descriptions(self, lines: Iterable[Line]) -> dict[Place, str]:
        """What our template is called."""
        said = (line.text for line in lines if place_of(line.context) == (TEMPLATE,))
        found = next((text for text in said if text.startswith("description ")), None)
        return {(): found.removeprefix("description ")} if found else {}

    def is_ours(
        self, line: Line, section: Place, neighbours: Collection[str], members: Collection[tuple[Place, str]]
    ) -> bool:
        """Our template, and the whole of a neighbour that is a node or inherits from it."""
        path = place_of((*line.context, line.text))
        if not path:
            return path is None and super().is_ours(line, section, neighbours, members)
        below = path[len(section) :]
        if path[0] == TEMPLATE:
            return True
        if path[: len(section)] != section or not below or not below[0].startswith("neighbor "):
            return False
        neighbour = below[0].split()[1]
        return neighbour in neighbours or (section, neighbour) in members
