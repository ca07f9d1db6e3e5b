"""One changing run at a time on a machine, whichever controller it comes from: the scripts, and what they say. Pure.

The lock is flock(2) on a file, held by a shell at the far end of a channel of the run's own SSH connection. When the run ends, however it
ends, its connection is closed, the shell reads the end of its input, and the kernel frees the lock: nothing is left to be judged. Only a
controller that is cut off says no farewell. So the run renews the file every few seconds, and a lock that was not renewed for a minute is
taken over: its shell and the SSH session that it belongs to are ended first, so that the run which was cut off cannot go on there.
"""

import shlex
from dataclasses import dataclass

from kubepeer.holder import Holder
from tasks.linux.observe import Answer

LOCK_FILE = "/run/kubepeer-run.lock"  # not the one of LinuxChange's long commands: those outlive their run
BEAT_SECONDS = 5
LOST_SECONDS = 60  # twelve beats: longer than a network that converges anew
LEAVING_SECONDS = 5  # a run that has just ended: its connection is not yet closed at the other end

AGE = 'age() { echo $(($(date +%s) - $(stat -c %Y "$f"))); }'
QUESTION = """f={file}; {age}
if [ -s "$f" ] && ! flock -w {patience} "$f" true; then read -r _ who <"$f"; echo "$(age) $who"; fi; true"""

HOLD = """f={file}; {age}
umask 077; exec 8>>"$f"; taken=  # nobody else may open it, and lock it
if ! flock -w {patience} 8; then
    pid=; read -r pid who <"$f"
    if [ "$(age)" -lt {lost} ] || [ "$(readlink "/proc/$pid/fd/8")" != "$f" ]; then echo "held $(age) $who"; exit 0; fi
    taken="$(age) $who"; session=$pid
    while [ "${{session:-1}}" -gt 1 ]; do
        case $(cat "/proc/$session/comm") in sshd*) kill -KILL "$session"; break;; esac
        session=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$session/status")
    done 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
    if ! flock -w {patience} 8; then echo "held $taken"; exit 0; fi
fi
printf '%s %s\\n' $$ {holder} >"$f"; echo "taken $taken"
while read -r _; do touch "$f"; done  # not written anew: whoever looks in the moment between would find it empty
: >"$f"
"""


@dataclass(frozen=True)
class OtherRun:
    """A run that holds a machine, or has held it.

    Attributes:
        who: what it says of itself.
        silent: seconds since its last sign of life.

    """

    who: str
    silent: int

    @property
    def lost(self) -> bool:
        """Whether its controller must have been cut off."""
        return self.silent >= LOST_SECONDS


def question(*, wait: bool, file: str = LOCK_FILE) -> str:
    """Read-only: who holds the machine, nothing where nobody does.

    Args:
        wait: whether a run that is about to end is waited for.
        file: of the lock.

    """
    return QUESTION.format(file=file, age=AGE, patience=LEAVING_SECONDS if wait else 0)


def hold(holder: Holder, file: str = LOCK_FILE, patience: int = LEAVING_SECONDS) -> str:
    """A script that takes the lock, or says who has it, in one line; having it, it stays until its input ends, and each line renews it.

    Args:
        holder: who takes it.
        file: of the lock.
        patience: seconds that another holder is given to end.

    """
    return HOLD.format(file=file, age=AGE, patience=patience, lost=LOST_SECONDS, holder=shlex.quote(holder.written()))


def other_run(answer: Answer) -> OtherRun | None:
    """Read the answer to question()."""
    return _read(answer.text) if answer.text.strip() else None


def taken(line: str) -> tuple[bool, OtherRun | None]:
    """Read the line of hold(): whether the lock was taken, and from whom; or else who has it."""
    word, _, rest = line.strip().partition(" ")
    return word == "taken", _read(rest) if rest.strip() else None


def _read(text: str) -> OtherRun:
    silent, _, who = text.strip().partition(" ")
    said = Holder.read(who)
    return OtherRun(str(said) if said else "another run", int(silent) if silent.lstrip("-").isdigit() else 0)
