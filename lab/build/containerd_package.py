"""containerd 2 as a Debian package, laid out like Docker's containerd.io: runc with it, and a configuration without CRI.

Nothing of the lab's own machines has it: a test gives it to a node (`python -m lab package containerd.io`).
"""

from pathlib import Path

from lab.build.base import discard
from lab.build.kubernetes_packages import Package, lay_out, pack
from lab.build.programs import CONTAINERD
from lab.debian import NEXT_RELEASE
from lab.errors import LabError
from lab.places import Cache
from lab.processes import run

PACKAGE = Package(
    "containerd.io",
    "An open and reliable container runtime",
    CONTAINERD,
    fields=tuple((field, "containerd, runc") for field in ("Provides", "Conflicts", "Replaces")),
    conffiles=("/etc/containerd/config.toml",),
    unit="containerd.service",
    revision=f"1~debian.13~{NEXT_RELEASE}",
)


def containerd_package(cache: Cache) -> Path:
    """The folder that the package lies in, alone."""
    return cache.path / "packages-containerd"


def build_containerd_package(cache: Cache, log: Path) -> None:
    """Make the package; its runc is the one of the nodes' Debian."""
    folder = containerd_package(cache)
    partial, tree = folder.with_suffix(".partial"), folder.with_suffix(".tree")
    for one in (partial, tree):
        discard(one)
    partial.mkdir(parents=True)
    root = tree / PACKAGE.name
    lay_out(PACKAGE, root, cache.programs(CONTAINERD.name))
    found = sorted(cache.repository(NEXT_RELEASE).rglob("runc_*.deb"))
    if not found:
        raise LabError(f"no runc among the packages in {cache.repository(NEXT_RELEASE)}")
    run(["dpkg-deb", "--extract", found[-1], tree / "runc"], log=log)
    (runc,) = {
        path.resolve() for path in (tree / "runc/usr").glob("*bin/runc")
    }  # one of them may be a link to the other
    runc.rename(root / "usr/bin/runc")
    pack(PACKAGE, root, partial, log)
    discard(tree)
    discard(folder)
    partial.rename(folder)
