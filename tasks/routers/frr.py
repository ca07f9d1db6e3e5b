"""What FRR is told, planned from intent and its running configuration. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from kubepeer.intent import Intent, Router
from tasks.routers.guest import OWNER, Claim, raised, refuse_foreign_as, refuse_other_claims, several_as
from tasks.routers.hierarchy import PROCESS, Line, addresses, in_process, lines_of, number

OWNED_GLOBALS = (f"ip prefix-list {OWNER}-", f"bgp as-path access-list {OWNER} ", f"route-map {OWNER}-")
LISTEN_LIMIT = 100  # FRR's own: it is then not shown
RELAX = "bgp bestpath as-path multipath-relax"


class Frr:
    """FRR: fragments that are merged, `no` lines first."""

    name = "FRR"
    template = "routers/frr/bgp.conf.j2"
    on_linux = True
    takes_message = True
    driven = True
    reverts = True
    whole = False
    hides_passwords = False
    unusable = ""

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent: what is process-wide, where it is not there yet."""
        peers = len(intent.peers_of(router))
        dynamic = router.peering.neighbours == "dynamic"
        relaxed = any(line.text == RELAX for line in lines_of(running) if in_process(line.context))
        return {
            "maximum_paths": maximum_paths(peers, running),
            "listen_limit": _listen_limit(router.peering.listen_limit, running) if dynamic else None,
            "multipath_relax": several_as(intent, router) and not relaxed,
        }

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """The fragment to merge: what is ours and not wanted any more goes, then what is wanted comes.

        Args:
            intent: the router's peers among its nodes are the neighbours.
            router: which.
            rendered: the template's text.
            running: `show running-config`.

        Raises:
            RefusedError: the router speaks BGP in another AS than the inventory says, or is another inventory's.

        """
        for found in re.findall(r"^router bgp (\d+)\s*$", running, re.MULTILINE):
            refuse_foreign_as(router, int(found))
        refuse_other_claims(intent, router, _claims(running))
        wanted = set(lines_of(rendered))
        neighbours = addresses(intent, router)
        stale = [line for line in lines_of(running) if _is_ours(line, neighbours) and line not in wanted]
        stale = _or_the_whole_group(stale, running)
        listed = neighbours if router.peering.neighbours == "static" else frozenset()
        return "\n".join([*_removals(stale, listed), rendered])

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, each line with its context."""
        neighbours = addresses(intent, router) | _members(configuration)
        return "\n".join(_in_context(line, line.text) for line in lines_of(configuration) if _is_ours(line, neighbours))

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Peers of ours whose session this change ends on purpose.

        These are nodes that are no neighbours any more, and those (or all) whose other end must change as well.

        Args:
            intent: its nodes stay.
            router: which.
            running: the configuration before.
            diff: the change.

        """
        ours = _members(running)
        neighbours = addresses(intent, router)
        if re.search(rf"^ bgp listen range \S+ peer-group {OWNER}$", running, re.MULTILINE):
            ours |= neighbours
        both_ends = set(re.findall(r"^[-+]\s*neighbor (\S+) (?:password|remote-as|ttl-security) ", diff, re.MULTILINE))
        both_ends |= set(re.findall(rf"^-\s*neighbor (\S+) peer-group {OWNER}$", diff, re.MULTILINE))
        return ours if OWNER in both_ends else (ours - neighbours) | (ours & both_ends)


def _is_ours(line: Line, neighbours: Collection[str]) -> bool:
    if line.context and re.fullmatch(PROCESS, line.context[0]):
        words = line.text.split()
        if line.text.startswith("bgp listen range "):
            return line.text.endswith(f" peer-group {OWNER}")
        if words[0] != "neighbor":
            return False
        return words[1] == OWNER or words[1] in neighbours or line.text.endswith(f" peer-group {OWNER}")
    top = line.context[0] if line.context else line.text
    return top.startswith(OWNED_GLOBALS)


def _members(running: str) -> set[str]:
    return set(re.findall(rf"^ neighbor (\S+) peer-group {OWNER}$", running, re.MULTILINE))


def _claims(running: str) -> list[Claim]:
    """What stands under the name of our group, in every VRF."""
    said: dict[str | None, list[str]] = {}
    for line in lines_of(running):
        if len(line.context) == 1 and (process := re.fullmatch(r"router bgp \S+(?: vrf (\S+))?", line.context[0])):
            said.setdefault(process[1], []).append(line.text)
    beginning = f"neighbor {OWNER} description "
    return [
        Claim(
            vrf,
            next((line.removeprefix(beginning) for line in lines if line.startswith(beginning)), ""),
            frozenset(
                found[1] for line in lines if (found := re.fullmatch(rf"neighbor (\S+) peer-group {OWNER}", line))
            ),
            frozenset(
                found[1]
                for line in lines
                if (found := re.fullmatch(rf"bgp listen range (\S+) peer-group {OWNER}", line))
            ),
        )
        for vrf, lines in said.items()
    ]


def _or_the_whole_group(stale: list[Line], running: str) -> list[Line]:
    """Where the AS of the group changes it goes as a whole: FRR drops the members with the AS, and keeps the group's other lines."""
    ends = [line for line in stale if line.text.startswith(f"neighbor {OWNER} remote-as ")]
    if not ends:
        return stale
    gone = {OWNER, *_members(running)}
    kept = [line for line in stale if not (gone & set(line.text.split()) and line.context[:1] == ends[0].context)]
    return [Line(ends[0].context, f"neighbor {OWNER} peer-group"), *kept]


def _removals(stale: Iterable[Line], neighbours: Collection[str]) -> Iterator[str]:
    """`no` lines; what stands under a line that goes as a whole needs none of its own, and no neighbour goes twice."""
    gone: set[str] = set()
    for line in stale:
        if line.context and line.context[0] in gone:
            continue
        words = line.text.split()
        text = line.text
        if words[0] == "neighbor" and words[1] not in (*neighbours, OWNER):
            text = f"neighbor {words[1]}"
            if text in gone:
                continue
            gone.add(text)
        elif words[0] == "route-map":
            gone.add(line.text)
        elif words[:2] == ["ip", "prefix-list"]:
            text = " ".join(words[:5])  # ip prefix-list NAME seq N
        elif words[0] == "call":
            text = "call"  # an entry has one
        yield _in_context(line, f"no {text}")


def _in_context(line: Line, text: str) -> str:
    """A statement with the lines that lead to its context, and back out of it."""
    depths = range(len(line.context))
    into = [" " * depth + line.context[depth] for depth in depths]
    out = [
        " " * depth + ("exit-address-family" if line.context[depth].startswith("address-family") else "exit")
        for depth in reversed(depths)
    ]
    return "\n".join([*into, " " * len(line.context) + text, *out])


def maximum_paths(needed: int, running: str) -> int | None:
    """The number of equal paths to ask for; None while the process's own is enough.

    FRR's default is what it was built with (64 or 256): only a number that was set can be too low.
    """
    return raised(number("maximum-paths", running, _is_ipv4_unicast), needed)


def _listen_limit(needed: int, running: str) -> int | None:
    standing = number("bgp listen limit", running, in_process)
    return raised(standing or LISTEN_LIMIT, needed)


def _is_ipv4_unicast(context: tuple[str, ...]) -> bool:
    return in_process(context[:1]) and context[1:] == ("address-family ipv4 unicast",)
