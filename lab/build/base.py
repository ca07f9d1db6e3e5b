"""The root file systems: the base of all machines, and what routers, the mirror and the client have on top."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.debian import ARCHIVE_KEYRING, NEXT_RELEASE, RELEASE, UNSTABLE, Apt
from lab.mounts import WORK_PREFIX, mounted_overlay, unmount_below
from lab.places import Cache
from lab.processes import run
from lab.topology import Role

# What a minimal server has. No time daemon, no containerd, nothing of Kubernetes, no routing daemon: those are for
# the deploy run to install.
BASE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "iproute2", "iputils-ping", "curl",
    "ca-certificates", "procps", "kmod", "less", "sudo", "netbase", "ifupdown", "psmisc", "vim-tiny", "openssl",
)  # fmt: skip
LAYER_PACKAGES = {
    # What a minimal Rocky has, and the libraries of what it gets later as rpms (lab/build/rpm_system.py).
    Role.RPM_NODE: (
        "dnf", "dnf-plugins-core", "rpm", "firewalld", "nftables", "tar",
        "libip4tc2", "libip6tc2", "libipset13", "libnetfilter-conntrack3", "libnl-3-200", "libnl-genl-3-200",
    ),
    Role.ROUTER: ("frr", "frr-pythontools", "frr-rpki-rtrlib", "tcpdump", "traceroute"),
    Role.BIRD_ROUTER: ("bird2", "tcpdump", "traceroute"),
    Role.MIRROR: ("nginx-light", "docker-registry", "chrony", "dnsmasq"),
    Role.CLIENT: ("bird2", "tcpdump", "traceroute", "python3", "ufw"),  # ufw is off there, and judges rules in tests
    Role.NEXT_ROUTER: ("frr", "frr-pythontools", "frr-rpki-rtrlib", "tcpdump", "traceroute"),
    Role.NEXT_BIRD_ROUTER: ("bird3", "tcpdump", "traceroute"),
    Role.NEWEST_ROUTER: ("frr", "frr-pythontools", "frr-rpki-rtrlib", "tcpdump", "traceroute"),
    Role.NETBOX: ("python3", "python3-venv", "postgresql", "redis-server"),
    Role.BROWSER: ("chromium-headless-shell", "fonts-dejavu-core"),
}  # fmt: skip
OF_NEXT_RELEASE = (Role.NODE, Role.NEXT_ROUTER, Role.NEXT_BIRD_ROUTER, Role.NETBOX)
UNPRIVILEGED_USER = "engineer"


def release_of(role: Role) -> str:
    """The release of Debian that machines of a role run."""
    if role is Role.NEWEST_ROUTER:
        return UNSTABLE
    return NEXT_RELEASE if role in OF_NEXT_RELEASE else RELEASE


def base_of(cache: Cache, release: str) -> Path:
    """The root that all machines of a release share."""
    return cache.base if release == RELEASE else cache.path / f"base-{release}"


def build_base(cache: Cache, apt: Apt, log: Path) -> None:
    """Make a base with debootstrap; its downloads are kept, so that an interrupted run goes on with them."""
    base = base_of(cache, apt.release)
    partial = base.with_suffix(".partial")
    discard(partial)
    bootstrap(partial, BASE_PACKAGES, cache, apt, log)
    finish_base(partial, log)
    discard(base)
    partial.rename(base)


def bootstrap(root: Path, packages: Sequence[str], cache: Cache, apt: Apt, log: Path) -> None:
    """A minimal Debian with these packages; what debootstrap downloads is kept, and its sums are checked each time."""
    cache.downloads.mkdir(parents=True, exist_ok=True)
    run(["debootstrap", "--variant=minbase", f"--keyring={ARCHIVE_KEYRING}", f"--cache-dir={cache.downloads}",
         f"--include={','.join(packages)}", apt.release, root, apt.main_mirror], log=log)  # fmt: skip


def finish_base(root: Path, log: Path) -> None:
    """Take out what belongs to one machine, and add the user without rights."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in ("etc/hostname", "etc/resolv.conf", "etc/hosts"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")
    # An air-gapped machine: it knows no package source before the deploy run names the site's mirror.
    (root / "etc/apt/sources.list").write_text("")
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()
    run(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", UNPRIVILEGED_USER], log=log)
    for folder in ("containerd", "kubelet", "etcd"):
        (root / "var/lib" / folder).mkdir(exist_ok=True)


def build_layer(
    role: Role, cache: Cache, apt: Apt, log: Path, *, finish: Callable[[Path, Path], None] | None = None
) -> None:
    """Install a role's packages into a layer of their own, without network and without starting anything.

    `finish` gets the root and the log when all is installed.
    """
    base = base_of(cache, apt.release)
    packages = apt.closure(LAYER_PACKAGES[role], base / "var/lib/dpkg/status")
    layer = cache.layer(role)
    partial = layer.with_suffix(".partial")
    for left in (*layer.parent.glob(f"{WORK_PREFIX}*"), partial):
        discard(left)
    partial.mkdir(parents=True)
    with mounted_overlay([base], partial) as root, quiet_installation(root):
        folder = root / "var/cache/lab-packages"
        folder.mkdir()
        for package in packages:
            shutil.copy(package, folder)
        names = [f"/var/cache/lab-packages/{package.name}" for package in packages]
        # apt and not dpkg: it brings pre-dependencies into order. The base has no package source, so it stays offline.
        run(["chroot", root, "apt-get", "-q", "-y", "--no-install-recommends", "install", *names],
            log=log, environment={"DEBIAN_FRONTEND": "noninteractive"})  # fmt: skip
        shutil.rmtree(folder)
        for made in (root / "var/cache/apt").glob("*.bin"):
            made.unlink()
        if finish is not None:
            finish(root, log)
    discard(layer)
    partial.rename(layer)


@contextmanager
def quiet_installation(root: Path) -> Iterator[None]:
    """While packages are installed no daemon starts (Debian's policy-rc.d), and /proc is there for their scripts."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    run(["mount", "-t", "proc", "proc", root / "proc"])
    try:
        yield
    finally:
        run(["umount", root / "proc"])
        policy.unlink()


def discard(path: Path) -> None:
    """Remove a folder of ours, if it is there; a build that was killed may have left /proc mounted in it."""
    unmount_below(path)
    if path.exists():
        shutil.rmtree(path)
