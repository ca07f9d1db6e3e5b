"""Values of an inventory, each with where it comes from. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

HIDDEN = "********"
SECRET_NAMES = re.compile(r"(password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key)$", re.IGNORECASE)
LOGIN = re.compile(r"(?<=://)[^/\s@]+(?=@)")  # RFC 3986, 3.2.1: what stands before the host of an address
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    Attributes:
        kind: the host's own entry, a group, the defaults file, a source of truth, Kubepeer itself, or another value.
        file, line: where it stands; of a source of truth the address of the page.
        name: of the group; of a source of truth the object.
        key: that says it, where that is not the key itself; of another value: in words.

    """

    kind: Literal["host", "group", "defaults", "source", "kubepeer", "follows"]
    file: str = ""
    line: int | None = None
    name: str = ""
    key: str = ""

    def __str__(self) -> str:
        if self.kind == "kubepeer":
            return "Kubepeer's default"
        if self.kind == "follows":
            return self.key
        if self.kind == "source":
            return ", ".join(filter(None, (self.key, self.name, self.file)))
        place = f"{self.file}:{self.line}" if self.line else self.file
        of = f"group {self.name}" if self.name else ""
        return ", ".join(filter(None, (f"{self.key} of {of}" if self.key and of else self.key or of, place)))

    def as_json(self) -> dict[str, Any]:
        """The same for machines, without what there is not."""
        fields = {name: getattr(self, name) for name in ("file", "line", "name", "key")}
        return {"kind": self.kind, **{name: value for name, value in fields.items() if value}}


OURS = Origin("kubepeer")


@dataclass(frozen=True)
class Leaf:
    """A value without parts.

    Attributes:
        value: as YAML and JSON have it: a scalar, a list of scalars, or a mapping or a list of nothing.
        follows: it is what others come to; an inventory in which it stood would say more than this one.

    """

    value: Any
    origin: Origin
    follows: bool = False


@dataclass(frozen=True)
class Branch:
    """A mapping."""

    parts: Mapping[str, "Tree"]


@dataclass(frozen=True)
class Items:
    """A list of what has parts."""

    parts: tuple["Tree", ...]


Tree = Leaf | Branch | Items


def plain(tree: Tree) -> Any:
    """The values alone."""
    if isinstance(tree, Leaf):
        return tree.value
    if isinstance(tree, Items):
        return [plain(part) for part in tree.parts]
    return {key: plain(part) for key, part in tree.parts.items() if not (isinstance(part, Leaf) and part.follows)}


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Every value with the keys that lead to it."""
    if isinstance(tree, Leaf):
        yield path, tree
        return
    parts = tree.parts.items() if isinstance(tree, Branch) else enumerate(tree.parts)
    for key, part in parts:
        yield from leaves(part, (*path, key))


def hidden(tree: Tree, key: str = "") -> Tree:
    """The same without what may be a secret: a text under a key that is named so, and the login in an address.

    An inventory names where its secrets come from, and is refused with one under the usual keys; what people add to the configuration of
    other programs has keys of its own.
    """
    if isinstance(tree, Branch):
        return Branch({name: hidden(part, name) for name, part in tree.parts.items()})
    if isinstance(tree, Items):
        return Items(tuple(hidden(part, key) for part in tree.parts))
    return replace(tree, value=_hidden(tree.value, key))


def _hidden(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [_hidden(one, key) for one in value]
    if isinstance(value, str):
        return HIDDEN if SECRET_NAMES.search(key) else LOGIN.sub(HIDDEN, value)
    return value
