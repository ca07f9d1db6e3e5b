"""Apply a plan to a Linux machine: the only code that writes to one."""

import shlex
from collections.abc import Iterable

from kubepeer.change import made
from kubepeer.errors import CommandError
from tasks.linux.shell import Completed, Shell
from tasks.linux.state import Execute, LinuxChange, Remove, Step, Write

# The new file is made beside the old one with its final mode before a byte of it is written, and takes its place by a rename. Standard
# input ends as well when the controller dies: half a file never takes its place.
WRITE = """set -e; umask 077
d=$(dirname -- {path}); [ -d "$d" ] || (umask 022; mkdir -p -- "$d")
t=$(mktemp "$d/.kubepeer.XXXXXX"); trap 'rm -f -- "$t"' EXIT
cat > "$t"; [ "$(wc -c < "$t")" -eq {size} ]; chown {owner} "$t"; chmod {mode} "$t"; sync "$t"
{owe}mv -fT -- "$t" {path}; trap - EXIT"""


def apply(shell: Shell, changes: Iterable[LinuxChange]) -> None:
    """Bring the changes about, in their order; the first failure ends it.

    Raises:
        CommandError: a step failed: names the change and what the machine said.

    """
    for change in changes:
        for step in change.steps:
            completed = _do(shell, step)
            if completed.code:
                raise CommandError(
                    f"{change.what}: exit {completed.code}: {completed.said}",
                    host=getattr(shell, "host", None),
                    cure=_cure(completed.said),
                )
        made(change)


def _do(shell: Shell, step: Step) -> Completed:
    match step:
        case Write(path, content, mode, owner, owes):
            data = content.encode(errors="surrogateescape")
            script = WRITE.format(
                path=shlex.quote(path),
                mode=shlex.quote(mode),
                owner=shlex.quote(owner),
                size=len(data),
                owe=f"touch -- {shlex.quote(owes)}; " if owes else "",
            )
            return shell.run(script, stdin=data)
        case Remove(path):
            return shell.run(f"rm -f -- {shlex.quote(path)}")
        case Execute(_, script, deadline, stdin):
            return shell.run(script, stdin=None if stdin is None else stdin.encode(), deadline=deadline)


def _cure(said: str) -> str:
    return (
        "free space on that disk, then run again; what was there before still stands" if "No space left" in said else ""
    )
