"""Apply a plan to a Linux machine: the only code that writes to one."""

import shlex
from collections.abc import Iterable

from kubepeer.change import made
from kubepeer.errors import CommandError, KubepeerError
from tasks.linux.shell import Completed, DeadlineError, Shell
from tasks.linux.state import Execute, LinuxChange, Remove, Step, Write

EXPLANATION_SECONDS = 15
EXPLANATION_LENGTH = 600  # signs: the cause stands at the end of a journal

# The new file is made beside the old one with its final mode before a byte of it is written, and takes its place by a rename. Standard
# input ends as well when the controller dies: half a file never takes its place. Its label of SELinux is that of its folder then, and
# becomes the policy's own for that path.
WRITE = """set -e; umask 077
d=$(dirname -- {path}); [ -d "$d" ] || (umask 022; mkdir -p -- "$d")
t=$(mktemp "$d/.kubepeer.XXXXXX"); trap 'rm -f -- "$t"' EXIT
cat > "$t"; [ "$(wc -c < "$t")" -eq {size} ]; chown {owner} "$t"; chmod {mode} "$t"; sync "$t"
{mark}mv -fT -- "$t" {path}; trap - EXIT
[ ! -e /sys/fs/selinux/enforce ] || ! command -v restorecon >/dev/null || restorecon -- {path}"""


def apply(shell: Shell, changes: Iterable[LinuxChange]) -> None:
    """Bring the changes about, in their order; the first failure ends it.

    Raises:
        CommandError: a step failed: names the change and what the machine said.

    """
    for change in changes:
        for step in change.steps:
            trouble = _trouble(shell, step)
            if trouble:
                raise CommandError(
                    f"{change.what}: {trouble}{_explanation(shell, step)}",
                    host=getattr(shell, "host", None),
                    cure=_cure(trouble),
                )
        made(change)


def _trouble(shell: Shell, step: Step) -> str:
    """Do a step; what went wrong, "" when nothing did."""
    try:
        completed = _do(shell, step)
    except DeadlineError as error:
        return f"no end after {error.seconds:.0f} s"
    return f"exit {completed.code}: {completed.said}" if completed.code else ""


def _explanation(shell: Shell, step: Step) -> str:
    """What the machine says about a step that failed, as the step itself asks."""
    if not isinstance(step, Execute) or not step.explanation:
        return ""
    try:
        said = " ".join(shell.run(step.explanation, deadline=EXPLANATION_SECONDS).text.split())
    except KubepeerError:
        return ""  # the step's own error is the one to tell
    if not said:
        return ""
    return f"; {said}" if len(said) <= EXPLANATION_LENGTH else f"; ... {said[-EXPLANATION_LENGTH:]}"


def _do(shell: Shell, step: Step) -> Completed:
    match step:
        case Write(path, content, mode, owner, restart_marker):
            data = content.encode(errors="surrogateescape")
            script = WRITE.format(
                path=shlex.quote(path),
                mode=shlex.quote(mode),
                owner=shlex.quote(owner),
                size=len(data),
                mark=f"touch -- {shlex.quote(restart_marker)}; " if restart_marker else "",
            )
            return shell.run(script, stdin=data)
        case Remove(path):
            return shell.run(f"rm -f -- {shlex.quote(path)}")
        case Execute(_, script, deadline, stdin, _):
            return shell.run(script, stdin=None if stdin is None else stdin.encode(), deadline=deadline)


def _cure(said: str) -> str:
    return (
        "free space on that disk, then run again; what was there before still stands" if "No space left" in said else ""
    )
