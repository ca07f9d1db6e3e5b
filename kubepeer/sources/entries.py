"""Entries of an inventory that are put together value by value, each with where it stands. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from kubepeer.given import Entry, Path, Told
from kubepeer.intent.files import SECRET_KEYS
from kubepeer.sources.answers import Answers


class Entries:
    """Hosts and groups: who says a value first says it, and who says another one is refused."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._values: dict[Path, Any] = {}
        self._parts: dict[Path, Told] = {}  # the keys that have parts, and who was the first to say some
        self.told: dict[Path, Told] = {}

    def put(self, path: Path, value: Any, told: Told) -> None:
        """Enter a value; of a mapping each part. What is None is not said.

        Raises:
            InventoryError: another value stands there, or a secret would.

        """
        if value is None:
            return
        if isinstance(value, Mapping) and value:
            self._refuse(path, told, taken=path in self._values)
            self._parts.setdefault(path, told)
            for key, below in value.items():
                self.put((*path, str(key)), below, told)
            return
        if path[-1] in SECRET_KEYS and isinstance(value, str | int):
            raise self._answers.mistake(
                told,
                f"{told.key}: a secret stands there: {_key(path)}",
                "everybody who may read the device reads it: name where it comes from: env, file or command",
            )
        self._refuse(path, told, taken=path in self._parts or self._values.get(path, value) != value)
        if path not in self._values:
            self._values[path] = value
            self.told[path] = told

    def _refuse(self, path: Path, told: Told, *, taken: bool) -> None:
        if not taken:
            return
        first = self.told.get(path) or self._parts[path]
        of = "" if first.url == told.url else f" of {first}"
        raise self._answers.mistake(
            told,
            f"{_key(path)}: {told.key} says another value than {first.key}{of}",
            "let one of them say it, or both the same",
        )

    def entry(self, kind: str, name: str, told: Told) -> None:
        """An entry that is there, whatever it says."""
        self._parts.setdefault((kind, name), told)
        self.told.setdefault((kind, name), told)

    def of(self, kind: str) -> dict[str, Entry]:
        """All hosts, or all groups, as a file has them."""
        found: dict[str, Entry] = {path[1]: {} for path in self._in_order(kind) if isinstance(path[1], str)}
        for path, value in self._values.items():
            if path[0] == kind:
                *above, last = path[1:]
                below: Any = found
                for step in above:
                    below = below.setdefault(step, {})
                below[last] = value
        return found

    def _in_order(self, kind: str) -> Iterator[Path]:
        yield from (path for path in self.told if path[0] == kind)


def _key(path: Path) -> str:
    """A key as a person has it: without the entry that it stands in."""
    return ".".join(map(str, path[3:] if path[2:3] == ("data",) else path[2:]))
