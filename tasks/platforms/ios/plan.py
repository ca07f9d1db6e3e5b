"""What Cisco IOS and IOS XE are told. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, Place, in_process, place_of
from tasks.platforms.lines import Line, lines_of, number
from tasks.platforms.ownership import OWNER, raised, several_as

PATHS = 1  # IOS's own maximum-paths
LISTEN_LIMIT = 100  # IOS's own
AS_PATH_LIST = 464  # IOS has numbers for these lists, 1 to 500, and no names
FAMILY = "address-family ipv4"
PLACES = (PROCESS, rf"{PROCESS}>{FAMILY}", rf"{PROCESS}>{FAMILY} vrf \S+")
OF_FAMILY = re.compile(r"neighbor \S+ (route-map|maximum-prefix|default-originate|activate)\b.*|maximum-paths \d+")


class Ios(Hierarchical):
    """Cisco IOS: fragments that are copied into the running configuration, in their order."""

    name = "IOS"
    template = "routers/ios/bgp.j2"
    kind = "CISCO_IOS"
    beginnings = (f"ip prefix-list {OWNER}-", f"ip as-path access-list {AS_PATH_LIST} ", f"route-map {OWNER}-")
    family = FAMILY
    vrf = r"(?:vrf definition|ip vrf) (\S+)"
    overwritten = tuple(
        rf"{place}>neighbor (\S+) (remote-as|description|password|timers|ebgp-multihop|ttl-security hops|maximum-prefix) "
        for place in PLACES
    )
    negations = (
        *((rf"{place}>(neighbor \S+) peer-group {OWNER}", r"no \1") for place in PLACES),
        *((rf"{place}>(neighbor \S+ password) .*", r"no \1") for place in PLACES),
    )

    def section(self, vrf: str | None) -> Place:
        """A VRF is an address family here, and all that is said of its sessions stands in it."""
        return (f"{FAMILY} vrf {vrf}",) if vrf else ()

    def group_places(self, section: Place) -> Collection[Place]:
        """A VRF has groups of its own."""
        return self.member_places(section)

    def member_places(self, section: Place) -> Collection[Place]:
        """The process and its family, or the VRF's."""
        return (section,) if section else ((), (FAMILY,))

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or not there; the number of our AS-path list."""
        lines = list(self.canonical(lines_of(running)))
        said = {line.text for line in lines if in_process(line.context)}
        limit = number("bgp listen limit", running, in_process) or LISTEN_LIMIT
        dynamic = router.peering.neighbours == "dynamic"
        # in old releases without address families it stands directly under the process
        places = self.member_places(self.section(router.peering.vrf))
        paths = number("maximum-paths", running, lambda context: place_of(context) in places)
        return {
            "deeper": " " if router.peering.vrf else "",
            "as_path_list": AS_PATH_LIST,
            "maximum_paths": raised(paths or PATHS, len(intent.peers_of(router))),
            "listen_limit": raised(limit, router.peering.listen_limit) if dynamic else None,
            "multipath_relax": several_as(intent, router) and "bgp bestpath as-path multipath-relax" not in said,
            "activate": bool(router.peering.vrf) or "no bgp default ipv4-unicast" in said,
        }

    def canonical(self, lines: Iterable[Line]) -> Iterator[Line]:
        """A process without address families says directly what another says in one; communities may be printed as one number."""
        for line in lines:
            if in_process(line.context) and OF_FAMILY.fullmatch(line.text):
                yield replace(line, context=(*line.context, FAMILY))
            elif line.text.startswith("set community "):
                yield replace(
                    line, text=re.sub(r"(?<= )\d+(?= )", lambda found: _as_two(found[0]), f"{line.text} ").strip()
                )
            else:
                yield line

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """What leads from what is ours to what is wanted.

        Raises:
            RefusedError: the router is in another AS, or our AS-path list is somebody else's.

        """
        lines = set(lines_of(running))
        theirs = any(line.text.startswith(f"ip as-path access-list {AS_PATH_LIST} ") for line in lines)
        if theirs and Line((f"route-map {OWNER}-IN permit 10",), f"match as-path {AS_PATH_LIST}") not in lines:
            raise RefusedError(
                f"AS-path list {AS_PATH_LIST} is somebody else's, and Kubepeer needs it (IOS has no names for them)",
                host=router.name,
                cure="give that list another number",
            )
        return super().candidate(intent, router, rendered, running)

    def first(self, router: Router, standing: list[Line], wanted: list[Line], running: str) -> tuple[str, list[Line]]:
        """What goes as a whole and comes back: the AS-path list; the group with its members where its AS changes; a node made by hand.

        `no ip as-path access-list N` with an entry behind it takes the whole list away in older releases. A neighbour whose AS, or whose
        group with the AS, is taken from it goes with all that was said of it.
        """
        entries = [line for line in standing if line.text.startswith(f"ip as-path access-list {AS_PATH_LIST} ")]
        said = ""
        if any(line not in wanted for line in entries):
            said = f"no ip as-path access-list {AS_PATH_LIST}\n"
            standing = [line for line in standing if line not in entries]
        before, after = (
            {line.text for line in lines if line.text.startswith(f"neighbor {OWNER} remote-as ")}
            for lines in (standing, wanted)
        )
        group = f"{OWNER} peer-group"
        stands = any(line.text == f"neighbor {group}" for line in standing)
        whole_group = {OWNER, *self.members(router, running)} if stands and before != after else set()
        nodes = sorted(_made_by_hand(standing, wanted) - whole_group)
        gone = whole_group | set(nodes)
        if not gone:
            return said, standing
        section = self.section(router.peering.vrf)
        context = (next(line.context[0] for line in standing if place_of(line.context) is not None), *section)
        kept = [line for line in standing if place_of(line.context) is None or not gone & set(line.text.split())]
        into = [" " * depth + above for depth, above in enumerate(context)]
        ranges = [line.text for line in standing if line not in kept and line.text.startswith("bgp listen range ")]
        ends = [*ranges, *([f"neighbor {group}"] if whole_group else []), *(f"neighbor {node}" for node in nodes)]
        away = [f"{' ' * len(context)}no {end}" for end in ends]
        out = [f"{' ' * depth}exit" for depth in reversed(range(len(context)))]
        return said + "".join(f"{line}\n" for line in (*into, *away, *out)), kept


def _made_by_hand(standing: Iterable[Line], wanted: Iterable[Line]) -> set[str]:
    """Nodes that somebody has given an AS of their own, or another group, and that are to get both from ours."""
    said = {tuple(line.text.split()[:3]) for line in wanted}
    nodes = {words[1] for words in said if words[0] == "neighbor"}
    found = (line.text.split() for line in standing if re.match(r"neighbor \S+ (remote-as|peer-group) ", line.text))
    return {
        words[1]
        for words in found
        if words[1] in nodes - {OWNER}
        and (tuple(words[:3]) not in said if words[2] == "remote-as" else words[3] != OWNER)
    }


def _as_two(community: str) -> str:
    value = int(community)
    return f"{value >> 16}:{value & 0xFFFF}"
