"""Control groups: every machine gets its own in every hierarchy of the host.

Three situations are told apart, none is assumed:
- systemd is the host's PID 1: systemd-nspawn asks it for a scope, and systemd looks after the groups.
- cgroup v2 without systemd: one group a machine below the root.
- cgroup v1, or v1 and v2 side by side: one group a machine in every hierarchy. hugetlb, net_cls, net_prio and
  perf_event are often mounted nowhere on the host, but systemd-nspawn mounts them inside each machine; all machines
  would share their root, and every kubelet would try to delete the other machines' pods. They are mounted for the
  time of the lab.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.places import RUNTIME, Instance
from lab.processes import run

SYSTEMD_RUNS = Path("/run/systemd/system")
EXTRA_HIERARCHIES = ("hugetlb", "net_cls,net_prio", "perf_event")
EXTRA_MOUNTS = RUNTIME / "cgroup"
# A new cpuset is empty and takes no process before it has processors and memory.
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup hierarchy of the host."""

    path: Path
    version: int


def systemd_manages() -> bool:
    """Whether the host's PID 1 is systemd."""
    return SYSTEMD_RUNS.is_dir()


def hierarchies() -> list[Hierarchy]:
    """Every hierarchy mounted on the host, each once."""
    found: dict[str, Hierarchy] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            path = Path(left.split()[4])
            controllers = "" if kind == "cgroup2" else ",".join(sorted(options.split(",")))
            found.setdefault(f"{kind}:{controllers}", Hierarchy(path, 2 if kind == "cgroup2" else 1))
    return list(found.values())


def mount_extra_hierarchies() -> None:
    """Mount the cgroup v1 hierarchies that the machines would otherwise share."""
    if systemd_manages() or not any(hierarchy.version == 1 for hierarchy in hierarchies()):
        return
    available = {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()[1:]}
    mounted = Path("/proc/self/mountinfo").read_text()
    for controllers in EXTRA_HIERARCHIES:
        names = controllers.split(",")
        if set(names) <= available and not any(f",{name}" in mounted for name in names):
            target = EXTRA_MOUNTS / controllers
            target.mkdir(parents=True, exist_ok=True)
            run(["mount", "-t", "cgroup", "-o", controllers, "cgroup", target])


def unmount_extra_hierarchies() -> None:
    """Take those mounts away again."""
    for controllers in EXTRA_HIERARCHIES:
        target = EXTRA_MOUNTS / controllers
        if os.path.ismount(target):
            run(["umount", target])
        if target.is_dir():
            target.rmdir()


def groups(instance: Instance, machine: str) -> list[Path]:
    """Make a machine's group in every hierarchy; the answer is the groups for its first process to join."""
    if systemd_manages():
        return []
    made: list[Path] = []
    present = hierarchies()
    without_version_1 = not any(hierarchy.version == 1 for hierarchy in present)
    for hierarchy in present:
        parent = hierarchy.path / instance.name
        group = parent / machine
        group.mkdir(parents=True, exist_ok=True)
        if hierarchy.version == 1:
            for level in (parent, group):
                _fill_cpuset(level)
        elif without_version_1:
            _pass_controllers_on(hierarchy.path)
            _pass_controllers_on(parent)
        made.append(group)
    return made


def _fill_cpuset(group: Path) -> None:
    for name in CPUSET_FILES:
        if (group / name).exists() and not (group / name).read_text().strip():
            (group / name).write_text((group.parent / name).read_text())


def _pass_controllers_on(group: Path) -> None:
    """With cgroup v2 a group's children have the controllers that it passes on."""
    for controller in (group / "cgroup.controllers").read_text().split():
        # A controller that another program holds cannot be passed on; the rest can.
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def processes(instance: Instance, machine: str) -> set[int]:
    """The processes in a machine's groups, as the host numbers them."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy.path / instance.name / machine):
            with suppress(OSError):
                found.update(int(word) for word in Path(folder, "cgroup.procs").read_text().split())
    return found


def remove(instance: Instance, machine: str | None = None) -> list[Path]:
    """Remove a machine's groups (or all of the instance's); the answer is those that would not go."""
    left: list[Path] = []
    for hierarchy in hierarchies():
        top = hierarchy.path / instance.name
        for folder, _, _ in os.walk(top / machine if machine else top, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                left.append(Path(folder))
    return left
