"""A machine's disk: the shared base below, its own files above, and real folders where overlayfs would not do."""

import os
import shutil
import stat
import uuid
from collections.abc import Sequence
from pathlib import Path

from lab.build.base import LAYER_PACKAGES, UNPRIVILEGED_USER, base_of, release_of
from lab.build.busybox import ROOT_PACKAGES
from lab.errors import LabError
from lab.mounts import mount_overlay
from lab.places import FILES, Instance
from lab.processes import run
from lab.topology import NAME_SERVER, Machine

# containerd's snapshots are overlays themselves, etcd and the kubelet want a real disk.
REAL_FOLDERS = ("containerd", "kubelet", "etcd")
HOST_KEY_TYPES = ("ed25519", "ecdsa")


def layers(instance: Instance, machine: Machine) -> Sequence[Path]:
    """The read-only folders below a machine's own, the topmost first."""
    own = [instance.cache.layer(machine.role)] if machine.role in (*LAYER_PACKAGES, *ROOT_PACKAGES) else []
    return [*own, base_of(instance.cache, release_of(machine.role))] if machine.has_systemd else own


def host_keys(instance: Instance, machine: Machine) -> Path:
    """A machine's SSH host keys; they outlive its disk."""
    return instance.path / "host-keys" / machine.name


def make_host_keys(instance: Instance, machine: Machine) -> bool:
    """Make the host keys, once and for all; whether new ones were made."""
    folder = host_keys(instance, machine)
    folder.mkdir(parents=True, exist_ok=True)
    made = False
    for kind in HOST_KEY_TYPES:
        file = folder / f"ssh_host_{kind}_key"
        if not file.exists():
            run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", machine.hostname, "-f", file])
            made = True
    return made


def prepare(instance: Instance, machine: Machine, origin: str) -> None:
    """Make a machine's disk as it comes from the shop, if it has none, and mount its root.

    `origin` names the builds below the disk. They are written down last, so that half a disk is no disk.
    """
    disk = instance.disk(machine)
    made = disk / "made"
    if made.exists() and made.read_text() != origin:
        raise LabError(f"{machine.name}: the base of the machines was built anew since its disk was made: "
                       "run `python -m lab reset`")  # fmt: skip
    if not made.exists():
        throw_away(instance, machine)
        make_host_keys(instance, machine)
        for folder in REAL_FOLDERS:
            (disk / folder).mkdir(parents=True)
        _fill(instance, machine, disk / "upper")
        made.write_text(origin)
    mount_overlay(layers(instance, machine), disk / "upper", disk / "work", instance.root(machine))


def origin(instance: Instance, machine: Machine) -> str:
    """The builds that a machine's disk lies on, as they were named when it was made; "" when there is no whole disk."""
    made = instance.disk(machine) / "made"
    return made.read_text() if made.exists() else ""


def throw_away(instance: Instance, machine: Machine) -> None:
    """Remove a machine's disk; what says that it is whole goes first, in case this is interrupted."""
    disk = instance.disk(machine)
    (disk / "made").unlink(missing_ok=True)
    if disk.exists():
        shutil.rmtree(disk)


def _fill(instance: Instance, machine: Machine, upper: Path) -> None:
    """Everything that tells one machine from another, and the files of its role."""
    for folder in ("all" if machine.has_systemd else "busybox", machine.role.value, machine.name):
        if (FILES / folder).is_dir():
            shutil.copytree(FILES / folder, upper, symlinks=True, dirs_exist_ok=True)
    for key in host_keys(instance, machine).iterdir():
        (upper / "etc/ssh").mkdir(parents=True, exist_ok=True)
        shutil.copy(key, upper / "etc/ssh" / key.name)
    _write(upper / "etc/hostname", f"{machine.hostname}\n")
    _write(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    _write(upper / "etc/resolv.conf", f"nameserver {NAME_SERVER}\n" if machine.is_node else "")
    _write(upper / "etc/hosts", _hosts(machine))
    _write(upper / "etc/network/interfaces", interfaces(machine))
    below = layers(instance, machine)
    _own_like_below(upper, below)
    _authorize(instance, upper / "root", _identity(below[-1], "root"))
    _authorize(instance, upper / "home" / UNPRIVILEGED_USER, _identity(below[-1], UNPRIVILEGED_USER))


def _own_like_below(upper: Path, below: Sequence[Path]) -> None:
    """A file that replaces one of a package keeps that one's owner and mode; the same for the folders on the way."""
    for path in (upper, *upper.rglob("*")):
        replaced = [layer / path.relative_to(upper) for layer in below]
        original = next((one for one in replaced if os.path.lexists(one)), None)
        if original is not None and not path.is_symlink():
            status = original.lstat()
            os.chown(path, status.st_uid, status.st_gid)
            path.chmod(stat.S_IMODE(status.st_mode))
        elif not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else stat.S_IMODE(path.stat().st_mode))


def _hosts(machine: Machine) -> str:
    """As Debian's installer leaves it: the machine knows itself and nobody else."""
    names = machine.hostname if machine.hostname == machine.name else f"{machine.hostname} {machine.name}"
    return f"127.0.0.1\tlocalhost\n127.0.1.1\t{names}\n"


def interfaces(machine: Machine) -> str:
    """The machine's /etc/network/interfaces."""
    lines = ["auto lo", "iface lo inet loopback"]
    for interface in machine.interfaces:
        lines += [
            "",
            f"auto {interface.name}",
            f"iface {interface.name} inet static",
            f"    address {interface.address}",
        ]
        if interface.gateway:
            lines.append(f"    gateway {interface.gateway}")
        if interface.metric is not None:
            lines.append(f"    metric {interface.metric}")
    return "\n".join(lines) + "\n"


def _identity(base: Path, name: str) -> tuple[int, int]:
    """A user's numbers, as the machine's own /etc/passwd has them."""
    entries = (line.split(":") for line in (base / "etc/passwd").read_text().splitlines())
    entry = next(words for words in entries if words[0] == name)
    return int(entry[2]), int(entry[3])


def _authorize(instance: Instance, home: Path, identity: tuple[int, int]) -> None:
    """Let the lab's key in, and no other way."""
    folder = home / ".ssh"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "authorized_keys", instance.cache.key.with_suffix(".pub").read_text())
    folder.chmod(0o700)
    (folder / "authorized_keys").chmod(0o600)
    home.chmod(0o700)
    for path in (home, folder, folder / "authorized_keys"):
        os.chown(path, *identity)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
