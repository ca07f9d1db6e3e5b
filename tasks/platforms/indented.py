"""Routers whose configuration is indented lines: what is ours in it, compared with what is wanted by hier-config. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from hier_config import HConfig, HConfigChild, Platform, WorkflowRemediation, get_hconfig, get_hconfig_driver
from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule

from kubepeer.intent import Intent, Router
from tasks.platforms.ownership import OWNER, refuse_foreign_as

PROCESS = r"router bgp \d+"  # not a VRF's or a view's: their neighbours and numbers are never ours
EXITS = ("exit", "exit-address-family", "end")
HIDDEN = re.compile(r"((?:.* )?password) \d+ \S+")  # a password as the router stores it: nobody can compare it
BOTH_ENDS = re.compile(
    r"^[-+ ]*(?:no )?(?:neighbor (\S+) )?(?:password|remote-as|ttl-security|ttl maximum-hops) ", re.MULTILINE
)
REMOVED = re.compile(rf"^(?:-\s*|[-+ ]*no )neighbor ([\d.]+)(?: peer[- ]group {OWNER})?$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A line of a configuration, with the lines that it stands under."""

    context: tuple[str, ...]
    text: str


def lines_of(configuration: str) -> Iterator[Line]:
    """The lines of a configuration with their contexts: whatever is indented further stands under the line before."""
    stack: list[tuple[int, str]] = []
    for raw in configuration.splitlines():
        text = raw.strip()
        if not text or text.startswith("!") or text in EXITS:
            continue
        depth = len(raw) - len(raw.lstrip(" "))
        stack = list(takewhile(lambda above, depth=depth: above[0] < depth, stack))  # type: ignore[misc]
        yield Line(tuple(above for _, above in stack), text)
        stack.append((depth, text))


def number(statement: str, configuration: str, where: Callable[[tuple[str, ...]], bool]) -> int | None:
    """The number that a statement has in the places asked for; None where it does not stand."""
    pattern = re.compile(rf"{statement} (\d+)(?: .*)?")
    found = (pattern.fullmatch(line.text) for line in lines_of(configuration) if where(line.context))
    return next((int(one[1]) for one in found if one), None)


def in_process(context: tuple[str, ...]) -> bool:
    """Directly under the BGP process."""
    return len(context) == 1 and bool(re.fullmatch(PROCESS, context[0]))


def addresses(intent: Intent, router: Router) -> frozenset[str]:
    """The addresses of the nodes that a router peers with."""
    return frozenset(str(node.address) for node in intent.peers_of(router))


