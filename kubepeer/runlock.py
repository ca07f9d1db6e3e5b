"""One changing run at a time on one state folder: the kernel's lock on a file, which no process outlives."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from kubepeer.errors import RefusedError, UsageError
from kubepeer.holder import Holder
from kubepeer.run import Run

NAME = "run.lock"


@contextmanager
def the_only_run(run: Run) -> Iterator[None]:
    """Hold STATE/locks/run.lock; who holds it stands in it.

    flock(2) is freed by the kernel when the process ends, however it ends. So there is no stale lock; what a run that was killed has left
    in the file is told, and the lock taken.

    Raises:
        RefusedError: another run holds it; says which. Nothing was contacted by this one but for host keys.
        UsageError: the file cannot be written.

    """
    path = run.settings.state / "locks" / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+", encoding="utf-8")  # noqa: PTH123, SIM115
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Nothing was changed.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = Holder.read(file.read()) or "another run"
            raise RefusedError(
                f"{who} is at work on this inventory. Nothing was changed", cure="run again when that one has ended"
            ) from error
        if before := Holder.read(file.read()):
            run.warn(f"{before} did not come to its end: this run goes on from what stands")
        _write(file, run.holder.written())
        try:
            yield
        finally:
            _write(file, "")


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
