"""Rules of ufw's, each with the comment kubepeer; and VRRP in its file for protocols that it has no word for. Pure.

ufw keeps its rules as lines `### tuple ### ACTION PROTOCOL PORT TO SPORT FROM DIRECTION comment=HEX` of user.rules
(ufw/backend_iptables.py): they are read there, since ufw itself takes a quarter of a second. VRRP is a word of it from 0.36.2 on only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kubepeer.intent import Intent, Node
from kubepeer.intent.families import Network
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, clearing_marker, file, marker_of
from tasks.nodes.openings import openings, trusted

NAME = "ufw"
BEFORE_RULES = "/etc/ufw/before.rules"
COMMENT = "kubepeer"
QUESTION = (
    f"grep -hs '^### tuple ### .* comment={COMMENT.encode().hex()}$' /etc/ufw/user.rules /lib/ufw/user.rules; true"
)
EVERYBODY = "0.0.0.0/0"
BEGIN, END = "# BEGIN kubepeer", "# END kubepeer"
BLOCK = re.compile(rf"^{BEGIN}\n(?:.*\n)*?{END}\n", re.MULTILINE)
SECONDS = 120


@dataclass(frozen=True)
class Rule:
    """A rule, as ufw writes it down and as it takes it."""

    protocol: str = "any"
    port: str = "any"
    to: str = EVERYBODY
    source: str = EVERYBODY
    routed: bool = False

    @property
    def tuple_line(self) -> str:
        """As it stands in user.rules."""
        kind = "route:allow" if self.routed else "allow"
        return f"{kind} {self.protocol} {self.port} {self.to} any {self.source} in"

    @property
    def words(self) -> str:
        """As it is given to `ufw` and to `ufw delete`, behind `route` where it is one (ufw(8))."""
        ends = [("from", self.source), ("to", self.to)]
        words = ["allow", *(["proto", self.protocol] if self.protocol != "any" else [])]
        words += [word for name, end in ends for word in (name, "any" if end == EVERYBODY else end)]
        return " ".join([*words, *(["port", self.port] if self.port != "any" else [])])


def rules(intent: Intent, node: Node) -> tuple[Rule, ...]:
    """What is let in, and what is forwarded."""
    received = [
        Rule(opening.protocol, opening.port.replace("-", ":"), source=source)
        for opening in openings(intent, node)
        if opening.protocol != "vrrp"
        for source in _ends(opening.sources)
    ]
    pods, *services = map(_end, trusted(intent))
    received += [Rule(source=pods), *(Rule(to=network) for network in services)]
    return (*received, Rule(source=pods, routed=True), Rule(to=pods, routed=True))


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """Rules that lack are added, those with our comment that are none of ours any more go."""
    wanted = {rule.tuple_line: rule for rule in rules(intent, node)}
    stands = [tuple_of(line) for line in seen["ufw rules"].lines]
    for line, rule in wanted.items():
        if line not in stands:
            script = f"ufw {'route ' if rule.routed else ''}{rule.words} comment {COMMENT}"
            yield action(f"ufw: {rule.words}", "allowed", script, deadline=SECONDS)
    for line in stands:
        if line not in wanted and (gone := read(line)):
            script = f"ufw --force {'route ' if gone.routed else ''}delete {gone.words}"
            yield action(f"ufw: {gone.words}", "deleted", script, before="allowed", deadline=SECONDS)
    before = seen.files[BEFORE_RULES]
    if before:
        text = with_vrrp(before.content, intent, node)
        change = file(BEFORE_RULES, text, before, mode=before.mode, owner=before.owner, restart_marker=marker_of(NAME))
        yield change
        if change or NAME in seen["restarts"].lines:
            yield action("firewall ufw", "reloaded", clearing_marker(NAME, "ufw reload"), deadline=SECONDS)


def with_vrrp(text: str, intent: Intent, node: Node) -> str:
    """before.rules with our block at the end of its table *filter; a node that speaks no VRRP has none."""
    kept = BLOCK.sub("", text)
    sources = [
        end for opening in openings(intent, node) if opening.protocol == "vrrp" for end in _ends(opening.sources)
    ]
    table = re.search(r"^\*filter$(?:.*\n)*?(?=COMMIT$)", kept, re.MULTILINE)
    if not sources or not table:
        return kept
    lines = "".join(f"-A ufw-before-input -p 112 -s {source} -j ACCEPT\n" for source in sources)
    return f"{kept[: table.end()]}{BEGIN}\n{lines}{END}\n{kept[table.end() :]}"


def _ends(networks: tuple[Network, ...]) -> list[str]:
    return [_end(network) for network in networks] or [EVERYBODY]


def _end(network: Network) -> str:
    return str(network).removesuffix("/32")


def tuple_of(line: str) -> str:
    """What stands of a rule in a line of user.rules."""
    return line.removeprefix("### tuple ### ").partition(" comment=")[0]


def read(line: str) -> Rule | None:
    """One of ours, from what ufw wrote; None for one that we would not have written."""
    words = line.split()
    if len(words) != 7 or words[0] not in ("allow", "route:allow") or words[6] != "in":  # noqa: PLR2004  tuple_of's form
        return None
    return Rule(words[1], words[2], words[3], words[5], routed=words[0] == "route:allow")
