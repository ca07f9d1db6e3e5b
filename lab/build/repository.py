"""The apt repositories of the mirror: one a Debian release, with packages and all they need beyond the base; one a minor of Kubernetes."""

import gzip
import hashlib
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from lab.build.base import base_of, discard
from lab.debian import Apt, architecture
from lab.places import Cache
from lab.processes import run

PACKAGES = (
    "containerd", "runc",
    "chrony", "conntrack", "ipset", "ipvsadm", "iptables", "nftables", "ebtables", "arptables", "ethtool", "socat",
    "apt-transport-https", "gnupg", "jq", "bash-completion", "tcpdump", "lsb-release", "rsync", "nfs-common",
    "python3", "python3-apt", "haproxy", "keepalived", "bird2",
)  # fmt: skip


def build_debian_repository(cache: Cache, apt: Apt, log: Path) -> None:
    """Gather Debian's packages of one release."""
    status = base_of(cache, apt.release) / "var/lib/dpkg/status"
    _build(cache.repository(apt.release), apt.closure(PACKAGES, status), log)


def of_minor(version: str, family: str) -> str:
    """Where the mirror serves the packages of a version's minor: at the place that they have at pkgs.k8s.io, each minor apart.

    Args:
        version: of Kubernetes.
        family: `deb` or `rpm`.

    """
    major, minor, _ = version.split(".")
    return f"core:/stable:/v{major}.{minor}/{family}"


def build_kubernetes_repository(folders: Iterable[Path], target: Path, log: Path) -> None:
    """Gather our packages of one minor, as pkgs.k8s.io has them: all patch releases beside each other."""
    _build(target, sorted(file for folder in folders for file in folder.glob("*.deb")), log)


def _build(target: Path, files: Iterable[Path], log: Path) -> None:
    """Write a flat repository with its index; apt on the nodes checks every file against it."""
    partial = target.with_suffix(".partial")
    discard(partial)
    partial.mkdir(parents=True)
    for file in files:
        shutil.copy(file, partial / file.name)
    index = run(["dpkg-scanpackages", "--multiversion", ".", "/dev/null"], directory=partial)
    (partial / "Packages").write_text(index)
    (partial / "Packages.gz").write_bytes(gzip.compress(index.encode(), mtime=0))
    (partial / "Release").write_text(release(partial, ("Packages", "Packages.gz")))
    discard(target)
    partial.rename(target)
    log.write_text(f"{len(list(target.glob('*.deb')))} packages\n")


def release(folder: Path, names: tuple[str, ...]) -> str:
    """The Release file of a flat repository: size and checksum of each index."""
    newest = max(int((folder / name).stat().st_mtime) for name in names)
    sums = [f" {hashlib.sha256((folder / name).read_bytes()).hexdigest()} {(folder / name).stat().st_size} {name}"
            for name in names]  # fmt: skip
    date = datetime.fromtimestamp(newest, UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
    head = ["Origin: Kubepeer lab", "Label: Kubepeer lab", f"Architectures: {architecture()}", f"Date: {date}"]
    return "\n".join([*head, "SHA256:", *sums]) + "\n"
