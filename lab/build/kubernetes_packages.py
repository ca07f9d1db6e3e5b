"""kubeadm, kubelet, kubectl, cri-tools and kubernetes-cni as Debian packages, laid out like those of pkgs.k8s.io.

What those hold, need and recommend is in kubernetes/release, cmd/krel/templates/latest: kubeadm depends on nothing, the
kubelet recommends iptables alone, and nothing starts by itself.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.build.base import discard
from lab.build.programs import CNI, CRICTL, KUBERNETES, NEXT_PATCH, Project
from lab.debian import architecture
from lab.places import CHECKOUT, Cache
from lab.processes import run

REVISION = "1.1"  # of a package's first build there
PACKAGING = CHECKOUT / "lab" / "packaging"


@dataclass(frozen=True)
class Package:
    """What a package holds beyond its files in packaging/, and what it says of others.

    Attributes:
        folder: where its programs lie.
        programs: their names; all of the project's where none is given.
        fields: further fields of its control file.

    """

    name: str
    description: str
    project: Project
    folder: str = "usr/bin"
    programs: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    conffiles: tuple[str, ...] = ()
    unit: str = ""
    revision: str = REVISION

    @property
    def version(self) -> str:
        """The package's version."""
        return f"{self.project.version}-{self.revision}"


def packages_of(kubernetes: Project) -> tuple[Package, ...]:
    """The packages of a Kubernetes and of what its repository has beside it."""
    return (
        Package(
            "kubectl",
            "Command-line utility for interacting with a Kubernetes cluster",
            kubernetes,
            programs=("kubectl",),
        ),
        Package("cri-tools", "Command-line utility for interacting with a container runtime", CRICTL),
        Package(
            "kubernetes-cni",
            "Binaries required to provision kubernetes container networking",
            CNI,
            folder="opt/cni/bin",
        ),
        Package(
            "kubelet",
            "Node agent for Kubernetes clusters",
            kubernetes,
            programs=("kubelet",),
            fields=(
                ("Depends", "kubernetes-cni (>= 1.2.0), mount, util-linux"),
                ("Recommends", "iptables (>= 1.8.4)"),
            ),
            conffiles=("/etc/default/kubelet",),
            unit="kubelet.service",
        ),
        Package(
            "kubeadm",
            "Command-line utility for administering a Kubernetes cluster",
            kubernetes,
            programs=("kubeadm",),
        ),
    )


PACKAGES = packages_of(KUBERNETES)
# Beside them in the same repository: what is another patch release's own.
NEXT_PATCH_PACKAGES = tuple(package for package in packages_of(NEXT_PATCH) if package.project is NEXT_PATCH)
# As debhelper's dh_systemd_enable writes it: enabled, not started.
ENABLE = """#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
deb-systemd-helper unmask {unit} >/dev/null || true
deb-systemd-helper enable {unit} >/dev/null || true
[ ! -d /run/systemd/system ] || systemctl --system daemon-reload >/dev/null || true
"""


def build_kubernetes_packages(cache: Cache, packages: Iterable[Package], target: Path, log: Path) -> None:
    """Make packages, in a folder of their own."""
    partial, tree = (target.with_name(f"{target.name}.{end}") for end in ("partial", "tree"))
    for folder in (partial, tree):
        discard(folder)
        folder.mkdir(parents=True)
    for package in packages:
        root = tree / package.name
        lay_out(package, root, cache.programs(package.project.name))
        pack(package, root, partial, log)
    discard(tree)
    discard(target)
    partial.rename(target)


def pack(package: Package, root: Path, folder: Path, log: Path) -> Path:
    """Make the package of what was laid out; little compression: six nodes unpack it, and the mirror is next door."""
    file = folder / f"{package.name}_{package.version}_{architecture()}.deb"
    run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", root, file], log=log)
    return file


def lay_out(package: Package, root: Path, programs: Path) -> None:
    """Put a package's files and what it says of itself into a new folder."""
    root.mkdir(parents=True)
    if (PACKAGING / package.name).is_dir():
        shutil.copytree(PACKAGING / package.name, root, dirs_exist_ok=True)
    (root / package.folder).mkdir(parents=True, exist_ok=True)
    for program in package.programs or package.project.programs:
        os.link(programs / program, root / package.folder / program)
    _write_control(package, root / "DEBIAN")


def _write_control(package: Package, folder: Path) -> None:
    folder.mkdir()
    fields: Mapping[str, str] = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": architecture(),
        "Maintainer": "Kubepeer lab <root@localhost>",
        "Section": "misc",
        "Priority": "optional",
        **dict(package.fields),
        "Description": package.description,
    }
    (folder / "control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
    if package.conffiles:
        (folder / "conffiles").write_text("".join(f"{file}\n" for file in package.conffiles))
    if package.unit:
        (folder / "postinst").write_text(ENABLE.format(unit=package.unit))
        (folder / "postinst").chmod(0o755)
