"""FRR's configuration as an ordered set of lines, each with the contexts around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from napalm_frr.canonical import canonical
from napalm_frr.contexts import Path, belongs_to_top, closer, is_loose, opens, shows_only_with_contents
from napalm_frr.denials import Release

_NOT_CONFIGURATION = ("Building configuration...", "Current configuration:")
_VERSION = re.compile(r"^frr version (\d+)\.(\d+)", re.MULTILINE)
_OLDEST: Release = (8, 4)

_CLOSERS = {
    "exit-address-family": "address-family ",
    "exit-vrf": "vrf ",
    "exit-vni": "vni ",
    "exit-link-params": "link-params",
    "exit-vnc": "vnc ",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One line: its path, where it stood in the text it was read from, and whether it opens a context."""

    path: Path
    number: int
    is_context: bool = False

    @property
    def line(self) -> str:
        """The line itself, without its contexts."""
        return self.path[-1]

    @property
    def context(self) -> Path:
        """The contexts around the line."""
        return self.path[:-1]


@dataclass(frozen=True)
class Configuration:
    """The lines of a configuration, in order, every context before its contents."""

    paths: tuple[Path, ...]
    contexts: frozenset[Path]
    generation: Release = field(default=_OLDEST, compare=False)
    """The release of the FRR that printed it: what is on by default, and so not printed, hangs on it."""
    members: frozenset[Path] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the lines as a set too: order carries no meaning in FRR (lists are numbered)."""
        object.__setattr__(self, "members", frozenset(self.paths))

    def same_as(self, other: Configuration) -> bool:
        """Tell whether both hold the same lines, in whatever order."""
        return self.members == other.members


def without_headline(text: str) -> str:
    """Blank the two lines that ``show running-config`` puts first: what get_config returned can be loaded again."""
    return "\n".join("!" if line in _NOT_CONFIGURATION else line for line in text.split("\n"))


def read(text: str) -> Configuration:
    """Read what ``show running-config`` or a startup file says; it may hold ``no`` lines, which FRR prints itself."""
    statements = parse(text)
    filled = {one.path[:depth] for one in statements for depth in range(1, len(one.path))}
    contexts = frozenset(one.path for one in statements if one.is_context)
    empty = {path for path in contexts - filled if shows_only_with_contents(path)}
    paths = dict.fromkeys(one.path for one in statements if one.path not in empty)
    version = _VERSION.search(text)
    return Configuration(
        tuple(paths),
        contexts - empty,
        (int(version.group(1)), int(version.group(2))) if version else _OLDEST,
    )


@dataclass(slots=True)
class _Open:
    """A context that is open while a text is read."""

    path: Path
    indent: int
    flush: bool | None = None
    """Whether its contents are not indented; known from its first line on."""


def parse(text: str) -> tuple[Statement, ...]:
    """Read configuration text: contexts by their openers and closers, by indentation where the tables know neither."""
    reader = _Reader()
    lines = list(_significant(text))
    for position, (number, indent, line) in enumerate(lines):
        following = lines[position + 1][1:] if position + 1 < len(lines) else (0, "exit")
        reader.take(number, indent, line, following)
    return tuple(reader.statements)


def _significant(text: str) -> Iterator[tuple[int, int, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        line = " ".join(raw.split())
        if line and line[0] not in "!#" and line not in _NOT_CONFIGURATION and not line.startswith("frr version "):
            yield number, len(raw.expandtabs()) - len(raw.expandtabs().lstrip()), line


class _Reader:
    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._open: list[_Open] = []

    def take(self, number: int, indent: int, line: str, following: tuple[int, str]) -> None:
        if self._closes(line):
            return
        self._leave_contexts(indent, line)
        path = self._open[-1].path if self._open else ()
        line = canonical(path, line)
        is_context = opens(path, line) or (is_loose(path) and _opens_unknown(indent, line, following))
        self.statements.append(Statement((*path, line), number, is_context))
        if is_context:
            self._open.append(_Open((*path, line), indent))

    def _closes(self, line: str) -> bool:
        if line == "end":
            self._open.clear()
        elif line in ("exit", "quit"):
            if self._open:
                self._open.pop()
        elif line in _CLOSERS:
            opener = _CLOSERS[line]
            while self._open and not self._open.pop().path[-1].startswith(opener):
                pass
        else:
            return False
        return True

    def _leave_contexts(self, indent: int, line: str) -> None:
        while self._open and not self._is_inside(self._open[-1], indent, line):
            self._open.pop()

    @staticmethod
    def _is_inside(context: _Open, indent: int, line: str) -> bool:
        if opens(context.path, line):
            return indent > context.indent or context.flush is not False
        if context.flush is None:
            context.flush = indent <= context.indent
        if indent > context.indent:
            return True
        return context.flush and indent == context.indent and not belongs_to_top(line)


def _opens_unknown(indent: int, line: str, following: tuple[int, str]) -> bool:
    """Tell whether a line that the tables do not know is followed by what can only be its contents."""
    next_indent, next_line = following
    if line.startswith("no ") or belongs_to_top(line):
        return False
    return next_indent > indent and next_line not in ("exit", "quit", "end") and next_line not in _CLOSERS


def render(paths: Iterable[Path], contexts: frozenset[Path]) -> list[tuple[str, Path | None]]:
    """Write lines as FRR does, every context closed; beside each line the path it came from, None for closers."""
    lines: list[tuple[str, Path | None]] = []
    standing: Path = ()
    for path in paths:
        wanted = path[:-1]
        shared = _shared(standing, wanted)
        lines += [(" " * (depth - 1) + closer(standing[:depth]), None) for depth in range(len(standing), shared, -1)]
        lines += [(" " * (depth - 1) + wanted[depth - 1], None) for depth in range(shared + 1, len(wanted) + 1)]
        lines.append((" " * len(wanted) + path[-1], path))
        standing = path if path in contexts else wanted
    lines += [(" " * (depth - 1) + closer(standing[:depth]), None) for depth in range(len(standing), 0, -1)]
    return lines


def _shared(one: Path, other: Path) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def text_of(configuration: Configuration) -> str:
    """Write the whole configuration as text."""
    return "\n".join(line for line, _ in render(configuration.paths, configuration.contexts)) + "\n"
