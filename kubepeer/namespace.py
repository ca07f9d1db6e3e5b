"""Enter the network namespace that config.yaml names, or refuse: nothing may be contacted from another network than the intended one."""

import ctypes
import os
from pathlib import Path

from kubepeer.errors import UsageError

FOLDER = Path("/run/netns")  # where ip-netns(8) keeps named namespaces
CLONE_NEWNET = 0x40000000  # setns(2): nothing but a network namespace will do


def enter(name: str | None) -> None:
    """Be in the named network namespace, with all threads that are started from now on: setns(2).

    The C library is asked for it: Python has os.setns from 3.12 on alone.

    Raises:
        UsageError: it is not there, or may not be entered.

    """
    if name is None:
        return
    path = FOLDER / name
    cure = "start the lab (python -m lab up), or remove user_defined.namespace from config.yaml for real machines"
    try:
        wanted = path.stat()
    except OSError:
        raise UsageError(
            f"network namespace {name!r} is not there: {path}. Nothing was contacted.", cure=cure
        ) from None
    if _is_in(wanted):
        return
    if os.geteuid() != 0:
        raise UsageError(
            f"network namespace {name!r} cannot be entered without root. Nothing was contacted.", cure=cure
        )
    why = _set_network_namespace(path)
    if why or not _is_in(wanted):
        raise UsageError(f"network namespace {name!r} cannot be entered: {why}. Nothing was contacted.", cure=cure)


def _is_in(namespace: os.stat_result) -> bool:
    here = Path("/proc/thread-self/ns/net").stat()
    return (here.st_dev, here.st_ino) == (namespace.st_dev, namespace.st_ino)


def _set_network_namespace(path: Path) -> str:
    """Why the running thread could not be moved there; "" when it was."""
    library = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file:
        refused = library.setns(file.fileno(), CLONE_NEWNET)
    return os.strerror(ctypes.get_errno()) if refused else ""
