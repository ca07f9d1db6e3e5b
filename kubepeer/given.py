"""Hosts and groups that a source of truth has given in the place of files, and where each value stands there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = dict[str, Any]
Path = tuple[str | int, ...]
HOSTS, GROUPS = "hosts", "groups"
FABRIC = "fabric"  # the group that says what is true of the whole cluster


@dataclass(frozen=True)
class Told:
    """Where a value stands in a source of truth.

    Attributes:
        what: the object, as a person knows it: NetBox device NAME.
        url: of its page.
        key: which of its fields says it; "" where the object as a whole is meant.

    """

    what: str
    url: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.url})"


@dataclass(frozen=True)
class Given:
    """What stands in the place of the host file, and beside the group file.

    Attributes:
        source: its name and address.
        hosts: all hosts, as the host file has them.
        groups: what it says of groups, beside what the group file says of them.
        told: where each value stands: ("hosts", NAME, "data", KEY, ...); ("hosts", NAME) of the host itself.

    """

    source: str
    hosts: Mapping[str, Entry]
    groups: Mapping[str, Entry]
    told: Mapping[Path, Told]

    def where(self, *path: str | int) -> Told | None:
        """Where a value stands: its own place, else that of the nearest thing above it; None: not in the source of truth."""
        for length in range(len(path), 1, -1):
            if found := self.told.get(path[:length]):
                return found
        return None

    def below(self, *path: str | int) -> Told | None:
        """Where the first value within a key stands, of a key that has parts."""
        return next((told for place, told in self.told.items() if place[: len(path)] == path), None)
