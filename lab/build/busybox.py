"""The root of a router without comforts: busybox, dropbear and a routing daemon, put together as a small device's image is.

Debian's packages are unpacked and not installed: no script of theirs runs, so that neither dpkg nor bash nor perl need be there. Of what
they depend on the libraries come along, and no program: no iproute2, no coreutils, no python.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.build.base import UNPRIVILEGED_USER, discard
from lab.debian import Apt
from lab.places import Cache
from lab.processes import run
from lab.topology import Role

ROOT_PACKAGES = {
    Role.BUSYBOX_ROUTER: ("busybox", "dropbear-bin", "frr"),
    Role.BUSYBOX_BIRD_ROUTER: ("busybox", "dropbear-bin", "bird2"),
}

# What OpenWrt's busybox has by default, as far as Debian's has it (its ifup knows no addresses). So no base64, no setsid, no nohup, no
# stat, no od, no sudo; `ip` is busybox'.
APPLETS = (
    "[", "ash", "awk", "basename", "bunzip2", "bzcat", "cat", "chgrp", "chmod", "chown", "chroot", "clear", "cmp", "cp", "cut", "date",
    "dd", "df", "dirname", "dmesg", "du", "echo", "egrep", "env", "expr", "false", "fgrep", "find", "free", "grep", "gunzip", "gzip",
    "halt", "head", "hexdump", "hostid", "hostname", "hwclock", "id", "ifconfig", "init", "ip", "kill", "killall",
    "less", "ln", "logger", "login", "logread", "ls", "md5sum", "mkdir", "mkfifo", "mknod", "mktemp", "mount", "mv", "nc", "netstat",
    "nslookup", "pidof", "ping", "ping6", "pivot_root", "poweroff", "printf", "ps", "pwd", "readlink",
    "reboot", "reset", "rm", "rmdir", "route", "sed", "seq", "sh", "sha256sum", "sleep", "sort", "start-stop-daemon", "strings", "sync",
    "sysctl", "syslogd", "tail", "tar", "tee", "test", "time", "top", "touch", "tr", "traceroute", "true", "udhcpc", "umount", "uname",
    "uniq", "uptime", "vi", "wc", "wget", "which", "xargs", "yes", "zcat",
)  # fmt: skip
OF_SBIN = frozenset(
    {"halt", "ifconfig", "init", "ip", "pivot_root", "poweroff", "reboot", "route", "sysctl", "syslogd"}
)

FRR, BIRD, FRRVTY, ENGINEER = 100, 101, 102, 1000
PASSWD = f"""root:x:0:0:root:/root:/bin/ash
frr:x:{FRR}:{FRR}:Frr routing suite:/nonexistent:/bin/false
bird:x:{BIRD}:{BIRD}::/run/bird:/bin/false
{UNPRIVILEGED_USER}:x:{ENGINEER}:{ENGINEER}::/home/{UNPRIVILEGED_USER}:/bin/ash
nobody:x:65534:65534:nobody:/var:/bin/false
"""
GROUP = f"root:x:0:\ntty:x:5:\nfrr:x:{FRR}:\nbird:x:{BIRD}:\nfrrvty:x:{FRRVTY}:frr\n{UNPRIVILEGED_USER}:x:{ENGINEER}:\nnogroup:x:65534:\n"
SHADOW = "".join(f"{line.partition(':')[0]}:*:19000:0:99999:7:::\n" for line in PASSWD.splitlines())
MERGED = ("bin", "sbin", "lib", "lib64")
# PAM's libraries are Debian's, its services' files are made by a package's script: vtysh asks, and whoever may open the sockets passes.
PAM_OTHER = "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "password", "session"))
FOLDERS = (
    "dev", "etc/dropbear", "home", "mnt", "proc", "root", "run", "srv", "sys", "tmp",
    "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "var/lib", "var/log/frr", "var/spool", "var/tmp",
)  # fmt: skip


def build_root(role: Role, cache: Cache, apt: Apt, log: Path) -> None:
    """Unpack the packages of a role with the libraries that they need, and link busybox' applets."""
    status = cache.path / "logs" / "nothing-installed"
    status.write_text("")
    named = ROOT_PACKAGES[role]
    packages = [file for file in apt.closure(named, status) if _is_wanted(file.name.partition("_")[0], named)]
    root = cache.layer(role)
    partial = root.with_suffix(".partial")
    discard(partial)
    for folder in FOLDERS:
        (partial / folder).mkdir(parents=True)
    for name in MERGED:
        (partial / name).symlink_to(f"usr/{name}")
    (partial / "var/run").symlink_to("/run")
    for package in packages:
        run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory "$2"',
             "sh", package, partial], log=log)  # fmt: skip
    for name in (
        "usr/share",
        "usr/include",
        "etc/init.d",
        "etc/logrotate.d",
        "etc/rsyslog.d",
        "usr/lib/systemd",
        "usr/lib/frr/frrinit.sh",
    ):
        _remove(partial / name)
    _link_applets(partial)
    _write_accounts(partial)
    _own_files(partial)
    discard(root)
    partial.rename(root)


def _is_wanted(package: str, named: tuple[str, ...]) -> bool:
    """The packages themselves and their libraries; some that are called so hold programs and their scripts instead."""
    if package in named:
        return True
    holds_programs = package.endswith("-bin") or package.startswith(("libperl", "libpam-runtime"))
    return package.startswith(("lib", "zlib")) and not holds_programs


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link_applets(root: Path) -> None:
    for name in APPLETS:
        link = root / ("usr/sbin" if name in OF_SBIN else "usr/bin") / name
        link.unlink(missing_ok=True)
        link.symlink_to("../bin/busybox")


def _write_accounts(root: Path) -> None:
    files = {
        "etc/passwd": PASSWD, "etc/group": GROUP, "etc/shadow": SHADOW, "etc/shells": "/bin/sh\n/bin/ash\n", "etc/pam.d/other": PAM_OTHER,
        "etc/os-release": 'NAME="Busybox router"\nID=busybox-router\nPRETTY_NAME="Busybox router of the lab"\n',
        "etc/profile": "export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "etc/shadow").chmod(0o600)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "root").chmod(0o700)
    (root / "home" / UNPRIVILEGED_USER).mkdir()
    os.chown(root / "home" / UNPRIVILEGED_USER, ENGINEER, ENGINEER)


def _own_files(root: Path) -> None:
    """As the packages' own scripts leave them."""
    for user, folders in ((FRR, ("etc/frr", "var/log/frr")), (BIRD, ("etc/bird",))):
        for path in _with_contents(*(root / folder for folder in folders if (root / folder).is_dir())):
            os.chown(path, user, user)
            path.chmod(path.stat().st_mode & ~0o007)
    if (root / "etc/frr/vtysh.conf").exists():
        os.chown(root / "etc/frr/vtysh.conf", FRR, FRRVTY)


def _with_contents(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield folder
        yield from folder.rglob("*")
