"""What a version of Kubernetes, Calico or PureLB can do: read from versions.yaml, where each row names its source. Pure."""

import functools
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).with_name("versions.yaml")


def number(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: 3.24.5 before 3.30.0."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def has(project: str, version: str, feature: str) -> bool:
    """Whether a version of a project has a feature of versions.yaml.

    Raises:
        KeyError: the table has no such feature: a mistake of the caller.

    """
    row = _table()["features"][project][feature]
    until = row.get("until")
    return number(version) >= number(row["since"]) and (until is None or number(version) < number(until))


def since(project: str, feature: str) -> str:
    """The first version that has a feature."""
    first: str = _table()["features"][project][feature]["since"]
    return first


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return table
