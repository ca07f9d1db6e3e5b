"""What the host must have, and one clear line when it has not."""

import os
import shutil
from pathlib import Path

from lab.debian import ARCHIVE_KEYRING
from lab.errors import Unsupported

# A program the lab runs and the Debian package it comes from.
PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "dpkg-source": "dpkg-dev",
    "dpkg-scanpackages": "dpkg-dev",
    "gcc": "gcc",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "depmod": "kmod",
    "nsenter": "util-linux",
    "mount": "mount",
    "sysctl": "procps",
    "unzstd": "zstd",
    "xz": "xz-utils",
}
# Headers for the one C program (pause), which gcc does not pull in without recommendations, and the keys that Debian's
# package lists are signed with, which Ubuntu lacks.
ALWAYS = ("libc6-dev", "debian-archive-keyring")
NAMESPACES = ("net", "pid", "mnt", "uts", "ipc")


def packages() -> list[str]:
    """All Debian packages that the host needs, sorted."""
    return sorted({*PROGRAMS.values(), *ALWAYS})


def missing() -> list[str]:
    """The packages of which a program is not there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = {package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None}
    if not Path("/usr/include/stdlib.h").exists():
        absent.add("libc6-dev")
    if not ARCHIVE_KEYRING.exists():
        absent.add("debian-archive-keyring")
    return sorted(absent)


def check() -> None:
    """Refuse a host on which the lab cannot be, with the cure."""
    if os.geteuid() != 0:
        raise Unsupported("the lab makes namespaces, mounts and control groups: run it as root")
    if absent := missing():
        raise Unsupported(f"missing on this host: apt-get install --no-install-recommends {' '.join(absent)}")
    for kind in NAMESPACES:
        if not Path("/proc/self/ns", kind).exists():
            raise Unsupported(f"this kernel has no {kind} namespaces: the lab cannot be here")
    if "overlay" not in Path("/proc/filesystems").read_text() and not Path("/lib/modules").is_dir():
        raise Unsupported("this kernel has no overlayfs: the lab cannot be here")
