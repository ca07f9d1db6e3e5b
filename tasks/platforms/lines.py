"""Configurations of indented lines: read as lines with what each stands under, and written again. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

EXITS = ("exit", "exit-address-family", "end")


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


def paths_of(lines: Iterable[Line]) -> Iterator[tuple[str, ...]]:
    """Each line behind what it stands under, and each of those behind what that stands under; none twice."""
    said: dict[tuple[str, ...], None] = {}
    for line in lines:
        for depth in range(len(line.context)):
            said.setdefault(line.context[: depth + 1])
        said.setdefault((*line.context, line.text))
    return iter(said)


def text_of(lines: Iterable[Line]) -> str:
    """Lines as a configuration, each below what it stands under."""
    return "".join(f"{'  ' * (len(path) - 1)}{path[-1]}\n" for path in _in_sections(paths_of(lines)))


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
