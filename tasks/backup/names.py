"""What backups are called, and which of them go. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

FORM = "%Y%m%dT%H%M%SZ"
PLAIN, ENDINGS = ".tar.gz", {"age": ".age", "gpg": ".gpg"}
NAME = re.compile(r"(?P<cluster>.+)-(?P<taken>\d{8}T\d{6}Z)\.tar\.gz(\.age|\.gpg)?")


@dataclass(frozen=True, order=True)
class Named:
    """A backup by its name.

    Attributes:
        taken: when, in UTC.
        name: of the file.

    """

    taken: datetime
    name: str


def name_of(cluster: str, taken: datetime, program: str) -> str:
    """The name of a backup.

    Args:
        cluster: whose.
        taken: when.
        program: that encrypts it; "" for none.

    """
    return f"{cluster}-{taken.astimezone(UTC).strftime(FORM)}{PLAIN}{ENDINGS.get(program, '')}"


def of_cluster(cluster: str, names: Iterable[str]) -> list[Named]:
    """The backups of a cluster among the files of a folder, the oldest first; what is called otherwise is somebody else's."""
    return sorted(_of_cluster(cluster, names))


def _of_cluster(cluster: str, names: Iterable[str]) -> Iterator[Named]:
    for name in names:
        found = NAME.fullmatch(name)
        if found is None or found["cluster"] != cluster:
            continue
        try:
            yield Named(datetime.strptime(found["taken"], FORM).replace(tzinfo=UTC), name)
        except ValueError:
            continue  # no time that there is


def too_old(cluster: str, names: Iterable[str], keep: int | None, newest: str) -> list[str]:
    """The backups of a cluster that go, the oldest first.

    Args:
        cluster: whose; those of others stay.
        names: of all files in the folder.
        keep: so many stay; None: all.
        newest: the one that has just been made: it stays, whatever the clocks say.

    """
    if keep is None:
        return []
    others = [one.name for one in of_cluster(cluster, names) if one.name != newest]
    return others[: max(0, len(others) - (keep - 1))]
