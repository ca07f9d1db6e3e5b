"""Overlay mounts: many machines on one base."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError, Unsupported
from lab.processes import run, succeeds

# The folder of an overlay that lasts as long as a build step; one that was killed leaves it behind.
WORK_PREFIX = ".overlay-"


def mount_points() -> list[Path]:
    """All mount points of this mount namespace, in the order in which they were mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [Path(line.split()[4].encode().decode("unicode_escape")) for line in lines]


def mount_overlay(lower: Sequence[Path], upper: Path, work: Path, root: Path) -> None:
    """Mount `upper` over the `lower` folders (the topmost first) at `root`."""
    for folder in (upper, work, root):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    try:
        run(["mount", "-t", "overlay", "overlay", "-o", options, root])
    except LabError as error:
        kind = run(["stat", "-f", "-c", "%T", upper]).strip()
        raise Unsupported(f"no overlay mount with its upper folder on {kind} ({upper}): set KUBEPEER_CACHE to a "
                          f"folder on an ordinary disk (ext4, xfs, btrfs); mount says: {error}") from None  # fmt: skip


def unmount_below(folder: Path) -> None:
    """Take away every mount at or below a folder, the last one first."""
    for point in reversed([one for one in mount_points() if one == folder or folder in one.parents]):
        if not succeeds(["umount", point]):
            # Something still holds it: detached now, it goes when the last user does.
            run(["umount", "--lazy", point])


@contextmanager
def mounted_overlay(lower: Sequence[Path], upper: Path) -> Iterator[Path]:
    """An overlay for the time of a build step."""
    with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=upper.parent) as folder:
        root = Path(folder) / "root"
        mount_overlay(lower, upper, Path(folder) / "work", root)
        try:
            yield root
        finally:
            os.sync()
            unmount_below(root)
