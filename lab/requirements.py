"""What the host must have, and one clear line when it has not."""

import os
import shutil
from pathlib import Path

from lab.debian import ARCHIVE_KEYRING
from lab.errors import Unsupported
from lab.kernel_modules import loadable
from lab.processes import succeeds

# A program the lab runs and the Debian package it comes from.
PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "dpkg-scanpackages": "dpkg-dev",
    "gcc": "gcc",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "depmod": "kmod",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "sysctl": "procps",
    "unzstd": "zstd",
    "xz": "xz-utils",
    "busybox": "busybox",  # a small router's shell: the scripts of the drivers run in it
}
# Headers for the one C program (pause), which gcc does not pull in without recommendations, and the keys that Debian's
# package lists are signed with, which Ubuntu lacks.
ALWAYS = ("libc6-dev", "debian-archive-keyring")
# Of the tests alone: a backup is encrypted by the real programs.
FOR_TESTS = ("age", "gnupg")
NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup")


def packages() -> list[str]:
    """All Debian packages that the host needs, for the lab and for the tests, sorted."""
    return sorted({*PROGRAMS.values(), *ALWAYS, *FOR_TESTS})


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
    """Refuse a user and a host on which the lab cannot be, with the cure."""
    if os.geteuid() != 0:
        raise Unsupported("the lab makes namespaces, mounts and control groups: run it as root")
    if absent := missing():
        raise Unsupported(f"missing on this host: apt-get install --no-install-recommends {' '.join(absent)}")


def check_kernel() -> None:
    """Refuse a kernel, or a container around us, in which no machine could run."""
    if not succeeds(["unshare", *NAMESPACES, "--fork", "true"]):
        raise Unsupported(
            "no namespaces can be made here (a container without privileges?): the lab needs a real or virtual machine"
        )
    if "overlay" not in Path("/proc/filesystems").read_text() and not loadable():
        raise Unsupported("this kernel has no overlayfs: the lab cannot be here")
