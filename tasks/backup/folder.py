"""The folder of backups on the controller: a file is there whole or not at all, and for its owner alone."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kubepeer.errors import CommandError, UsageError
from kubepeer.settings import Settings
from tasks.backup import names

NAME = "cluster-backups"  # in the folder of the state, beside the routers' backups
PART, PART_SECONDS = ".part", 3600  # what was not written to for an hour, nobody writes any more


def folder_of(settings: Settings, said: Path | None) -> Path:
    """Where backups lie."""
    return settings.state / NAME if said is None else said.expanduser().absolute()


def prepare(folder: Path, cluster: str) -> None:
    """Make the folder, if it is not there; what runs that were killed have left of this cluster's backups goes: it holds the CA's keys.

    Args:
        folder: of backups.
        cluster: whose backup will be written there.

    Raises:
        UsageError: it cannot be made, or others may look into it.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = folder.stat().st_mode
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}. Nothing was contacted.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{folder} can be read by others. Nothing was contacted.", cure=f"chmod 700 {folder}")
    for part in folder.glob(f".*{PART}"):
        is_ours = names.of_cluster(cluster, [part.name.removeprefix(".").removesuffix(PART)])
        try:
            if is_ours and part.lstat().st_mtime < time.time() - PART_SECONDS:
                part.unlink()
        except FileNotFoundError:
            continue  # another run was faster
        except OSError as error:
            raise UsageError(f"{part}: {error.strerror}. No backup was made.") from error


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside its place, which it takes when everything has gone well; else nothing is left of it.

    Raises:
        CommandError: it cannot be written.

    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as file:  # noqa: PTH123
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}. No backup was made", cure="free space there") from error
    finally:
        part.unlink(missing_ok=True)


def remove(folder: Path, names: Sequence[str]) -> None:
    """Backups that are too old go."""
    for name in names:
        (folder / name).unlink(missing_ok=True)


def names_in(folder: Path) -> list[str]:
    """The names of all that lies there."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _sync(folder: Path) -> None:
    """The name itself is on the disk (rename(2) alone does not promise it)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
