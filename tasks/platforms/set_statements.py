"""Routers whose configuration is a tree of statements, written with set and delete: Junos and VyOS. Pure."""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.ownership import Claim, refuse_missing_vrf, refuse_other_claims

Statement = tuple[str, ...]
COMMENT = re.compile(r"\s*(?:##.*|/\*.*\*/)$")


def statements_of(configuration: str) -> Iterator[Statement]:
    """The statements of a configuration as words: set lines, or braces as a router prints them by default."""
    above: list[Statement] = []
    for raw in configuration.splitlines():
        line = COMMENT.sub("", raw.strip()).removeprefix("inactive: ")
        if line.startswith("set "):
            yield from _each(tuple(shlex.split(line)[1:]))
        elif line.endswith("{"):
            above.append(tuple(shlex.split(line[:-1])))
        elif line == "}":
            above = above[:-1]
        elif line and not line.startswith(("#", "/*", "//", "delete ")):
            yield from _each((*(word for part in above for word in part), *shlex.split(line.removesuffix(";"))))


def _each(statement: Statement) -> Iterator[Statement]:
    """One statement for each of the values in brackets."""
    if "[" in statement and statement[-1] == "]":
        opened = statement.index("[")
        for value in statement[opened + 1 : -1]:
            yield (*statement[:opened], value)
    else:
        yield statement


class SetStyle:
    """What Junos and VyOS have in common: the router overlays statements, and commits them at once.

    Attributes:
        places: where what is ours by name stands, outside the BGP of a VRF.
        vrf: how the statements of a VRF begin; its name follows.
        group: where our group stands, in a VRF or outside all.
        lists: words before the last one of statements that may stand several times, with other values.
        whole_statements: words of statements that can only be deleted with all their words.
        secret: the word before a password.

    """

    name: str
    template: str
    whole = False
    hides_passwords = False
    on_linux = False
    takes_message = True
    driven = True
    reverts = True
    unusable = "'\"\\"
    places: tuple[Statement, ...]
    vrf: Statement
    group: Statement
    lists: tuple[str, ...] = ()
    whole_statements: tuple[str, ...] = ()
    secret: str

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent."""
        raise NotImplementedError

    def instance(self, vrf: str | None) -> Statement:
        """How the statements of a VRF begin; () outside all."""
        return (*self.vrf, vrf) if vrf else ()

    def roots(self, intent: Intent, router: Router, standing: Collection[Statement]) -> tuple[Statement, ...]:  # noqa: ARG002
        """Where what is ours stands: by name, and the neighbours."""
        return (*self.places, (*self.instance(router.peering.vrf), *self.group))

    def claims(self, standing: Collection[Statement]) -> list[Claim]:
        """What stands under the name of our group, in every VRF."""
        depth = len(self.vrf)
        vrfs = {None, *(one[depth] for one in standing if one[:depth] == self.vrf and len(one) > depth)}
        found = []
        for vrf in vrfs:
            said = (*self.instance(vrf), *self.group, "description")
            description = next((one[-1] for one in standing if one[:-1] == said), "")
            members = frozenset(self.members(vrf, standing))
            if description or members:
                found.append(Claim(vrf, description, members))
        return found

    def refuse(self, router: Router, standing: Collection[Statement]) -> None:
        """Refuse a router that is not the one of the inventory."""
        raise NotImplementedError

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """Delete what is ours and not wanted any more, then set what is wanted and does not stand.

        Raises:
            RefusedError: the router speaks BGP in another AS than the inventory says, has no such VRF, or is another inventory's.

        """
        standing = list(statements_of(running))
        self.refuse(router, standing)
        depth = len(self.vrf)
        refuse_missing_vrf(router, {one[depth] for one in standing if one[:depth] == self.vrf and len(one) > depth})
        refuse_other_claims(intent, router, self.claims(standing))
        ours = self._ours(intent, router, standing)
        lines = {next(statements_of(line)): line for line in rendered.splitlines() if line.startswith("set ")}
        roots = self.roots(intent, router, standing)
        known = self._same_password(ours, lines)
        gone = dict.fromkeys(
            self._deletion(one, lines, roots)
            for one in ours
            if one not in lines and not known(one) and not self._overlaid(one, lines)
        )
        new = [line for statement, line in lines.items() if statement not in standing and not known(statement)]
        return "".join(f"{line}\n" for line in [*(f"delete {shlex.join(one)}" for one in gone), *new])

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, as set lines."""
        ours = self._ours(intent, router, list(statements_of(configuration)))
        return "".join(f"set {shlex.join(one)}\n" for one in ours)

    def _ours(self, intent: Intent, router: Router, standing: Collection[Statement]) -> list[Statement]:
        roots = self.roots(intent, router, standing)
        return [one for one in standing if any(one[: len(root)] == root for root in roots)]

    def _same_password(self, ours: Collection[Statement], wanted: Collection[Statement]) -> "Known":
        """A hidden password is taken for ours as long as our description has the mark of the wanted one (ownership.description)."""
        marked = [one for one in wanted if re.search(r", password \w+$", one[-1])]
        stands = self.hides_passwords and bool(marked) and marked[0] in ours and any(self.secret in one for one in ours)
        return Known(self.secret if stands else None)

    def _overlaid(self, statement: Statement, wanted: Collection[Statement]) -> bool:
        """Whether a wanted statement sets another value in its place."""
        if statement[-2] in self.lists or any(word in statement for word in self.whole_statements):
            return False
        return any(one[:-1] == statement[:-1] for one in wanted)

    def _deletion(self, statement: Statement, wanted: Collection[Statement], roots: Iterable[Statement]) -> Statement:
        """The node to delete: as far up as nothing stands that is wanted, and not above what is ours."""
        if any(word in statement for word in self.whole_statements):
            return statement
        root = max((root for root in roots if statement[: len(root)] == root), key=len)
        for length in range(len(root), len(statement)):
            if not any(one[:length] == statement[:length] for one in wanted):
                return statement[:length]
        return statement  # what stands beside it is wanted: a word without a value goes alone

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Nodes that are no neighbours any more, and those (or all) whose other end must change as well."""
        neighbours = intent.addresses_of_peers(router)
        ours = self.members(router.peering.vrf, list(statements_of(running)))
        changed = [
            line
            for line in diff.splitlines()
            if re.search(rf"\b({self.secret}|peer-as|remote-as|ttl-security)\b", line)
        ]
        gone = [line for line in diff.splitlines() if re.match(r"\s*(-|delete )", line)]
        named = {
            address
            for line in (*changed, *gone)
            for address in neighbours
            if re.search(rf"\b{re.escape(address)}\b", line)
        }
        everyone = any(not re.search(r"neighbor \d", line) for line in changed)
        return ours if everyone else (ours - neighbours) | (ours & named)

    def members(self, vrf: str | None, standing: Collection[Statement]) -> set[str]:
        """The neighbours that are in our group there."""
        raise NotImplementedError


class Known:
    """Whether a statement is a password that need not be compared."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret

    def __call__(self, statement: Statement) -> bool:
        return self.secret is not None and self.secret in statement
