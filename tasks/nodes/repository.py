"""What the package repositories of a node have, and what a package's version says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LOOK_UP_SECONDS = 390  # a package manager gives up before: dnf has 180 for ours, and again for the machine's own
SHOWN = 3  # versions that a refusal names


@dataclass(frozen=True)
class Repository:
    """What the repositories answered.

    Attributes:
        versions: package -> its versions, the newest first, as the package manager orders them.
        trouble: why they could not be read; "" when they were.

    """

    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""

    def newest(self, package: str, version: str) -> str | None:
        """The newest revision of a version: 1.26.0-2.1 of 1.26.0."""
        return next((found for found in self.versions.get(package, ()) if upstream(found) == version), None)

    def newest_of_minor(self, package: str, version: str) -> str | None:
        """The newest of the same minor version as this one, or else the newest of all."""
        every = self.versions.get(package, ())
        return next((found for found in every if minor_of(found) == minor_of(version)), every[0] if every else None)

    def examples(self, package: str, version: str) -> tuple[str, ...]:
        """A few versions that there are: the newest of the same minor version, or else the newest of all."""
        every = tuple(dict.fromkeys(upstream(found) for found in self.versions.get(package, ())))
        return (tuple(found for found in every if minor_of(found) == minor_of(version)) or every)[:SHOWN]


def upstream(version: str) -> str:
    """The version of the program that is packaged: 1.26.0 of 1.26.0-2.1 (deb-version(7): epoch:upstream-revision)."""
    without_epoch = version.split(":", 1)[-1]
    return without_epoch.rpartition("-")[0] or without_epoch


def minor_of(version: str) -> tuple[int, int] | None:
    """Major and minor: (1, 6) of 1.6.20~ds1-1+deb12u3; None where there are none."""
    found = re.match(r"(?:\d+:)?v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
