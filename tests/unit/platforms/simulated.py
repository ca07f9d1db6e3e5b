"""What a router makes of the lines that it is told, as far as a plan uses them: no code of the plans is in it.

Indented configurations are paths: a line with all that it stands under. Junos's and VyOS's are statements: tuples of words.
"""

import re
import shlex
from collections.abc import Iterable, Iterator

Path = tuple[str, ...]
# a second one of these takes the place of the first: (the part that says which), by the vendors' references
SINGLE = re.compile(
    r"(neighbor \S+ (?:remote-as|password|timers|maximum-routes|maximum-prefix|ebgp-multihop|description|ttl\S*|peer[- ]group(?= ))"
    r"|(?:remote-as|password|timers|maximum-prefix|ebgp-multihop|description|maximum-peers|inherit peer|maximum-paths|bgp listen limit)"
    r"|(?:ip prefix-list \S+ )?seq \d+|neighbor \S+ route-map(?= \S+ (?:in|out)$))\b.*"
)
FAMILY = re.compile(r"address-family ipv4(?: unicast)?")
LISTS = ("import", "export", "members", "add", "neighbor", "next-hop", "policy", "route-filter")


def text_of(paths: Iterable[Path]) -> str:
    """As the router prints it."""
    return "".join(f"{'   ' * (len(path) - 1)}{path[-1]}\n" for path in paths)


def paths_of(text: str) -> Iterator[Path]:
    """The lines of a text with what they stand under."""
    stack: list[tuple[int, str]] = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] == "!" or line in ("exit", "exit-address-family", "end"):
            continue
        depth = len(raw) - len(raw.lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, line))
        yield tuple(above for _, above in stack)


class Indented:
    """EOS, IOS or NX-OS after some lines."""

    def __init__(self, platform: str, paths: Iterable[Path]) -> None:
        self.platform = platform
        self.paths = list(paths)

    def told(self, text: str) -> None:
        """All lines of a candidate, in their order."""
        for path in paths_of(text):
            self._enter(path[:-1])
            context, line = path[:-1], path[-1]
            if line.startswith("no "):
                self._take_away(context, line.removeprefix("no "))
            else:
                self._put(context, line)

    def _enter(self, context: Path) -> None:
        for depth in range(1, len(context) + 1):
            if context[:depth] not in self.paths:
                self._add(context[: depth - 1], context[depth - 1])

    def _below(self, context: Path) -> list[Path]:
        return [path for path in self.paths if path[:-1] == context]

    def _add(self, context: Path, line: str) -> None:
        inside = [place for place, path in enumerate(self.paths) if path[: len(context)] == context]
        self.paths.insert(inside[-1] + 1 if context and inside else len(self.paths), (*context, line))

    def _put(self, context: Path, line: str) -> None:
        if (*context, line) in self.paths:
            return
        if (*context, f"no {line}") in self.paths:
            self.paths.remove((*context, f"no {line}"))
            return
        key = _key(line)
        rival = next((path for path in self._below(context) if key and _key(path[-1]) == key), None)
        if rival and not any(path[:-1][: len(rival)] == rival for path in self.paths):
            self.paths[self.paths.index(rival)] = (*context, line)
        else:
            self._add(context, line)

    def _take_away(self, context: Path, body: str) -> None:
        meant = [path for path in self._below(context) if _means(body, path[-1])]
        words = body.split()
        if self.platform == "ios" and words[0] == "neighbor" and words[2:3] == ["remote-as"]:
            words, meant = words[:2], [path for path in self._below(context) if path[-1].split()[:2] == words[:2]]
        whole = words[0] == "neighbor" and (len(words) == 2 or words[2:] in (["peer-group"], ["peer", "group"]))
        if whole:
            gone = {words[1]}
            if len(words) > 2:
                found = (
                    re.fullmatch(rf"neighbor (\S+) peer[- ]group {words[1]}", path[-1]) for path in self._below(context)
                )
                gone |= {one[1] for one in found if one}
            meant = [
                path
                for path in self.paths
                if path[-1].split()[0] == "neighbor"
                and path[-1].split()[1] in gone
                and (path[:-1] == context or (path[:-2] == context and FAMILY.fullmatch(path[-2])))
            ]
        if not meant and not whole:
            self._add(context, f"no {body}")  # something that is on by default is switched off
        self.paths = [path for path in self.paths if not any(path[: len(one)] == one for one in meant)]


def _key(line: str) -> str | None:
    found = SINGLE.fullmatch(line)
    if not found:
        return None
    direction = line.rsplit(maxsplit=1)[-1] if " route-map " in line else ""
    return f"{found[1]} {direction}"


def _means(body: str, line: str) -> bool:
    """`no neighbor A route-map in` and `no seq 10` mean lines with more words; the words that are said must be there, in order."""
    if line == body or line.startswith(f"{body} "):
        return True
    short = re.fullmatch(r"(neighbor \S+ route-map) (in|out)", body)
    return bool(short and re.fullmatch(rf"{re.escape(short[1])} \S+ {short[2]}", line))


class Statements:
    """Junos or VyOS after some lines."""

    def __init__(self, statements: Iterable[Path]) -> None:
        self.statements = list(statements)

    def told(self, text: str) -> None:
        """All lines of a candidate, in their order."""
        for line in text.splitlines():
            verb, *words = shlex.split(line)
            path = tuple(words)
            if verb == "delete":
                assert any(one[: len(path)] == path for one in self.statements), f"{line}: nothing to delete"
                self.statements = [one for one in self.statements if one[: len(path)] != path]
            elif path not in self.statements:
                self._set(path)

    def _set(self, path: Path) -> None:
        single = len(path) > 1 and not any(
            word in path[-2:-1] or (word == "route-filter" and word in path) for word in LISTS
        )
        rival = next((one for one in self.statements if single and one[:-1] == path[:-1]), None)
        if rival and not any(one != rival and one[: len(rival)] == rival for one in self.statements):
            self.statements[self.statements.index(rival)] = path
        else:
            self.statements.append(path)
