"""A build step: what it is made from, what it makes, and the stamp that says it is done.

A stamp holds the checksum of the step's inputs and a summary of what the step left behind. A step runs again when
either no longer fits. Its work goes to a folder that is renamed at the end, so an interrupted step has no stamp
and simply runs again; finished steps and downloads stay.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError


@dataclass(frozen=True)
class Step:
    """One thing to build. A change of its inputs (texts and files), or of a step it comes after, builds it anew."""

    name: str
    title: str
    inputs: tuple[str | Path, ...]
    outputs: tuple[Path, ...]
    build: Callable[[Path], None]
    after: tuple["Step", ...] = ()

    def checksum(self) -> str:
        """One checksum over all inputs."""
        total = hashlib.sha256()
        for item in self.inputs:
            total.update(tree_content(item).encode() if isinstance(item, Path) else item.encode())
            total.update(b"\0")
        for step in self.after:
            total.update(step.checksum().encode())
        return total.hexdigest()


@dataclass(frozen=True)
class Stamp:
    """What is known of a finished step."""

    inputs: str
    outputs: str
    seconds: float


def tree_content(path: Path) -> str:
    """A checksum over names, modes and contents of a file or a folder; the word `absent` when there is none."""
    if not path.exists():
        return "absent"
    total = hashlib.sha256()
    for file in _files(path):
        status = file.lstat()
        total.update(f"{file.relative_to(path)}\0{status.st_mode:o}\0".encode())
        if file.is_symlink():
            total.update(str(file.readlink()).encode())
        elif file.is_file():
            with file.open("rb") as opened:
                total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def tree_listing(path: Path) -> str:
    """A checksum over names, modes, sizes and times: tells a damaged or edited output quickly."""
    if not path.exists():
        return "absent"
    total = hashlib.sha256()
    for file in _files(path):
        status = file.lstat()
        size = 0 if file.is_dir() else status.st_size
        when = 0 if file.is_dir() else status.st_mtime_ns
        total.update(f"{file.relative_to(path)}\0{status.st_mode:o}\0{size}\0{when}\n".encode())
    return total.hexdigest()


def _files(path: Path) -> Iterable[Path]:
    if not path.is_dir() or path.is_symlink():
        return [path]
    found = [path]
    for folder, folders, files in os.walk(path):
        folders.sort()
        found += [Path(folder, name) for name in sorted([*folders, *files])]
    return found


def _summary(step: Step) -> str:
    return hashlib.sha256("\n".join(tree_listing(path) for path in step.outputs).encode()).hexdigest()


def _stamp_file(step: Step, stamps: Path) -> Path:
    return stamps / f"{step.name}.json"


def stamp_of(step: Step, stamps: Path) -> Stamp | None:
    """The step's stamp, if it was ever finished."""
    try:
        return Stamp(**json.loads(_stamp_file(step, stamps).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_current(step: Step, stamps: Path) -> bool:
    """Whether the step's stamp fits both its inputs and what lies in its outputs."""
    stamp = stamp_of(step, stamps)
    return stamp is not None and stamp.inputs == step.checksum() and stamp.outputs == _summary(step)


def perform(step: Step, stamps: Path, log: Path) -> float:
    """Build a step and stamp it; the answer is the seconds it took."""
    stamps.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    _stamp_file(step, stamps).unlink(missing_ok=True)
    log.write_text("")
    inputs = step.checksum()
    started = time.monotonic()
    step.build(log)
    seconds = time.monotonic() - started
    for path in step.outputs:
        if not path.exists():
            raise LabError(f"build step {step.name} did not make {path} (log: {log})")
    stamp = {"inputs": inputs, "outputs": _summary(step), "seconds": round(seconds, 1)}
    temporary = _stamp_file(step, stamps).with_suffix(".new")
    temporary.write_text(json.dumps(stamp))
    temporary.replace(_stamp_file(step, stamps))
    return seconds
