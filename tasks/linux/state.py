"""The states that a Linux machine can be asked to have, each as a change with the steps that bring it. Pure."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from kubepeer.change import Change
from tasks.linux.observe import FileSeen


@dataclass(frozen=True)
class Write:
    """Write a file whole, by a rename, so that nobody ever reads half of it.

    Attributes:
        restart_marker: a path that is made before the file is: what reads the file must be restarted; "" for none.

    """

    path: str
    content: str
    mode: str = "644"
    owner: str = "root:root"
    restart_marker: str = ""


@dataclass(frozen=True)
class Remove:
    """Remove a file."""

    path: str


@dataclass(frozen=True)
class Execute:
    """Run a script; exit code 0 is success.

    Attributes:
        title: what it does, for a person; it is what an error names.
        explanation: a script that only reads; what it prints follows the error when the step has failed or has not ended in time.

    """

    title: str
    script: str
    deadline: float = 60
    stdin: str | None = None
    explanation: str = ""


Step = Write | Remove | Execute

# A controller that was killed leaves its long command running on the machine: the next run waits for it, and looks only then.
LOCK_FILE = "/run/kubepeer.lock"
UNDER_LOCK = f"exec 9>{LOCK_FILE}; flock 9\n"
# All that an installation or a kubeadm starts inherits the descriptor; where the wait ends, their command lines are the answer.
WAIT_FOR_LOCK = f"""flock -w {{seconds}} {LOCK_FILE} true || {{{{
for d in /proc/[0-9]*/fd/9; do
    [ "$(readlink "$d")" != {LOCK_FILE} ] || {{{{ tr '\\0\\n' '  ' <"${{{{d%/fd/9}}}}/cmdline"; echo; }}}}
done 2>/dev/null
false; }}}}"""

# A run may be cut off between a file and the restart that makes it count, and the next one finds the file as it should be. So the restart
# is marked as pending first, and the marker cleared when it is done: a restart that failed, or that nothing on the machine could do, is
# still pending, and the change has failed. The markers lie in /run: a boot is a restart, too.
RESTART_MARKERS = "/run/kubepeer-restart-pending."
PENDING_RESTARTS = f'for f in {RESTART_MARKERS}*; do [ ! -e "$f" ] || echo "${{f#{RESTART_MARKERS}}}"; done'


COMMENT = (
    "#kubepeer: "  # before a line that is out of force; who reads fstab, sysctl.conf or chrony.conf sees a comment
)
UNIT_SECONDS = 120  # systemd itself gives a unit 90 to start (DefaultTimeoutStartSec), and says why it did not
JOURNAL_LINES = 3


@dataclass(frozen=True)
class LinuxChange(Change):
    """A change, and the steps that bring it about on a Linux machine."""

    steps: tuple[Step, ...] = ()


def marker_of(name: str) -> str:
    """The marker that a restart of this unit or pod is pending; PENDING_RESTARTS lists the names."""
    return f"{RESTART_MARKERS}{name}"


def file(
    path: str,
    wanted: str,
    seen: FileSeen | None,
    *,
    mode: str = "644",
    owner: str = "root:root",
    secret: bool = False,
    restart_marker: str = "",
) -> LinuxChange | None:
    """A file with this content, mode and owner; None when it is so already."""
    write = Write(path, wanted, mode, owner, restart_marker)
    if seen is None:
        return LinuxChange(path, None, wanted, secret=secret, steps=(write,))
    if seen.content != wanted:
        return LinuxChange(path, seen.content, wanted, secret=secret, steps=(write,))
    if (seen.mode, seen.owner) != (mode, owner):
        return LinuxChange(path, f"mode {seen.mode} owner {seen.owner}", f"mode {mode} owner {owner}", steps=(write,))
    return None


def action(
    what: str, after: str, script: str, *, before: str | None = None, deadline: float = 60, explanation: str = ""
) -> LinuxChange:
    """Something that is done rather than a state that is kept: kubeadm init, a package transaction."""
    return LinuxChange(what, before, after, steps=(Execute(what, script, deadline, explanation=explanation),))


def impossible(what: str, before: str | None, after: str, reason: str) -> LinuxChange:
    """A difference that a run sees and does not mend: it is shown, and to apply it fails with the reason."""
    script = f"printf '%s\\n' {shlex.quote(reason)} >&2; exit 1"
    return LinuxChange(what, before, after, steps=(Execute(what, script),))


def unit(name: str, active: str, enabled: str) -> LinuxChange | None:
    """A systemd unit that runs now and after a boot.

    Args:
        name: the unit without .service.
        active: what `systemctl is-active` says.
        enabled: what `systemctl is-enabled` says.

    """
    if (active, enabled) == ("active", "enabled"):
        return None
    script = f"systemctl enable --now {shlex.quote(name)}"
    return action(
        f"unit {name}",
        "enabled, active",
        script,
        before=f"{enabled}, {active}",
        deadline=UNIT_SECONDS,
        explanation=unit_says(name),
    )


def restart(name: str) -> LinuxChange:
    """A unit that must read its configuration anew."""
    return action(
        f"unit {name} restart",
        "restarted",
        clearing_marker(name, f"systemctl restart {name}"),
        deadline=UNIT_SECONDS,
        explanation=unit_says(name),
    )


def unit_says(name: str) -> str:
    """Asks for a unit's state and the last lines of its journal."""
    quoted = shlex.quote(name)
    return f"""echo "{name} is $(systemctl is-active {quoted}), result $(systemctl show -p Result --value {quoted}), its journal:"
journalctl -u {quoted} -n {JOURNAL_LINES} -o cat --no-pager"""


def clearing_marker(name: str, script: str) -> str:
    """A script that does a pending restart, and clears its marker when it is done, and only then.

    Args:
        name: what is restarted.
        script: its last command says whether it was done; what nothing on the machine can do is a failure, too. The marker
            then stays, the change fails, and the next run finds it.

    """
    return f"{script.strip()} && rm -f -- {marker_of(name)}"


def commented(line: str) -> str:
    """A line of somebody else's that is out of force by us, with a mark of its own: `in_force_again` gives it back."""
    return f"{COMMENT}{line}"


def in_force_again(text: str) -> str:
    """A text with every line that was out of force by us as it stood before; what else is a comment stays one."""
    return "".join(line.removeprefix(COMMENT) for line in text.splitlines(keepends=True))


def without_block(text: str, name: str) -> str:
    """A text without our marked block, and everything else of it untouched."""
    ours = block(text, [], name)
    return ours.replace(f"# BEGIN {name}\n# END {name}\n", "", 1) if f"# BEGIN {name}" in text else text


def block(text: str, lines: Iterable[str], name: str) -> str:
    """A text with our marked block in it, and everything else of it untouched.

    The block is replaced where it stands, or added at the end. A mark that has lost its other half goes; the lines beside it stay.
    """
    begin, end = f"# BEGIN {name}", f"# END {name}"
    ours = "\n".join([begin, *lines, end]) + "\n"
    stands = re.compile(
        rf"^{re.escape(begin)}\n(?:(?!{re.escape(begin)}$).*\n)*?{re.escape(end)}(?:\n|\Z)", re.MULTILINE
    )
    if stands.search(text):
        return stands.sub(lambda _: ours, text, count=1)
    kept = "".join(line for line in text.splitlines(keepends=True) if line.strip() not in (begin, end))
    return kept + ("" if kept.endswith("\n") or not kept else "\n") + ours


def present(*changes: "LinuxChange | None") -> tuple[LinuxChange, ...]:
    """The changes that there are, in order."""
    return tuple(change for change in changes if change is not None)
