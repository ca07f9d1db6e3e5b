"""sudo without a password for the login user, where the inventory asks for it. Pure."""

import re
from collections.abc import Iterator

from tasks.linux.observe import FileSeen
from tasks.linux.state import Execute, LinuxChange, Write

FOLDER = "/etc/sudoers.d"
CHECK = 'PATH=$PATH:/usr/sbin:/sbin; command -v visudo >/dev/null || { echo "no sudo here: install it" >&2; exit 1; }; visudo -cf -'


def path(user: str) -> str:
    """The file: the last rule that matches counts, so it is the last of the folder; sudo reads none whose name has a dot (sudoers(5))."""
    return f"{FOLDER}/zz-kubepeer-{re.sub(r'[^A-Za-z0-9_-]', '_', user)}"


def content(user: str) -> str:
    """The rule; a sign of the name that has a meaning in sudoers(5) stands behind a backslash."""
    quoted = re.sub(r"([^A-Za-z0-9_-])", r"\\\1", user)
    return f"{quoted} ALL=(ALL:ALL) NOPASSWD: ALL\n"


def plan(user: str, seen: FileSeen | None) -> Iterator[LinuxChange]:
    """The rule, judged by visudo before it counts; nothing where it stands."""
    wanted = content(user)
    if seen and (seen.content, seen.mode, seen.owner) == (wanted, "440", "root:root"):
        return
    steps = (Execute("sudo's own check", CHECK, stdin=wanted), Write(path(user), wanted, "440"))
    yield LinuxChange(path(user), seen.content if seen else None, wanted, steps=steps)
