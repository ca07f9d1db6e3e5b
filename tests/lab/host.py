"""What can be seen of the lab on the host: listed before it goes up, and compared when it is down again."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.cgroups import EXTRA_MOUNTS
from lab.places import RUNTIME

NAMESPACES = Path("/run/netns")
SETTINGS = Path("/proc/sys")
OWNER_MAY_WRITE = 0o200
KERNEL_THREADS = 2  # the parent of all of them
# docs/lab.md, "Before and after"; files that nobody may write are counters
MOVES_BY_ITSELF = re.compile(
    r"kernel/(ns_last_pid|random/.*|perf_event_max_sample_rate)|fs/(file-nr|inode-.*|dentry-state|aio-nr)"
    r"|net/netfilter/nf_conntrack_count"
)


@dataclass(frozen=True)
class Process:
    """A process of the host: its number and start time tell it from all others."""

    pid: int
    started: str
    parent: int
    command: str
    groups: str
    apart: bool

    def shown(self) -> str:
        """As a failure shows it."""
        return f"{self.pid} {self.command}"


@dataclass(frozen=True)
class Listing:
    """What there is on the host."""

    namespaces: frozenset[str]
    mounts: frozenset[str]
    groups: frozenset[str]
    settings: frozenset[str]
    instances: frozenset[str]
    interfaces: frozenset[str]
    swaps: frozenset[str]
    processes: frozenset[Process]

    def differences(self, before: "Listing", *, ours: frozenset[str], others: frozenset[str]) -> dict[str, list[str]]:
        """What is there now and was not before, or the other way round; what did not change is left out.

        Args:
            before: the earlier listing.
            ours: names that only the lab's own programs are called with.
            others: other instances of the lab; what has their names comes and goes meanwhile.

        """
        kinds = ["namespaces", "mounts", "instances", "interfaces", "swaps", "settings"]
        found = {
            kind: sorted(one for one in getattr(self, kind) ^ getattr(before, kind) if not _named(one, others))
            for kind in kinds
        }
        if others:  # what all instances share was there before if another was up, and goes with the last of them
            found["settings"] = []
            found["mounts"] = [one for one in found["mounts"] if str(EXTRA_MOUNTS) not in one]
        found["groups"] = sorted(group for group in self.groups - before.groups if not _named(group, others))
        found["processes"] = sorted(
            process.shown() for process in self._of_the_lab(before, ours) if not _named(process.groups, others)
        )
        return {kind: lines for kind, lines in found.items() if lines}

    def _of_the_lab(self, before: "Listing", ours: frozenset[str]) -> Iterator[Process]:
        """New processes that only the lab can have started; other people's come and go.

        Those of a machine have namespaces or groups of their own; a program that the lab has left alone hangs below PID 1
        and has the name of the instance or of the cache on its command line.
        """
        old = {(one.pid, one.started) for one in before.processes}
        for process in self.processes:
            if (process.pid, process.started) in old:
                continue
            left_alone = process.parent == 1 and _named(process.command, ours)
            if process.apart or left_alone or _named(process.groups, ours):
                yield process


def _named(text: str, instances: frozenset[str]) -> bool:
    return any(re.search(rf"{re.escape(name)}(?![a-z0-9])", text) for name in instances)


def other_instances(name: str) -> frozenset[str]:
    """Instances of the lab that are up beside this one."""
    return _entries(RUNTIME / "instances") - {name}


def listing() -> Listing:
    """List the host."""
    return Listing(
        namespaces=_entries(NAMESPACES),
        # without the two numbers that every mount gets anew
        mounts=frozenset(line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        groups=frozenset(_empty_groups()),
        settings=frozenset(_settings()),
        instances=_entries(RUNTIME / "instances"),
        interfaces=_entries(Path("/sys/class/net")),
        swaps=frozenset(Path("/proc/swaps").read_text().splitlines()),
        processes=frozenset(_processes()),
    )


def _entries(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _settings() -> Iterator[str]:
    for folder, _, files in os.walk(SETTINGS):
        for file in (Path(folder, name) for name in files):
            name = str(file.relative_to(SETTINGS))
            with suppress(OSError, UnicodeDecodeError):  # some may only be written
                if file.stat().st_mode & OWNER_MAY_WRITE and not MOVES_BY_ITSELF.fullmatch(name):
                    yield f"{name} = {file.read_text().strip()}"


def _empty_groups() -> Iterator[str]:
    """Control groups without a process; those with one are judged by the process."""
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        with suppress(OSError):
            if not below and not Path(folder, "cgroup.procs").read_text().strip():
                yield folder


def _processes() -> Iterator[Process]:
    networks = _networks()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            groups = (folder / "cgroup").read_text()
            pid, parent = int(folder.name), int(fields[1])
            if KERNEL_THREADS not in (pid, parent):
                yield Process(pid, fields[19], parent, command, groups, apart=_apart(folder, networks))


def _apart(process: Path, networks: frozenset[int]) -> bool:
    """Whether a process lives among other processes than these tests, or in a network that has no name."""
    among_others = (process / "ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    return among_others or (process / "ns/net").stat().st_ino not in networks


def _networks() -> frozenset[int]:
    """Our own network, and those with a name, which are listed by it."""
    named = NAMESPACES.iterdir() if NAMESPACES.is_dir() else ()
    return frozenset(path.stat().st_ino for path in (Path("/proc/self/ns/net"), *named))
