"""A node as a bare machine: listed before anything of ours is there, and compared when all of it is gone."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab.laboratory import NODES, Laboratory

# Logs, caches, what boots and daemons write by themselves, and the package managers' own books.
LISTED = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /var/log \
  -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /var/lib/dnf \
  -o -path /var/lib/systemd \) -prune -o -print | sed 's/^/path /'
find /etc -xdev -type f -exec sha256sum {} + | sed 's/^\([0-9a-f]*\) *\(.*\)/bytes \2 \1/'
{ dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p'
  rpm -qa --qf '%{NAME}\n' 2>/dev/null; } | sed 's/^/package /'
"""
OWNED = "cat /var/lib/dpkg/info/*.list 2>/dev/null; ! command -v rpm >/dev/null || rpm -qal"
# What the packages that stay (docs/operations/reset.md) make when they are configured, and no package's list has.
STAYS = re.compile(
    r"/etc/(rc\d\.d/.*|alternatives/.*|systemd/system/.*\.wants(/(chrony|chronyd|nftables)\.service)?|chrony.*|dnf/plugins/.*|selinux/.*"
    r"|apparmor\.d/local(/.*)?|systemd/system/chronyd\.service|sysconfig|group-?|gshadow-?|passwd-?|shadow-?|subuid-?|subgid-?|ld\.so\.cache|\.updated)"
    r"|/var/lib/(chrony|selinux|alternatives|ucf|pam|private|nftables)(/.*)?|.*/__pycache__(/.*)?|.*\.pyc"
    r"|/usr/lib/.*/xtables|/usr/(s?bin|share/man)/.*(tables|ebt|arpt).*"
    r"|/var/backups/(apt|dpkg|alternatives)\..*"  # copies that Debian's own timers make once a day, whenever a machine has run long enough
)
MOVES = re.compile(
    r"/etc/(group-?|gshadow-?|passwd-?|shadow-?|ld\.so\.cache|chrony.*|dnf/plugins/.*|selinux/.*|\.updated|machine-id|resolv\.conf)"
)
OURS = re.compile(r"package (kube.*|cri-tools|containerd.*|runc)")


@dataclass(frozen=True)
class Bare:
    """What there is on a machine.

    Attributes:
        lines: `path PATH` and `package NAME`.
        bytes: path -> checksum, of the files of /etc.

    """

    lines: frozenset[str]
    bytes: dict[str, str]

    @property
    def is_bare(self) -> bool:
        """Whether no cluster is there."""
        return "path /etc/kubernetes/kubelet.conf" not in self.lines


def listed(lab: Laboratory, node: str) -> Bare:
    """List a machine."""
    lines = lab.inside(node, LISTED, deadline=300).splitlines()
    sums = [line.removeprefix("bytes ").rpartition(" ") for line in lines if line.startswith("bytes ")]
    return Bare(
        frozenset(line for line in lines if not line.startswith("bytes ")), {path: one for path, _, one in sums}
    )


def all_listed(lab: Laboratory) -> dict[str, Bare]:
    """Every node."""
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(NODES, pool.map(lambda node: listed(lab, node), NODES), strict=True))


def strangers(lab: Laboratory, node: str, before: Bare) -> Iterator[str]:
    """What was not there before, and is neither of a package that stays nor made by one; what of /etc is not to the byte what it was."""
    now, owned = listed(lab, node), set(lab.inside(node, OWNED, deadline=120).splitlines())
    for line in sorted(now.lines - before.lines):
        kind, _, what = line.partition(" ")
        # Debian 12's packages name /lib, which is /usr/lib there
        of_a_package = what in owned or what.removeprefix("/usr") in owned
        if (kind == "path" and not of_a_package and not STAYS.fullmatch(what)) or OURS.fullmatch(line):
            yield f"new: {line}"
    yield from (
        f"gone: {line}"
        for line in sorted(before.lines - now.lines)
        if line.startswith(("path /etc/", "package ")) and "irewall" not in line
    )
    for path, one in before.bytes.items():
        if path in now.bytes and now.bytes[path] != one and not MOVES.fullmatch(path):
            yield f"other bytes: {path}"
