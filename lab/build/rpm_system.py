"""Debian with rpm's tools turned into a machine that is Rocky Linux 9 by all that it says of itself.

Rocky's own packages are in no registry that the lab may use. Debian 12 has the very versions of dnf, its plugins, firewalld and systemd
that Red Hat's 9 has. So the programs are Debian's, and the rpm database says that they came as rpms; apt and dpkg are gone.
"""

import shutil
from pathlib import Path

from lab.build import rpm
from lab.build.rpm import Rpm, upstream_version
from lab.places import CHECKOUT
from lab.processes import run

PACKAGING = CHECKOUT / "lab" / "packaging-rpm"
VERSION = "9.6"
RELEASE_PACKAGE = Rpm(
    "rocky-release",
    "Rocky Linux release files",
    VERSION,
    "1.3.el9",
    # dnf's $releasever is the version of system-release(releasever), else of system-release.
    (
        ("BuildArch", "noarch"),
        ("Provides", "system-release = %{version}-%{release}"),
        ("Provides", "system-release(releasever) = 9"),
        ("Provides", "redhat-release = %{version}-%{release}"),
    ),
    trees=(("packaging-rpm/rocky-release", "."),),
    links=dict.fromkeys(("etc/redhat-release", "etc/system-release"), "rocky-release"),
    folders={"etc/yum.repos.d": "", "etc/pki/rpm-gpg": ""},
)
# What the machine has from the start, as the rpm database knows it -> the Debian package that brought it.
PREINSTALLED = {
    "bash": "bash", "coreutils": "coreutils", "curl": "curl", "dbus": "dbus", "dnf": "dnf", "dnf-plugins-core": "dnf-plugins-core",
    "firewalld": "firewalld", "glibc": "libc6", "gnupg2": "gnupg", "iproute": "iproute2", "iputils": "iputils-ping", "kmod": "kmod",
    "libseccomp": "libseccomp2", "nftables": "nftables", "openssh-server": "openssh-server", "openssl": "openssl",
    "procps-ng": "procps", "python3": "python3", "rpm": "rpm", "sudo": "sudo", "systemd": "systemd", "tar": "tar",
    "util-linux": "util-linux",
}  # fmt: skip
# rpm needs a shell's path for each package that has scripts.
PROVIDES = {"bash": ("/bin/sh", "/bin/bash"), "coreutils": ("/usr/bin/env",), "python3": ("/usr/bin/python3",)}
# Debian puts rpm's database into the user's home folder.
MACROS = "%_dbpath /var/lib/rpm\n%_vendor redhat\n"
DEBIAN_PACKAGES = Path("usr/local/lib/lab/debian-packages")
"""What the machine was made of, in the form of dpkg's status: what is built for it later asks."""
# dnf's plugins that Red Hat has in packages of their own.
SEPARATE_PLUGINS = (
    "leaves",
    "local",
    "modulesync",
    "post-transaction-actions",
    "post_transaction_actions",
    "show_leaves",
    "versionlock",
)
_OF_DEBIAN = (
    "etc/apt", "etc/dpkg", "etc/debian_version", "etc/issue", "etc/issue.net", "etc/cron.daily/apt-compat", "etc/cron.daily/dpkg",
    "etc/kernel/postinst.d/apt-auto-removal", "etc/logrotate.d/apt", "etc/logrotate.d/dpkg",
    "usr/bin/apt*", "usr/bin/dpkg*", "usr/sbin/dpkg*", "usr/lib/apt", "usr/lib/dpkg", "usr/share/dpkg",
    "usr/share/bash-completion/completions/apt*",
    "usr/lib/systemd/system/apt-*", "usr/lib/systemd/system/dpkg-*", "etc/systemd/system/timers.target.wants/apt-*",
    "etc/systemd/system/timers.target.wants/dpkg-*", "var/cache/apt", "var/lib/apt", "var/lib/dpkg", "var/log/apt", "var/log/dpkg.log",
    "usr/sbin/tc",  # iproute-tc is a package of its own
)  # fmt: skip


def finish(root: Path, log: Path) -> None:
    """Make a root Rocky's, as far as it is asked."""
    status = root / "var/lib/dpkg/status"
    versions = versions_of(status.read_text())
    (root / "etc/rpm").mkdir(parents=True, exist_ok=True)
    (root / "etc/rpm/macros").write_text(MACROS)
    packages = [RELEASE_PACKAGE, *_preinstalled(versions)]
    for package in packages:
        rpm.lay_out(package, root / rpm.WORK / "trees" / package.name, None, None)
    made = rpm.build(root, packages, log)
    run(["chroot", root, "rpm", "--install", *(f"/{file.relative_to(root)}" for file in made)], log=log)
    shutil.rmtree(root / rpm.WORK)
    (root / DEBIAN_PACKAGES).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(status, root / DEBIAN_PACKAGES)
    _take_out(root)


def versions_of(status: str) -> dict[str, str]:
    """The installed packages of dpkg's status file, with their versions."""
    found = {}
    for stanza in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        if "Package" in fields:
            found[fields["Package"]] = fields["Version"]
    return found


def _preinstalled(versions: dict[str, str]) -> list[Rpm]:
    """Packages without a file: the files are there, from Debian's."""
    return [
        Rpm(
            name,
            f"{name}, which is Debian's",
            upstream_version(versions[debian]),
            tags=(("BuildArch", "noarch"), *(("Provides", path) for path in PROVIDES.get(name, ()))),
        )
        for name, debian in PREINSTALLED.items()
    ]


def _take_out(root: Path) -> None:
    plugins = [f"usr/lib/python3/dist-packages/dnf-plugins/{name}.py" for name in SEPARATE_PLUGINS]
    settings = [f"etc/dnf/plugins/{name}.*" for name in SEPARATE_PLUGINS]
    for pattern in (*_OF_DEBIAN, *plugins, *settings):
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
