"""A file that is there whole or not at all: who reads it may come at any moment."""

import os
import secrets
from pathlib import Path

from kubepeer.errors import UsageError

AS_THE_UMASK_SAYS = 0o666


def write_whole(path: Path, text: str, mode: int = AS_THE_UMASK_SAYS) -> None:
    """Write beside it, and put that in its place.

    Args:
        path: the file; one that stands is replaced.
        text: what is in it then.
        mode: who may read it, less what the umask takes away.

    Raises:
        UsageError: it cannot be written.

    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path}: {error.strerror}") from error
