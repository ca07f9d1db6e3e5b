"""The file of a backup: a tar within gzip, its document first and etcd's snapshot last; written in one go, and believed in nothing."""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import IO, Protocol, cast

from kubepeer.errors import CommandError, UsageError
from tasks.backup import document as documents
from tasks.backup.document import DOCUMENT, SNAPSHOT, Document

LEVEL = 3  # of gzip: what etcd has is pressed to a fifth at any level, and a higher one costs only time
CHUNK = 1 << 20
MOST_BYTES = 256 << 20  # of one part but the snapshot: a list of a million keys
ENDS = (EOFError, tarfile.TarError, gzip.BadGzipFile, zlib.error)


class Reader(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """So many; fewer at the end."""


@dataclass(frozen=True)
class Content:
    """A backup that was read, and whose every byte is as its document says.

    Attributes:
        files: path in the backup -> its bytes; but the snapshot's.

    """

    document: Document
    files: Mapping[str, bytes]


def write(sink: IO[bytes], document: Document, files: Mapping[str, bytes], snapshot: Reader) -> None:
    """Write a backup.

    Args:
        sink: whereto: a file, or a program that encrypts.
        document: what it says of itself.
        files: path in the backup -> its bytes: those of the document.
        snapshot: where etcd's snapshot comes from.

    Raises:
        CommandError: the snapshot is not what the document says of it, or a part could not be read again.

    """
    _refuse_unreadable(files)
    with (
        gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=LEVEL, mtime=0) as pressed,
        tarfile.open(fileobj=pressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, DOCUMENT, documents.written(document))
        for path, content in files.items():
            _add(tar, path, content)
        try:
            told = _Summing(snapshot)
            tar.addfile(_member(SNAPSHOT, document.snapshot.size), told)
        except OSError as error:
            if error.errno is not None:  # the sink's own
                raise
            raise CommandError(f"etcd's snapshot was cut off on its way: {error}", cure="run again") from error
    if told.digest.hexdigest() != document.snapshot.sha256:
        raise CommandError("etcd's snapshot did not arrive as it was sent", cure="run again")


def _refuse_unreadable(files: Mapping[str, bytes]) -> None:
    """Refuse to write what read() would refuse: such a backup would be found out on the day on which it is needed."""
    for path, content in files.items():
        if not is_plain(path):
            raise CommandError(
                f"{path!r} cannot be a part of a backup. No backup was made", cure="rename that file on its machine"
            )
        if len(content) > MOST_BYTES:
            raise CommandError(
                f"{path} is longer than a part of a backup can be ({MOST_BYTES >> 20} MiB). No backup was made"
            )


def is_plain(path: str) -> bool:
    """Whether a part of a backup may be called so: whatever a file of Linux may, as long as it leads nowhere else.

    But not on several lines, and in characters that the document can hold.
    """
    parts = path.split("/")
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not {"", ".."} & set(parts) and not {"\0", "\n"} & set(path)


class _Summing:
    """Sums up what is read."""

    def __init__(self, source: Reader) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int = CHUNK, /) -> bytes:
        piece = self._source.read(size)
        self.digest.update(piece)
        return piece


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    tar.addfile(_member(path, len(content)), io.BytesIO(content))


def _member(path: str, size: int) -> tarfile.TarInfo:
    found = tarfile.TarInfo(path)
    found.size, found.mode = size, 0o600
    return found


def read(source: IO[bytes], keep_snapshot: Callable[[bytes], object] | None = None) -> Content:
    """Read a backup to its end; nothing of it is written anywhere.

    Args:
        source: the file, decrypted.
        keep_snapshot: is given the snapshot, piece by piece.

    Raises:
        UsageError: it is none, is not whole, or a byte of it is not as its document says.

    """
    try:
        with gzip.GzipFile(fileobj=source) as pressed, tarfile.open(fileobj=pressed, mode="r|") as tar:
            content = _read(tar, keep_snapshot or (lambda _: None))
            while pressed.read(CHUNK):
                pass  # the sum at gzip's end
    except ENDS as error:
        raise UsageError(f"it is no backup of Kubepeer's, or not whole ({error})") from error
    return content


