"""What a package manager must be able to do for a node, and what all of them need of a shell. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.nodes.repository import Repository

INSTALL_SECONDS = 600
LOCK_TRIES = 60  # every two seconds


class PackageManager(Protocol):
    """A package manager: plans and questions, nothing of it touches a machine."""

    def keyrings(self, intent: Intent) -> Mapping[str, str]:
        """Path on the node -> address of each key that its repositories are signed with."""

    def plan_repositories(self, intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
        """The inventory's repositories, as a file of their own."""

    def question(self, intent: Intent, keyrings: Mapping[str, str], names: Iterable[str]) -> str:
        """A command that lists what the repositories have of these packages; it reads the network, and leaves nothing behind.

        Args:
            intent: for the repositories. The machine's own are looked at where the inventory lets them be.
            keyrings: path on the node -> text of the keys; they need not be there yet.
            names: of the packages.

        """

    def answered(self, answer: Answer) -> Repository:
        """Read the answer to question()."""

    def names(self, package: str) -> tuple[str, ...]:
        """What Kubepeer calls by one name may be any of these packages here, the one to install first; none where nothing is needed."""

    def installation(self, wanted: Mapping[str, str | None], stands: Mapping[str, str], *, only_ours: bool) -> Execute:
        """The one transaction that installs packages, whatever holds them, and removes nothing of somebody else's.

        Args:
            wanted: package -> its version, None for any.
            stands: package -> version, of those that are installed.
            only_ours: from the inventory's repositories alone.

        """

    def plan_hold(self, seen: Seen, versions: Mapping[str, str]) -> Iterator[LinuxChange | None]:
        """No other command moves these packages from their versions; "" for one that no repository has yet."""


def patiently(log: str, cause: str, lock: str) -> str:
    """A shell function that runs a package manager, and again while it is a lock that is in the way.

    The machine's own daily update may hold one for a moment. What else is wrong ends the script, with its cause.

    Args:
        log: where what is said goes.
        cause: a shell function first_error FILE.
        lock: an extended regular expression of a line that says that somebody holds a lock.

    """
    return f"""{UNDER_LOCK}{cause}patiently() {{
    n=0
    until "$@" >{log} 2>&1; do
        n=$((n + 1))
        locked=$(grep -m1 -E '{lock}' {log})
        [ -n "$locked" ] || {{ first_error {log} >&2; exit 100; }}
        if [ $n -ge {LOCK_TRIES} ]; then
            holder=$(echo "$locked" | sed -n 's/.*\\(with pid\\|as pid\\|locked by\\) \\([0-9][0-9]*\\).*/\\2/p')
            file=$(echo "$locked" | sed -n 's/.* on \\(\\/[^ ]*\\) (.*/\\1/p')
            [ -z "$file" ] || holder=$(awk -v inode="$(stat -c %i "$file")" '$6 ~ ":" inode "$" {{ print $5; exit }}' /proc/locks)
            [ -z "$holder" ] || locked="$locked ($(cat /proc/$holder/comm 2>/dev/null || echo 'it has ended'))"
            echo "$locked, for {2 * LOCK_TRIES} s" >&2
            exit 100
        fi
        sleep 2
    done
}}
"""
