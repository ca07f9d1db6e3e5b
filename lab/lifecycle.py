"""Up, down, reset, cut: what is done to the whole lab, in its order."""

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab import access, cgroups, disks, kernel_modules, machines, namespaces, requirements
from lab.build.builder import build, origin
from lab.build.programs import KUBERNETES
from lab.errors import LabError
from lab.forecast import shortcomings
from lab.mounts import unmount_below
from lab.places import RUNTIME, Instance
from lab.progress import Progress
from lab.sysctls import HostSettings
from lab.topology import MACHINES, STANDARD, Machine, Role

BOOT_SECONDS = 120.0
NETBOX_SECONDS = (
    600.0  # a new disk's NetBox loads itself twice before it answers: 15 s; of that 8 were 42 at a load of 28
)


@contextmanager
def _lock(instance: Instance) -> Iterator[None]:
    """One change of an instance at a time."""
    RUNTIME.mkdir(parents=True, exist_ok=True)
    with (RUNTIME / f"{instance.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up(instance: Instance, wanted: Sequence[Machine], progress: Progress) -> None:
    """Bring machines up; those that are up stay as they are."""
    requirements.check_kernel()
    if any(machines.running(instance, machine) is None for machine in wanted):
        for line in shortcomings(instance.cache, build=not instance.cache.programs(KUBERNETES.name).exists()):
            progress.console.print(f" {line}")
    build(instance.cache, progress, {machine.role for machine in wanted})
    with _lock(instance):
        access.make_key(instance.cache)
        access.hand_key_out(instance.cache)
        stopped = [machine for machine in wanted if machines.running(instance, machine) is None]
        if stopped:
            with progress.step(f"Start {_count(stopped)}"):
                _start(instance, stopped)
        with progress.step(f"ssh to {_count(wanted)}"):
            _wait_for_ssh(instance, wanted)


def _count(some: Sequence[Machine]) -> str:
    return some[0].name if len(some) == 1 else f"{len(some)} machines"


def _start(instance: Instance, stopped: Sequence[Machine]) -> None:
    kernel_modules.load()
    HostSettings().note_and_raise()
    cgroups.mount_extra_hierarchies()
    instance.path.mkdir(parents=True, exist_ok=True)
    namespaces.add_controller(instance)
    for machine in stopped:
        if disks.make_host_keys(instance, machine):
            access.forget_old_keys(machine)
    access.write_known_hosts(instance)
    for machine in stopped:
        machines.start(instance, machine, origin(instance.cache, machine))


def _wait_for_ssh(instance: Instance, wanted: Sequence[Machine]) -> None:
    seconds = NETBOX_SECONDS if any(machine.role is Role.NETBOX for machine in wanted) else BOOT_SECONDS
    deadline = time.monotonic() + seconds
    waiting = list(wanted)
    while waiting:
        attempts = [(machine, access.answers(instance, machine)) for machine in waiting]
        waiting = [machine for machine, attempt in attempts if attempt.wait() != 0]
        for machine in waiting:
            if machines.running(instance, machine) is None:
                raise LabError(f"{machine.name} died while it booted: {_last_words(instance, machine)}")
        if waiting and time.monotonic() > deadline:
            names = ", ".join(machine.name for machine in waiting)
            raise LabError(f"no ssh to {names} after {seconds:.0f} s: see {machines.console(instance, waiting[0])}")
        # ssh to a machine without sshd fails at once: a pause, or two processors would do nothing but ask.
        time.sleep(0.3 if waiting else 0)


def _last_words(instance: Instance, machine: Machine) -> str:
    file = machines.console(instance, machine)
    lines = file.read_text(errors="replace").strip().splitlines() if file.exists() else []
    return lines[-1] if lines else f"nothing on its console ({file})"


def down(instance: Instance, progress: Progress) -> None:
    """Shut all machines down and leave nothing behind on the host."""
    with _lock(instance), progress.step("Shut down"):
        _stop(instance)


def _stop(instance: Instance) -> None:
    up_now = [machine for machine in MACHINES if machines.running(instance, machine)]
    for machine in up_now:
        machines.request_shutdown(instance, machine)
    deadline = time.monotonic() + machines.SHUTDOWN_SECONDS
    for machine in up_now:
        if not machines.wait_until_dead(instance, machine, max(0.0, deadline - time.monotonic())):
            machines.kill(instance, machine)
    _leave_nothing(instance)


def _leave_nothing(instance: Instance) -> None:
    for machine in MACHINES:
        machines.clear_away(instance, machine)
    for name in namespaces.names_of(instance):
        namespaces.delete(name)
    cgroups.remove(instance)
    unmount_below(instance.runtime)
    shutil.rmtree(instance.runtime, ignore_errors=True)
    others = RUNTIME / "instances"
    if not others.is_dir() or not any(others.iterdir()):
        cgroups.unmount_extra_hierarchies()
        namespaces.give_folder_back()
        stuck = HostSettings().put_back()
        if stuck:
            raise LabError(f"these settings of the host could not be put back: {', '.join(stuck)}")


def reset(instance: Instance, progress: Progress) -> None:
    """Bare machines: the power is cut, the disks are thrown away, the host keys stay."""
    with _lock(instance), progress.step("Throw the disks away"):
        for machine in MACHINES:
            machines.kill(instance, machine)
        _leave_nothing(instance)
        for machine in MACHINES:
            disks.throw_away(instance, machine)
    up(instance, STANDARD, progress)


def cut(instance: Instance, machine: Machine) -> None:
    """A power cut: the switch port goes down first, so that the dying kernel cannot close its sessions; then SIGKILL."""
    with _lock(instance):
        machines.first_process(instance, machine)
        namespaces.unplug(instance, machine)
        machines.kill(instance, machine)
        machines.clear_away(instance, machine)


def execute(instance: Instance, machine: Machine, words: Sequence[str]) -> int:
    """Run a command inside a machine without its network, as root."""
    first = machines.first_process(instance, machine)
    inside = ["nsenter", f"--target={first}", "--all"]
    clean = [
        "env",
        "-i",
        "HOME=/root",
        "TERM=dumb",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        *("sh", "-c", 'cd /root && exec "$@"', "sh"),  # busybox' env changes no folder
    ]
    groups = cgroups.groups(instance, machine.name)
    return subprocess.run(machines.launched(groups, [*inside, *clean, *words]), check=False).returncode
