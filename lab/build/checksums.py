"""Checksums over files and folders."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

ABSENT = "absent"


def of_texts(texts: Iterable[str]) -> str:
    """One checksum over several texts, in their order."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\0")
    return total.hexdigest()


def contents(path: Path) -> str:
    """A checksum over names, modes and contents of a file or a folder."""
    if not path.exists():
        return ABSENT
    total = hashlib.sha256()
    for file in _below(path):
        status = file.lstat()
        total.update(f"{file.relative_to(path)}\0{status.st_mode:o}\0".encode())
        if file.is_symlink():
            total.update(str(file.readlink()).encode())
        elif file.is_file():
            with file.open("rb") as opened:
                total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def listing(path: Path) -> str:
    """A checksum over names, modes, sizes and times: tells a damaged or edited folder quickly."""
    if not path.exists():
        return ABSENT
    total = hashlib.sha256()
    for file in _below(path):
        status = file.lstat()
        # A folder's own size and time change when something in it was replaced by the same.
        detail = "" if file.is_dir() else f"{status.st_size}\0{status.st_mtime_ns}"
        total.update(f"{file.relative_to(path)}\0{status.st_mode:o}\0{detail}\n".encode())
    return total.hexdigest()


def _below(path: Path) -> list[Path]:
    """The path itself and, for a folder, everything in it, in a fixed order; byte code is nobody's input."""
    found = [path]
    if path.is_dir() and not path.is_symlink():
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            found += [Path(folder, name) for name in sorted([*folders, *files])]
    return found
