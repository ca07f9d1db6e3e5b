"""kubeadm, kubelet, kubectl, cri-tools and kubernetes-cni as Debian packages, laid out like upstream's own."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.build.base import discard
from lab.debian import architecture
from lab.places import CHECKOUT, STANDINS, Cache
from lab.processes import run

VERSION = "1.20.2-00"
PACKAGING = CHECKOUT / "lab" / "packaging"
STANDIN_CRICTL = STANDINS / "crictl"
# Where Debian's containernetworking-plugins puts the plugins, and where upstream's package does.
DEBIAN_CNI, UPSTREAM_CNI = "/usr/lib/cni", "opt/cni/bin"


@dataclass(frozen=True)
class Package:
    """What a package holds beyond its files in packaging/, and what is done once it is installed."""

    name: str
    description: str
    depends: str = ""
    programs: tuple[str, ...] = ()
    conffiles: tuple[str, ...] = ()
    postinst: str = ""


RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload"
PACKAGES = (
    Package("kubectl", "Kubernetes Command Line Tool", programs=("kubectl",)),
    Package("cri-tools", "crictl stand-in over ctr", depends="containerd"),
    Package("kubernetes-cni", "Kubernetes CNI plugins (those of Debian)", depends="containernetworking-plugins"),
    Package(
        "kubelet",
        "Kubernetes Node Agent",
        depends="iptables (>= 1.4.21), kubernetes-cni (>= 0.8.7), iproute2, socat, util-linux, mount, ebtables, "
        "ethtool, conntrack",
        programs=("kubelet",),
        postinst=f"deb-systemd-helper enable kubelet.service >/dev/null\n{RELOAD}\n"
        "[ ! -d /run/systemd/system ] || deb-systemd-invoke start kubelet.service >/dev/null || true",
    ),
    Package(
        "kubeadm",
        "Kubernetes Cluster Bootstrapping Tool",
        depends="kubelet (>= 1.13.0), kubectl (>= 1.13.0), kubernetes-cni (>= 0.8.7), cri-tools (>= 1.13.0)",
        programs=("kubeadm",),
        conffiles=("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",),
        postinst=f"{RELOAD}\n[ ! -d /run/systemd/system ] || deb-systemd-invoke restart kubelet.service >/dev/null || true",
    ),
)


def build_kubernetes_packages(cache: Cache, log: Path) -> None:
    """Make the five packages."""
    target = cache.kubernetes / "packages"
    partial, tree = target.with_suffix(".partial"), target.with_suffix(".tree")
    for folder in (partial, tree):
        discard(folder)
        folder.mkdir(parents=True)
    for package in PACKAGES:
        root = tree / package.name
        _lay_out(package, root, cache.kubernetes / "bin")
        file = partial / f"{package.name}_{VERSION}_{architecture()}.deb"
        # Little compression: six nodes unpack them, and the mirror is next door.
        run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", root, file], log=log)
    discard(tree)
    discard(target)
    partial.rename(target)


def _lay_out(package: Package, root: Path, programs: Path) -> None:
    root.mkdir()
    if (PACKAGING / package.name).is_dir():
        shutil.copytree(PACKAGING / package.name, root, dirs_exist_ok=True)
    for program in package.programs:
        (root / "usr/bin").mkdir(parents=True, exist_ok=True)
        os.link(programs / program, root / "usr/bin" / program)
    if package.name == "cri-tools":
        (root / "usr/bin").mkdir(parents=True)
        shutil.copy(STANDIN_CRICTL, root / "usr/bin/crictl")
    if package.name == "kubernetes-cni":
        (root / UPSTREAM_CNI).parent.mkdir(parents=True)
        (root / UPSTREAM_CNI).symlink_to(DEBIAN_CNI)
    _write_control(package, root / "DEBIAN")


def _write_control(package: Package, folder: Path) -> None:
    folder.mkdir()
    fields = {
        "Package": package.name,
        "Version": VERSION,
        "Architecture": architecture(),
        "Maintainer": "Kubepeer lab <root@localhost>",
        "Section": "misc",
        "Priority": "optional",
        "Depends": package.depends,
        "Description": package.description,
    }
    (folder / "control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items() if value))
    if package.conffiles:
        (folder / "conffiles").write_text("".join(f"{file}\n" for file in package.conffiles))
    if package.postinst:
        (folder / "postinst").write_text(f'#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\n{package.postinst}\n')
        (folder / "postinst").chmod(0o755)
