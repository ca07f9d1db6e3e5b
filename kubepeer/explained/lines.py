"""On which line of a YAML file a key stands, or in which object of a source of truth. The values are read elsewhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from kubepeer.explained.tree import Origin
from kubepeer.given import Given
from kubepeer.safe_yaml import SafeLoader

MERGE = "tag:yaml.org,2002:merge"  # `<<`: the keys of other mappings


class Lines:
    """The lines of one file that is YAML: who asks has read it."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=SafeLoader)
        self._keys: dict[int, dict[str, tuple[int, yaml.Node]]] = {}  # of each mapping that was asked for

    @classmethod
    def of_file(cls, path: Path) -> "Lines":
        """Read a file."""
        return cls(path.read_text(encoding="utf-8"))

    def origin(self, of: Origin, path: tuple[str | int, ...]) -> Origin:
        """Where a value stands."""
        return replace(of, line=self.line(path))

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """The line, from 1, of a key, or of an item of a list; of the last one above it that is there, where it is not.

        Args:
            path: the keys and places that lead there.

        """
        node, found = self._root, None
        for step in path:
            below = self._below(node, step)
            if below is None:
                break
            found, node = below
        return found

    def _below(self, node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode):
            if id(node) not in self._keys:
                self._keys[id(node)] = dict(_keys(node))
            return self._keys[id(node)].get(str(step))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            item = node.value[step]
            return item.start_mark.line + 1, item
        return None


class Objects:
    """The objects of a source of truth, whose values stand in the place of lines, or between those of a file."""

    def __init__(self, given: Given, kind: str, beside: Lines | None = None) -> None:
        """Of hosts there is no file; what is not given of groups stands in theirs."""
        self._given, self._kind, self._beside = given, kind, beside

    def origin(self, of: Origin, path: tuple[str | int, ...]) -> Origin:
        """Where a value stands."""
        told = self._given.where(self._kind, *path)
        if told is None:
            return self._beside.origin(of, path) if self._beside else of
        return Origin("source", told.url, name=told.what, key=told.key)


def _keys(node: yaml.MappingNode) -> Iterator[tuple[str, tuple[int, yaml.Node]]]:
    """The keys of a mapping; those that it takes from others first: its own are nearer."""
    for key, value in node.value:
        if key.tag == MERGE:
            several = reversed(value.value) if isinstance(value, yaml.SequenceNode) else [value]
            for other in several:
                if isinstance(other, yaml.MappingNode):
                    yield from _keys(other)
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            yield key.value, (key.start_mark.line + 1, value)
