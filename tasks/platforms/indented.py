"""Routers whose configuration is indented lines: what is ours in it, and what leads to what is wanted. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.lines import Line, lines_of, paths_of, text_of
from tasks.platforms.ownership import OWNER, Claim, as_plain, refuse_foreign_as, refuse_missing_vrf, refuse_other_claims

PROCESS = r"router bgp (?:\d+\.)?\d+"  # what stands under it in a VRF of somebody else is never ours
Place = tuple[str, ...]  # what a line stands under, below the process
HIDDEN = re.compile(r"((?:.* )?password) \d+ \S+")  # a password as the router stores it: nobody can compare it
BOTH_ENDS = re.compile(
    r"^[-+ ]*(?:no )?(?:neighbor (\S+) )?(?:password|remote-as|ttl-security|ttl maximum-hops) ", re.MULTILINE
)
REMOVED = re.compile(rf"^(?:-\s*|[-+ ]*no )neighbor ([\d.]+)(?: peer[- ]group {OWNER})?$", re.MULTILINE)


def place_of(context: tuple[str, ...]) -> Place | None:
    """What a line stands under below the BGP process; None where it does not stand under one."""
    return context[1:] if context and re.fullmatch(PROCESS, context[0]) else None


def in_process(context: tuple[str, ...]) -> bool:
    """Directly under the BGP process."""
    return place_of(context) == ()


class Hierarchical:
    """What EOS, IOS and NX-OS have in common.

    Attributes:
        kind: the platform's member of hier-config's Platform.
        beginnings: how the lines begin that are ours by name, outside the BGP process; a whole word ends in a space.
        family: the address family of IPv4 unicast, in which a neighbour's lines may stand.
        vrf: how a VRF is made; its name is what the group captures.
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
    kind: str
    beginnings: tuple[str, ...]
    family: str
    vrf: str
    overwritten: tuple[str, ...] = ()
    negations: tuple[tuple[str, str], ...] = ()

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent."""
        raise NotImplementedError

    def section(self, vrf: str | None) -> Place:
        """Where the sessions of a VRF are, or those outside all."""
        return (f"vrf {vrf}",) if vrf else ()

    def group_places(self, section: Place) -> Collection[Place]:  # noqa: ARG002  the group is the process's, whatever its members' VRF
        """Where lines of our group stand."""
        return ((), (self.family,))

    def member_places(self, section: Place) -> Collection[Place]:
        """Where lines of our neighbours stand."""
        return (section, (*section, self.family))

    def is_ours(
        self, line: Line, section: Place, neighbours: Collection[str], members: Collection[tuple[Place, str]]
    ) -> bool:
        """Whether a line is Kubepeer's.

        Args:
            line: of the running configuration.
            section: where our sessions are.
            neighbours: the addresses of the nodes, wherever they are.
            members: where which neighbours are in our group.

        """
        place = place_of(line.context)
        if place is None:
            return f"{line.context[0] if line.context else line.text} ".startswith(self.beginnings)
        words = line.text.removeprefix("no ").split()
        if words[:3] == ["bgp", "listen", "range"]:
            return place == section and bool(re.search(rf" peer-group {OWNER}(?: |$)", line.text))
        if words[0] != "neighbor" or len(words) < 2:  # noqa: PLR2004
            return False
        if words[1] == OWNER:
            return place in (*self.group_places(section), *self.member_places(section))
        if words[1] in neighbours:
            return place in self.member_places(section)
        return (section, words[1]) in members and self.member_of(line) is not None

    def member_of(self, line: Line) -> tuple[Place, str] | None:
        """Where which neighbour is put into our group, if a line says so."""
        place = place_of(line.context)
        found = re.fullmatch(rf"neighbor (\S+) peer[- ]group {OWNER}", line.text)
        return (tuple(part for part in place if part != self.family), found[1]) if place is not None and found else None

    def memberships(self, configuration: str) -> set[tuple[Place, str]]:
        """Where which neighbours are in our group."""
        return {found for line in lines_of(configuration) if (found := self.member_of(line))}

    def members(self, router: Router, running: str) -> set[str]:
        """The neighbours that are in our group, where our sessions are."""
        section = self.section(router.peering.vrf)
        return {neighbour for place, neighbour in self.memberships(running) if place == section}

    def descriptions(self, lines: Iterable[Line]) -> dict[Place, str]:
        """What our group is called, by where it stands."""
        beginning = f"neighbor {OWNER} description "
        return {
            place: line.text.removeprefix(beginning)
            for line in lines
            if (place := place_of(line.context)) is not None and line.text.startswith(beginning)
        }

    def claims(self, running: str) -> list[Claim]:
        """What stands under the name of our group, in every VRF."""
        lines = list(lines_of(running))
        shared = () in self.group_places(self.section("any"))
        described, members, ranges = self.descriptions(lines), self.memberships(running), set(_ranges(lines))
        return [
            Claim(
                place[0].split()[-1] if place else None,
                described.get(place, described.get((), "")),
                frozenset(name for where, name in members if where == place),
                frozenset(network for where, network in ranges if where == place),
                shared,
            )
            for place in {*described, *(where for where, _ in members | ranges)}
        ]

    def standing(self, intent: Intent, router: Router, running: str) -> list[Line]:
        """What is ours in the running configuration."""
        static = router.peering.neighbours == "static"
        return self._ours(router, running, intent.addresses_of_peers(router) if static else frozenset())

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, of nodes too that have left the inventory since."""
        return text_of(
            self._ours(router, configuration, intent.addresses_of_peers(router) | self.members(router, configuration))
        )

    def _ours(self, router: Router, configuration: str, neighbours: Collection[str]) -> list[Line]:
        section, members = self.section(router.peering.vrf), self.memberships(configuration)
        lines = self.canonical(lines_of(configuration))
        return [line for line in lines if self.is_ours(line, section, neighbours, members)]

    def canonical(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Lines as the template writes them, where the router may print them in another form."""
        yield from lines

    def first(
        self,
        router: Router,  # noqa: ARG002
        standing: list[Line],
        wanted: list[Line],  # noqa: ARG002
        running: str,  # noqa: ARG002
    ) -> tuple[str, list[Line]]:
        """What must be said before all else, and what is left of ours after it."""
        return "", standing

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """What leads from what is ours in the running configuration to what is wanted.

        Raises:
            RefusedError: the router speaks BGP in another AS than the inventory says, has no such VRF, or is another inventory's.

        """
        self._refuse(intent, router, running)
        wanted = list(lines_of(rendered))
        standing = self.standing(intent, router, running)
        # what is active by the process's own default is shown by some releases and not by others: it is never switched off
        standing = [line for line in standing if line in wanted or not line.text.endswith(" activate")]
        first, left = self.first(router, _known_passwords(standing, wanted), wanted, running)
        return first + _group_as_a_whole(self.remediation(left, wanted))

    def _refuse(self, intent: Intent, router: Router, running: str) -> None:
        lines = list(lines_of(running))
        for line in lines:
            if not line.context and re.fullmatch(PROCESS, line.text):
                refuse_foreign_as(router, as_plain(line.text.split()[-1]))
            own = re.fullmatch(r"local-as (\S+)", line.text)
            if own and router.peering.vrf and place_of(line.context) == self.section(router.peering.vrf):
                refuse_foreign_as(router, as_plain(own[1]))
        refuse_missing_vrf(router, {found[1] for line in lines if (found := re.fullmatch(self.vrf, line.text))})
        refuse_other_claims(intent, router, self.claims(running))

    def remediation(self, standing: Iterable[Line], wanted: Iterable[Line]) -> str:
        """The lines that change one into the other, sections closed; "" when they say the same.

        A section of somebody else in which something of ours stands is there before and after: only its own lines would go with it.
        """
        standing = list(standing)
        after = [*wanted, *_sections_of_others(standing)]
        if set(paths_of(standing)) == set(paths_of(after)):
            return ""
        from tasks.platforms.remediation import remediation  # noqa: PLC0415  hier-config is not waited for where nothing differs

        return remediation(self.kind, standing, after, overwritten=self.overwritten, negations=self.negations)

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Nodes that are no neighbours any more, and those (or all) whose other end must change as well."""
        neighbours = intent.addresses_of_peers(router)
        ours = self.members(router, running)
        if any(
            re.search(rf"\bpeer-group {OWNER}(?: |$)", line.text) and "listen" in line.text
            for line in lines_of(running)
        ):
            ours |= neighbours
        named = {*BOTH_ENDS.findall(diff), *REMOVED.findall(diff)}
        return ours if named & {OWNER, ""} else (ours - neighbours) | (ours & named)


def _group_as_a_whole(text: str) -> str:
    """Where the group itself goes its lines go with it: of a group that is no more none is taken away."""
    whole = rf"\s*no neighbor {OWNER} peer[- ]group"
    lines = text.splitlines(keepends=True)
    if not any(re.fullmatch(whole, line.rstrip()) for line in lines):
        return text
    of_group = re.compile(rf"\s*no neighbor {OWNER} ")
    return "".join(line for line in lines if not of_group.match(line) or re.fullmatch(whole, line.rstrip()))


def _ranges(lines: Iterable[Line]) -> Iterator[tuple[Place, str]]:
    """Where which network's hosts are taken into our group."""
    for line in lines:
        found = re.match(rf"bgp listen range (\S+) peer-group {OWNER}(?: |$)", line.text)
        if found and (place := place_of(line.context)) is not None:
            yield place, found[1]


def _sections_of_others(lines: Iterable[Line]) -> Iterator[Line]:
    """What the lines stand under, where that is not among them."""
    known = {(*line.context, line.text) for line in lines}
    for line in lines:
        for depth, section in enumerate(line.context):
            if line.context[: depth + 1] not in known:
                yield Line(line.context[:depth], section)


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
