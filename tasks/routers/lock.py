"""One change of a router at a time.

Between the runs of one controller by a lock here; between controllers by the lock that the driver takes on the router.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubepeer.errors import RefusedError


@contextmanager
def one_change_at_a_time(folder: Path, router: str) -> Iterator[None]:
    """Hold FOLDER/ROUTER.lock; it is free again when the run ends, however it ends.

    Raises:
        RefusedError: another run holds it.

    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{router}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                "another run is changing it. Nothing was changed", host=router, cure="run again when that one has ended"
            ) from error
        yield
