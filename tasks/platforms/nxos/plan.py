"""What Cisco NX-OS is told. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from hier_config import Platform

from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, Line, in_process, lines_of, number
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
    kind = Platform.CISCO_NXOS
    beginnings = (f"ip prefix-list {OWNER}-", f"ip as-path access-list {OWNER} ", f"route-map {OWNER}-")
    overwritten = (
        rf"{PROCESS}>{TEMPLATE}>{CHANGED}",
        rf"{PROCESS}>neighbor (\S+)>{CHANGED}",
        rf"{PROCESS}>{TEMPLATE}>{FAMILY}>maximum-prefix ",
    )
    negations = ((rf"{PROCESS}>{TEMPLATE}>(password) .*", r"no \1"),)

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or not there: features are the router's as well."""
        lines = set(lines_of(running))
        top = {line.text for line in lines if not line.context}
        process = {line.text for line in lines if in_process(line.context)}
        paths = number("maximum-paths", running, lambda context: in_process(context[:1]) and context[1:] == (FAMILY,))
        wanted = ("bgp", "bfd") if router.peering.bfd else ("bgp",)
        return {
            "features": [name for name in wanted if f"feature {name}" not in top],
            "family": FAMILY not in process,
            "maximum_paths": raised(paths or PATHS, len(intent.peers_of(router))),
            "multipath_relax": several_as(intent, router) and "bestpath as-path multipath-relax" not in process,
        }

    def canonical(self, lines: Iterable[Line]) -> Iterator[Line]:
        """A neighbour's AS as a line of its own, wherever the release prints it."""
        for line in lines:
            context = tuple(ONE_AS.sub(r"\1", above) for above in line.context)
            if in_process(context) and (header := ONE_AS.fullmatch(line.text)):
                yield Line(context, header[1])
                yield Line((*context, header[1]), header[2])
            else:
                yield Line(context, line.text)

    def is_member(self, line: Line) -> bool:
        """A neighbour is ours that inherits from our template."""
        return line.text == f"inherit peer {OWNER}" and in_process(line.context[:1]) and len(line.context) > 1

    def members(self, running: str) -> set[str]:
        """The neighbours that inherit from our template."""
        return {line.context[1].split()[1] for line in lines_of(running) if self.is_member(line)}

    def is_ours(self, line: Line, neighbours: Collection[str], groups: Collection[Line]) -> bool:
        """Our template, and the whole of a neighbour that is a node or inherits from it."""
        path = (*line.context, line.text)
        if not re.fullmatch(PROCESS, path[0]):
            return path[0].startswith(self.beginnings)
        if len(path) == 1 or not path[1].startswith("neighbor "):
            return path[1:2] == (TEMPLATE,)
        inherits = any(group.context[:2] == path[:2] for group in groups)
        return inherits or path[1].split()[1] in neighbours
