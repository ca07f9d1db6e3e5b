"""What can be seen of the lab on the host: listed before it goes up, and compared when it is down again."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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

    def differences(self, before: "Listing", *, others: frozenset[str]) -> dict[str, list[str]]:
        """What is there now and was not before, or the other way round; what did not change is left out.

        Args:
            before: the earlier listing.
            others: other instances of the lab; what bears their names comes and goes meanwhile.

        """
        kinds = ["namespaces", "mounts", "groups", "instances", "interfaces", "swaps"]
        # while another instance is up the host's settings are those that it needs: they are put back when the last goes down
        kinds += [] if others else ["settings"]
        found = {
            kind: sorted(one for one in getattr(self, kind) ^ getattr(before, kind) if not _named(one, others))
            for kind in kinds
        }
        found["processes"] = [
            f"{one.pid} {one.command}" for one in self._started_by_nobody(before) if not _named(one.groups, others)
        ]
        return {kind: lines for kind, lines in found.items() if lines}

    def _started_by_nobody(self, before: "Listing") -> Iterator[Process]:
        """New processes that hang below PID 1, or below nothing: a machine that was forgotten would be one.

        The tests' own and those of a shell beside them have somebody above them who was there before.
        """
        old = {(one.pid, one.started) for one in before.processes}
        now = {one.pid: one for one in self.processes}
        for process in self.processes:
            above: Process | None = process
            while above is not None and (above.pid, above.started) not in old:
                above = now.get(above.parent)
            if above is None or (above.pid == 1 and process.pid != 1):
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
        groups=frozenset(folder for folder, _, _ in os.walk("/sys/fs/cgroup")),
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


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            groups = (folder / "cgroup").read_text()
            pid, parent = int(folder.name), int(fields[1])
            if KERNEL_THREADS not in (pid, parent):
                yield Process(pid, fields[19], parent, command, groups)