class _Both:
    """Writes the same to two files; of the second, whose reader may have ended, no fault is told."""

    def __init__(self, sink: IO[bytes], copy: IO[bytes]) -> None:
        self._sink, self._copy = sink, copy

    def write(self, piece: bytes, /) -> int:
        self._sink.write(piece)
        return self._copy.write(piece)

    def flush(self) -> None:
        self._sink.flush()


@contextmanager
def proved(sink: IO[bytes]) -> Iterator[IO[bytes]]:
    """A sink whose every byte is read as a backup while it is written: for one that nobody here can read again.

    Raises:
        CommandError: what was written is none that could be read.

    """
    found: list[Content] = []
    refused: list[str] = []
    source, copy = os.pipe()

    def prove() -> None:
        with open(source, "rb") as stream:  # noqa: PTH123
            try:
                found.append(read(stream))
            except (UsageError, OSError) as error:  # told by the thread that writes
                refused.append(error.message if isinstance(error, UsageError) else str(error))
                while stream.read(CHUNK):
                    pass  # who writes is not held up

    reader = Thread(target=prove, name="proof of a backup", daemon=True)
    reader.start()
    try:
        with open(copy, "wb") as second:  # noqa: PTH123
            yield cast("IO[bytes]", _Both(sink, second))
    finally:
        reader.join()
    if not found:
        said = next(iter(refused), "its reader has failed")
        raise CommandError(f"what was written could not be read again: {said}. No backup was made")


def _read(tar: tarfile.TarFile, keep_snapshot: Callable[[bytes], object]) -> Content:
    members = iter(tar)
    first = next(members, None)
    if first is None or first.name != DOCUMENT:
        raise UsageError(f"it is no backup of Kubepeer's: {DOCUMENT} does not come first in it")
    document = documents.read(b"".join(_bytes(tar, first, MOST_BYTES)))
    files: dict[str, bytes] = {}
    has_snapshot = False
    for member in members:
        if member.name == SNAPSHOT and not has_snapshot:
            has_snapshot, digest = True, hashlib.sha256()
            for piece in _bytes(tar, member, document.snapshot.size):
                digest.update(piece)
                keep_snapshot(piece)
            _refuse_otherwise(SNAPSHOT, digest.hexdigest(), document.snapshot.sha256)
            continue
        kept = document.files.get(member.name)
        if kept is None or member.name in files:
            raise UsageError(f"{member.name!r} in it is nothing that its document knows")
        content = b"".join(_bytes(tar, member, min(kept.size, MOST_BYTES)))
        _refuse_otherwise(member.name, hashlib.sha256(content).hexdigest(), kept.sha256)
        files[member.name] = content
    if missing := [*(document.files.keys() - files.keys()), *(() if has_snapshot else (SNAPSHOT,))]:
        raise UsageError(f"it is not whole: {min(missing)} is not in it")
    return Content(document, files)


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> Iterator[bytes]:
    """A member's bytes; none of one that is no plain file, leads elsewhere, or is longer than was said.

    Raises:
        UsageError: it is such a one.

    """
    try:
        tarfile.data_filter(member, "/")
    except tarfile.FilterError as error:
        raise UsageError(f"{member.name!r} in it leads elsewhere: {error}") from error
    if not member.isreg() or not is_plain(member.name):
        raise UsageError(f"{member.name!r} in it is no plain file of a backup")
    if member.size > most:
        raise UsageError(f"{member.name!r} in it is longer than its document says")
    source = tar.extractfile(member)
    while source is not None and (piece := source.read(CHUNK)):
        yield piece


def _refuse_otherwise(path: str, found: str, said: str) -> None:
    if found != said:
        raise UsageError(f"{path} in it is not what its document says: the backup was damaged")