class Hierarchical:
    """What EOS, IOS and NX-OS have in common.

    Attributes:
        kind: hier-config's name of the platform.
        beginnings: how the lines begin that are ours by name, outside the BGP process.
        overwritten: statements of which a second replaces the first, so that no `no` is needed (and no session ends for it).
        negations: (search, replace) for what follows `no` in another form than the line itself.

    """

    name: str
    template: str
    whole = False
    hides_passwords = True
    on_linux = False
    takes_message = False  # NAPALM's drivers for EOS, IOS and NX-OS raise NotImplementedError
    driven = True
    reverts = True
    unusable = ' "?'
    kind: Platform
    beginnings: tuple[str, ...]
    overwritten: tuple[str, ...] = ()
    negations: tuple[tuple[str, str], ...] = ()

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent."""
        raise NotImplementedError

    def is_ours(self, line: Line, neighbours: Collection[str], groups: Collection[Line]) -> bool:  # noqa: ARG002
        """Whether a line is Kubepeer's. `groups`: where our name is taken over, of the whole configuration."""
        if line.context and re.fullmatch(PROCESS, line.context[0]):
            words = line.text.removeprefix("no ").split()
            if words[:3] == ["bgp", "listen", "range"]:
                return f" peer-group {OWNER}" in line.text
            return words[0] == "neighbor" and (words[1] in (OWNER, *neighbours) or self.is_member(line))
        return (line.context[0] if line.context else line.text).startswith(self.beginnings)

    def is_member(self, line: Line) -> bool:
        """Whether a line puts a neighbour into our group."""
        return bool(re.fullmatch(rf"neighbor [\d.]+ peer[- ]group {OWNER}", line.text))

    def members(self, running: str) -> set[str]:
        """The neighbours that are in our group."""
        return {line.text.split()[1] for line in lines_of(running) if in_process(line.context) and self.is_member(line)}

    def standing(self, intent: Intent, router: Router, running: str) -> list[Line]:
        """What is ours in the running configuration."""
        return self._ours(running, addresses(intent, router) if router.peering.neighbours == "static" else frozenset())

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, of nodes too that have left the inventory since."""
        return text_of(self._ours(configuration, addresses(intent, router) | self.members(configuration)))

    def _ours(self, configuration: str, neighbours: Collection[str]) -> list[Line]:
        lines = list(self.canonical(lines_of(configuration)))
        groups = [line for line in lines if self.is_member(line)]
        return [line for line in lines if self.is_ours(line, neighbours, groups)]

    def canonical(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Lines as the template writes them, where the router may print them in another form."""
        yield from lines

    def first(self, standing: list[Line], wanted: list[Line], running: str) -> tuple[str, list[Line]]:  # noqa: ARG002
        """What must be said before all else, and what is left of ours after it."""
        return "", standing

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """What leads from what is ours in the running configuration to what is wanted.

        Raises:
            RefusedError: the router speaks BGP in another AS than the inventory says.

        """
        for found in re.findall(r"^router bgp (\d+)\s*$", running, re.MULTILINE):
            refuse_foreign_as(router, int(found))
        wanted = list(lines_of(rendered))
        standing = self.standing(intent, router, running)
        # what is active by the process's own default is shown by some releases and not by others: it is never switched off
        standing = [line for line in standing if line in wanted or not line.text.endswith(" activate")]
        first, left = self.first(_known_passwords(standing, wanted), wanted, running)
        return first + self.remediation(left, wanted)

    def remediation(self, standing: Iterable[Line], wanted: Iterable[Line]) -> str:
        """The lines that change one into the other, sections closed; "" when they say the same."""
        driver = get_hconfig_driver(self.kind)
        for search, replace in self.negations:
            driver.rules.negation_sub.append(
                NegationSubRule(match_rules=_lineage(search), search=rf"^no {search.split('>')[-1]}$", replace=replace)
            )
        for search in self.overwritten:
            driver.rules.idempotent_commands.append(IdempotentCommandsRule(match_rules=_lineage(search)))
        before, after = get_hconfig(driver, text_of(standing)), get_hconfig(driver, text_of(wanted))
        return "".join(f"{line}\n" for line in _written(WorkflowRemediation(before, after).remediation_config, 0))

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Nodes that are no neighbours any more, and those (or all) whose other end must change as well."""
        neighbours = addresses(intent, router)
        ours = self.members(running)
        if any(f"peer-group {OWNER}" in line.text and "listen" in line.text for line in lines_of(running)):
            ours |= neighbours
        named = {*BOTH_ENDS.findall(diff), *REMOVED.findall(diff)}
        return ours if named & {OWNER, ""} else (ours - neighbours) | (ours & named)


def _known_passwords(standing: list[Line], wanted: list[Line]) -> list[Line]:
    """A hidden password is taken for ours as long as our description has the mark of the wanted one (ownership.description)."""
    described = [line for line in wanted if re.search(r"description .*, password \w+$", line.text)]
    if not described or described[0] not in standing:
        return standing
    known = {(line.context, line.text.rpartition(" ")[0]): line for line in wanted if "password " in line.text}
    return [
        known.get((line.context, hidden[1]), line) if (hidden := HIDDEN.fullmatch(line.text)) else line
        for line in standing
    ]


def _lineage(search: str) -> tuple[MatchRule, ...]:
    """Rules for a line and what it stands under: patterns, outermost first, with > between."""
    return tuple(MatchRule(re_search=f"^{part}") for part in search.split(">"))


def text_of(lines: Iterable[Line]) -> str:
    """Lines as a configuration, each below what it stands under."""
    said: dict[tuple[str, ...], None] = {}
    for line in lines:
        for depth in range(len(line.context)):
            said.setdefault(line.context[: depth + 1])
        said.setdefault((*line.context, line.text))
    return "".join(f"{'  ' * (len(path) - 1)}{path[-1]}\n" for path in _in_sections(said))


def _in_sections(paths: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Each path behind the one that it stands under, else in the order in which they came."""
    below: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path in paths:
        below.setdefault(path[:-1], []).append(path)

    def walk(above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for path in below.get(above, ()):
            yield path
            yield from walk(path)

    return walk(())


def _written(section: HConfig | HConfigChild, depth: int) -> Iterator[str]:
    for child in sorted(section.children):
        yield f"{' ' * depth}{child.text}"
        if child.children:
            yield from _written(child, depth + 1)
            yield f"{' ' * depth}exit"
