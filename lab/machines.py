"""One machine: started, found, stopped, cut off. systemd-nspawn runs it, with an init of its own as PID 1 inside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups, disks, kernel_modules, namespaces
from lab.errors import LabError
from lab.mounts import unmount_below
from lab.places import CHECKOUT, Instance
from lab.topology import Machine, Role

LAUNCH = CHECKOUT / "lab" / "launch.py"
# An orderly shutdown of a node with a whole control plane takes up to this long; after that the plug is pulled.
SHUTDOWN_SECONDS = 25.0
DEATH_SECONDS = 10.0
NO_SWAPS = "/usr/local/lib/lab/no-swaps"


@dataclass(frozen=True)
class Running:
    """The systemd-nspawn process of a machine; the start time tells it from a later process with the same number."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether it still runs."""
        return _start_time(self.pid) == self.started


def _start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, counted after the name in brackets; None for a dead or zombie process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]


def _pid_file(instance: Instance, machine: Machine) -> Path:
    return instance.runtime / machine.name / "pid"


def console(instance: Instance, machine: Machine) -> Path:
    """What the machine said on its console."""
    return instance.runtime / machine.name / "console.log"


def running(instance: Instance, machine: Machine) -> Running | None:
    """The machine's process, if it is up."""
    try:
        found = Running(**json.loads(_pid_file(instance, machine).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.alive() else None


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def first_process(instance: Instance, machine: Machine) -> int:
    """The machine's PID 1, as the host numbers it."""
    process = running(instance, machine)
    inside = children(process.pid) if process else []
    if not inside:
        raise LabError(f"{machine.name} is not up: run `python -m lab up {machine.name}`")
    return inside[0]


def start(instance: Instance, machine: Machine, origin: str) -> None:
    """Start a machine that is not up, after clearing away what a crash may have left."""
    clear_away(instance, machine)
    disks.prepare(instance, machine, origin)
    namespaces.add_machine(instance, machine)
    groups = cgroups.groups(instance, machine.name)
    environment = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "TERM": "dumb",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes",
        "SYSTEMD_SECCOMP": "0",
    }
    if machine.needs_cgroup_v2:  # the others get what the host has
        environment["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1"
    command = launched(groups, _nspawn(instance, machine))
    with console(instance, machine).open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/", start_new_session=True
        )
    started = _start_time(process.pid)
    _pid_file(instance, machine).write_text(json.dumps({"pid": process.pid, "started": started}))


def launched(groups: Iterable[Path], command: Iterable[str]) -> list[str]:
    """A command line that first joins control groups and gives up the way to the host's swap."""
    return [sys.executable, "-I", str(LAUNCH), *map(str, groups), "--", *command]


def _nspawn(instance: Instance, machine: Machine) -> Iterable[str]:
    disk = instance.disk(machine)
    yield from ("systemd-nspawn", "--quiet", "--boot", "--register=no")
    if not cgroups.systemd_manages():
        yield "--keep-unit"
    yield from (
        f"--machine={instance.name}-{machine.port}",
        f"--directory={instance.root(machine)}",
        f"--network-namespace-path={namespaces.NAMESPACES / instance.namespace(machine)}",
        "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe",
        "--capability=all",
        f"--drop-capability=CAP_SYS_TIME{',CAP_SYS_MODULE' if kernel_modules.loadable() else ''}",
        "--bind=/dev/kmsg",
    )  # fmt: skip
    if not machine.has_systemd:
        yield "--kill-signal=SIGUSR2"  # with which busybox' init powers off
    for name in disks.REAL_FOLDERS if machine.has_systemd else ():
        yield f"--bind={disk / name}:/var/lib/{name}"
    # The host's swap is not shown, and its magic keys are out of reach. Mounts on /proc are made when the root is the
    # machine's own already, so the file that stands for an empty list lies in the machine.
    yield f"--bind-ro={NO_SWAPS}:/proc/swaps"
    if Path("/proc/sysrq-trigger").exists():
        yield "--inaccessible=/proc/sysrq-trigger"
    modules = kernel_modules.folder_for_machines(instance.cache.path)
    if modules is not None:
        yield f"--bind-ro={modules}:/lib/modules/{modules.name}"
    if machine.role is Role.MIRROR:
        yield f"--bind-ro={instance.cache.mirror}:/srv"


def request_shutdown(instance: Instance, machine: Machine) -> None:
    """Ask the machine to shut down in order."""
    process = running(instance, machine)
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)


def wait_until_dead(instance: Instance, machine: Machine, seconds: float) -> bool:
    """Whether the machine's process is gone within that time."""
    deadline = time.monotonic() + seconds
    while (process := running(instance, machine)) is not None:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def kill(instance: Instance, machine: Machine) -> None:
    """SIGKILL to systemd-nspawn and to the machine's PID 1; with that all of the machine's processes die."""
    process = running(instance, machine)
    if process is None:
        return
    for pid in (process.pid, *children(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if not wait_until_dead(instance, machine, DEATH_SECONDS):
        raise LabError(f"{machine.name}: process {process.pid} does not die")


def _orphans(instance: Instance, machine: Machine) -> set[int]:
    return {*namespaces.processes(instance.namespace(machine)), *cgroups.processes(instance, machine.name)}


def clear_away(instance: Instance, machine: Machine) -> None:
    """Take away what a machine that no longer runs leaves on the host: processes, mounts, namespace, groups, files."""
    folder = instance.runtime / machine.name
    namespace = instance.namespace(machine)
    deadline = time.monotonic() + DEATH_SECONDS
    # A machine whose systemd-nspawn died alone goes on without it.
    while (orphans := _orphans(instance, machine)) and time.monotonic() < deadline:
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    unmount_below(folder)
    namespaces.delete(namespace)
    # The groups are busy until the kernel has buried the machine's last process.
    while cgroups.remove(instance, machine.name) and time.monotonic() < deadline:
        time.sleep(0.05)
    if folder.is_dir():
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
