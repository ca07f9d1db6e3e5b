"""From what was read of the inventory to its values with their places. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from kubepeer.explained.tree import OURS, Branch, Items, Leaf, Origin, Path, Tree


class Origins(Protocol):
    """Knows of each value where it stands: on a line of a file, in an object of a source of truth."""

    def origin(self, of: Origin, path: Path) -> Origin:
        """Where a value stands.

        Args:
            of: the file, and whose entry.
            path: the keys that lead there.

        """


@dataclass(frozen=True)
class Place:
    """Where something stands in the inventory.

    Attributes:
        of: the file, and whose entry.
        lines: of the file, or what stands in its place.
        path: the keys that lead there.
        raw: what stands there, as YAML has it.

    """

    of: Origin
    lines: Origins
    path: Path
    raw: Any

    def below(self, key: str | int) -> "Place":
        """The place of a part; where a single value stands for all, that of the value."""
        if isinstance(self.raw, Mapping):
            return replace(self, path=(*self.path, key), raw=self.raw.get(key))
        if isinstance(self.raw, list) and isinstance(key, int) and key < len(self.raw):
            return replace(self, path=(*self.path, key), raw=self.raw[key])
        return self

    @property
    def origin(self) -> Origin:
        """For a person."""
        return self.lines.origin(self.of, self.path)


Below = Callable[[str], Place | None]


def section(value: BaseModel, below: Below, *, everything: bool) -> Branch:
    """A section of the inventory.

    Args:
        value: as it was read.
        below: where a key of it is said; None: nowhere.
        everything: with Kubepeer's defaults, for what nobody has said.

    """
    parts: dict[str, Tree] = {}
    for name, field in type(value).model_fields.items():
        key, inner = field.alias or name, getattr(value, name)
        place = below(key) if name in value.model_fields_set else None
        if inner is None or (place is None and (not everything or inner in ((), {}))):
            continue  # no value: docs/inventory.md has all keys
        part = written(inner, place, everything=everything)
        if place is not None or part != Branch({}):
            parts[key] = part
    return Branch(parts)


def written(value: Any, place: Place | None, *, everything: bool) -> Tree:
    """A value of the inventory.

    Args:
        value: as it was read.
        place: where it is said; None: it is Kubepeer's default.
        everything: with Kubepeer's defaults, for what nobody has said in it.

    """

    def part(one: Any, key: str | int) -> Tree:
        return written(one, place.below(key) if place else None, everything=everything)

    origin = place.origin if place else OURS
    if isinstance(value, BaseModel):
        return section(value, place.below if place else lambda _: None, everything=everything)
    if isinstance(value, Mapping) and value:
        return Branch({str(key): part(one, key) for key, one in value.items()})
    if isinstance(value, list | tuple) and any(isinstance(one, BaseModel | Mapping | list | tuple) for one in value):
        return Items(tuple(part(one, number) for number, one in enumerate(value)))
    found = to_jsonable_python(value)
    if place and isinstance(found, list) and len(found) == 1 and not isinstance(place.raw, list):
        return Leaf(found[0], origin)  # one where several may stand is said without a list
    return Leaf(found, origin)
