"""What Cisco IOS and IOS XE are told. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hier_config import Platform

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from tasks.platforms.indented import PROCESS, Hierarchical, Line, in_process, lines_of, number
from tasks.platforms.ownership import OWNER, raised, several_as

PATHS = 1  # IOS's own maximum-paths
LISTEN_LIMIT = 100  # IOS's own
AS_PATH_LIST = 464  # IOS has numbers for these lists, 1 to 500, and no names
FAMILY = "address-family ipv4"
OF_FAMILY = re.compile(r"neighbor \S+ (route-map|maximum-prefix|default-originate|activate)\b.*|maximum-paths \d+")


class Ios(Hierarchical):
    """Cisco IOS: fragments that are copied into the running configuration, in their order."""

    name = "IOS"
    template = "routers/ios/bgp.j2"
    kind = Platform.CISCO_IOS
    beginnings = (f"ip prefix-list {OWNER}-", f"ip as-path access-list {AS_PATH_LIST} ", f"route-map {OWNER}-")
    overwritten = (
        rf"{PROCESS}>neighbor (\S+) (remote-as|description|password|timers|ebgp-multihop|ttl-security hops) ",
        rf"{PROCESS}>{FAMILY}>neighbor (\S+) maximum-prefix ",
    )
    negations = (
        (rf"{PROCESS}>(neighbor [\d.]+) peer-group {OWNER}", r"no \1"),
        (rf"{PROCESS}>(neighbor \S+ password) .*", r"no \1"),
    )

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is process-wide and set too low or not there; the number of our AS-path list."""
        lines = list(self.canonical(lines_of(running)))
        said = {line.text for line in lines if in_process(line.context)}
        limit = number("bgp listen limit", running, in_process) or LISTEN_LIMIT
        dynamic = router.peering.neighbours == "dynamic"
        # in old releases without address families it stands directly under the process
        paths = number(
            "maximum-paths", running, lambda context: in_process(context[:1]) and context[1:] in ((), (FAMILY,))
        )
        return {
            "as_path_list": AS_PATH_LIST,
            "maximum_paths": raised(paths or PATHS, len(intent.peers_of(router))),
            "listen_limit": raised(limit, router.peering.listen_limit) if dynamic else None,
            "multipath_relax": several_as(intent, router) and "bgp bestpath as-path multipath-relax" not in said,
            "activate": "no bgp default ipv4-unicast" in said,
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

    def first(self, standing: list[Line], wanted: list[Line], running: str) -> tuple[str, list[Line]]:
        """What goes as a whole and comes back: the group with its members where its AS changes; the AS-path list.

        `no ip as-path access-list N` with an entry behind it takes the whole list away in older releases.
        """
        entries = [line for line in standing if line.text.startswith(f"ip as-path access-list {AS_PATH_LIST} ")]
        said = ""
        if any(line not in wanted for line in entries):
            said = f"no ip as-path access-list {AS_PATH_LIST}\n"
            standing = [line for line in standing if line not in entries]
        process = next((line.context for line in standing if line.text == f"neighbor {OWNER} peer-group"), None)
        before, after = (
            {line.text for line in lines if line.text.startswith(f"neighbor {OWNER} remote-as ")}
            for lines in (standing, wanted)
        )
        if process is None or before == after:
            return said, standing
        gone = {OWNER, *self.members(running)}
        kept = [line for line in standing if not (gone & set(line.text.split()) and in_process(line.context[:1]))]
        return f"{said}{process[0]}\n no neighbor {OWNER} peer-group\nexit\n", kept


def _as_two(community: str) -> str:
    value = int(community)
    return f"{value >> 16}:{value & 0xFFFF}"
