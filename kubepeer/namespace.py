"""Enter the network namespace that config.yaml names, or refuse: nothing may be contacted from another network than the intended one."""

import os
import shutil
import sys
from pathlib import Path

from kubepeer.errors import UsageError

FOLDER = Path("/run/netns")  # where ip-netns(8) keeps named namespaces


def enter(name: str | None) -> None:
    """Be in the named network namespace: re-execute this program once under nsenter(1).

    Python 3.11 has no os.setns, and no thread may be running yet: so this is the first thing that a runbook does.

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
    here = Path("/proc/self/ns/net").stat()
    if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino):
        return
    nsenter = shutil.which("nsenter")
    if os.geteuid() != 0 or nsenter is None:
        missing = "root" if nsenter else "the program nsenter (package util-linux)"
        raise UsageError(
            f"network namespace {name!r} cannot be entered without {missing}. Nothing was contacted.", cure=cure
        )
    program = [sys.executable, *sys.argv]
    sys.stdout.flush()
    os.execv(nsenter, [nsenter, f"--net={path}", "--", *program])  # noqa: S606  the same program, in another network
