"""Where two files differ, and the rows of differences.yaml that say why."""

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HOME = Path(__file__).parent
ABSENT = "(absent)"
Values = tuple[Any, Any]  # the tutorial's and ours


class Row(NamedTuple):
    """A deliberate difference.

    Attributes:
        file: a subject, or several (keepalived-*.conf) that all differ in this.
        key: where: the names on the way, joined by dots. What is below it is compared as one.
        seed: what the tutorial has.
        ours: what Kubepeer renders; of what is generated its form stands in its place, {form: REGULAR EXPRESSION}.
        why: the reason.

    """

    file: str
    key: str
    seed: Any
    ours: Any
    why: str


@functools.cache
def rows() -> tuple[Row, ...]:
    """The deliberate differences, as differences.yaml lists them."""
    listed = yaml.safe_load((HOME / "differences.yaml").read_text(encoding="utf-8"))
    unsaid = {"seed": ABSENT, "ours": ABSENT}
    return tuple(Row(**(unsaid | entry | {"file": file})) for file, entries in listed.items() for entry in entries)


def rows_of(subject: str) -> dict[str, Row]:
    """The rows that speak of a subject, by their keys."""
    return {row.key: row for row in rows() if fnmatchcase(subject, row.file)}


def differences(seed: Any, ours: Any, as_one: Collection[str] = (), path: str = "") -> Iterator[tuple[str, Values]]:
    """Every place in which the two differ, as far down as both are of one shape.

    Args:
        seed: what the tutorial's file says.
        ours: what the rendered one says.
        as_one: keys below which nothing is looked at by itself.
        path: the key of these two.

    """
    pairs: list[tuple[str, Values]] = []
    if path not in as_one and isinstance(seed, Mapping) and isinstance(ours, Mapping):
        pairs = [(str(key), (seed.get(key, ABSENT), ours.get(key, ABSENT))) for key in {**seed, **ours}]
    elif path not in as_one and _mappings(seed) and _mappings(ours) and len(seed) == len(ours):
        pairs = [(str(place), both) for place, both in enumerate(zip(seed, ours, strict=True))]
    elif seed != ours:
        yield path, (seed, ours)
    for name, both in pairs:
        yield from differences(*both, as_one, f"{path}.{name}" if path else name)


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)


def fits(listed: Any, stands: Any) -> bool:
    """Whether a value is the one of a row; a generated one has its form."""
    if isinstance(listed, Mapping) and set(listed) == {"form"}:
        return re.fullmatch(listed["form"], str(stands)) is not None
    if isinstance(listed, Mapping) and isinstance(stands, Mapping):
        return set(listed) == set(stands) and all(fits(listed[key], stands[key]) for key in listed)
    if isinstance(listed, list) and isinstance(stands, list):
        return len(listed) == len(stands) and all(map(fits, listed, stands))
    return type(listed) is type(stands) and listed == stands


def complaints(seed: Any, ours: Any, listed: Mapping[str, Row]) -> list[str]:
    """What is wrong with the rows of a subject: a difference that none lists, and one that lists what is not so."""
    found = dict(differences(seed, ours, listed))
    said = [
        f"{key}: not listed: the tutorial has {there!r}, ours {here!r}"
        for key, (there, here) in found.items()
        if key not in listed
    ]
    for key, row in listed.items():
        if key not in found:
            said.append(f"{key}: listed, and there is no difference")
        elif not (fits(row.seed, found[key][0]) and fits(row.ours, found[key][1])):
            said.append(
                f"{key}: listed as {row.seed!r} and {row.ours!r}, and it is {found[key][0]!r} and {found[key][1]!r}"
            )
    return said
