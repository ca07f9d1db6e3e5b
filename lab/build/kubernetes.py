"""Real Kubernetes from Debian's source package, with Debian's Go.

The release's source package is complete, vendored sources included; nothing is fetched but Debian packages, and
nothing is installed on the host. Three things are done to it (docs/lab.md tells why):
- one generated file that upstream leaves out is generated;
- the vendored reflect2 crashes with Go 1.18 and later; Debian's own, one release younger, takes its place;
- patches/ are applied.
"""

import os
import shutil
from pathlib import Path

from lab.build.base import discard
from lab.debian import Apt
from lab.errors import LabError
from lab.places import CHECKOUT, STANDINS, Cache
from lab.processes import run

PATCHES = CHECKOUT / "lab" / "patches"
PAUSE = CHECKOUT / "lab" / "images" / "pause.c"
# Built among the programs of Kubernetes, whose vendored libraries it needs.
STANDIN_DNS = STANDINS / "coredns"
SOURCE_PACKAGE = "kubernetes"
GO_PACKAGES = ("golang-1.19-go", "golang-1.19-src")
REFLECT2_PACKAGE = "golang-github-modern-go-reflect2-dev"
PROGRAMS = (
    "kubeadm", "kubelet", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy",
    "coredns",
)  # fmt: skip
VERSION = "v1.20.2"
# The commit and date of upstream's tag v1.20.2: programs report them, and kubeadm compares versions.
COMMIT = "faecb196815e248d3ecfb03c680a4507229c2a56"
BUILD_DATE = "2021-01-13T13:20:00Z"
# No cloud providers and no dockershim: neither is used, and both make the build a third longer.
TAGS = "providerless dockerless"
IMPORT_PATH = "k8s.io/kubernetes"


def build_kubernetes(cache: Cache, apt: Apt, log: Path) -> None:
    """Make the programs; the Go build cache makes a second attempt short."""
    folder = cache.kubernetes
    (folder / "tools").mkdir(parents=True, exist_ok=True)
    _unpack_go(cache, apt, log)
    source = _unpack_source(folder, apt, log)
    workspace = folder / "gopath" / "src" / "k8s.io"
    workspace.mkdir(parents=True, exist_ok=True)
    link = workspace / "kubernetes"
    link.unlink(missing_ok=True)
    link.symlink_to(source)
    _generate_openapi(cache, link, log)
    partial = folder / "bin.partial"
    discard(partial)
    partial.mkdir()
    _go(cache, link, log, ["build", "-p", str(os.cpu_count() or 2), "-tags", TAGS, "-trimpath", "-ldflags", _flags(),
                           "-o", f"{partial}/", *(f"{IMPORT_PATH}/cmd/{program}" for program in PROGRAMS)])  # fmt: skip
    run(["gcc", "-Os", "-static", "-s", "-o", partial / "pause", PAUSE], log=log)
    discard(folder / "bin")
    partial.rename(folder / "bin")


def _unpack_go(cache: Cache, apt: Apt, log: Path) -> None:
    target = cache.path / "golang"
    if target.exists():
        return
    partial = target.with_suffix(".partial")
    discard(partial)
    for name in GO_PACKAGES:
        run(["dpkg-deb", "-x", apt.download(name), partial], log=log)
    partial.rename(target)


def _unpack_source(folder: Path, apt: Apt, log: Path) -> Path:
    """The source with everything done to it, made anew each time: the Go cache goes by content."""
    source, reflect2 = folder / "source", folder / "reflect2"
    discard(source)
    discard(reflect2)
    run(["dpkg-source", "--no-copy", "--extract", apt.source(SOURCE_PACKAGE), source], log=log)
    run(["dpkg-deb", "-x", apt.download(REFLECT2_PACKAGE), reflect2], log=log)
    vendored = source / "vendor/github.com/modern-go/reflect2"
    for file in (*vendored.glob("*.go"), *vendored.glob("*.s")):
        file.unlink()
    for file in (reflect2 / "usr/share/gocode/src/github.com/modern-go/reflect2").iterdir():
        if file.suffix in {".go", ".s"} and not file.name.endswith("_test.go"):
            shutil.copy(file, vendored)
    for patch in sorted(PATCHES.glob("*.patch")):
        run(["patch", "--batch", "--strip=1", f"--input={patch}"], directory=source, log=log)
    shutil.copytree(STANDIN_DNS, source / "cmd" / "coredns")
    return source


def _generate_openapi(cache: Cache, package: Path, log: Path) -> None:
    """Upstream's Makefile does this before it builds: zz_generated.openapi.go from all types that ask for it."""
    tool = cache.kubernetes / "tools" / "openapi-gen"
    _go(cache, package, log, ["build", "-o", str(tool), f"{IMPORT_PATH}/vendor/k8s.io/kube-openapi/cmd/openapi-gen"])
    wanted = sorted({
        file.parent.relative_to(package)
        for top in ("pkg", "cmd", "plugin", "vendor/k8s.io")
        for file in _go_files(package / top)
        if "+k8s:openapi-gen=" in file.read_text(errors="replace")
    })  # fmt: skip
    skipped = ("vendor/k8s.io/code-generator", "vendor/k8s.io/sample-apiserver")
    inputs = [f"{IMPORT_PATH}/{path}" for path in wanted if not str(path).startswith(skipped)]
    if not inputs:
        raise LabError(f"{package}: no type asks for an OpenAPI definition; is the source complete?")
    run([tool, "--logtostderr", "-i", ",".join(inputs), "-p", f"{IMPORT_PATH}/pkg/generated/openapi",
         "-O", "zz_generated.openapi", "-h", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt",
         "-r", cache.kubernetes / "openapi-violations"],
        directory=package, environment=_environment(cache, package), log=log)  # fmt: skip


def _go_files(top: Path) -> list[Path]:
    """All Go files below a folder; vendor/k8s.io is made of links to the staging area, so links are followed."""
    found: list[Path] = []
    for folder, folders, files in os.walk(top, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith("_")]
        found += [Path(folder, name) for name in files if name.endswith(".go")]
    return found


def _environment(cache: Cache, package: Path) -> dict[str, str]:
    root = cache.path / "golang/usr/lib/go-1.19"
    return {
        "GOROOT": str(root),
        "PATH": f"{root}/bin:{os.environ['PATH']}",
        "GOPATH": str(cache.kubernetes / "gopath"),
        "GOCACHE": str(cache.kubernetes / "gocache"),
        "GO111MODULE": "off",
        "GOPROXY": "off",
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
        # With it Go sees the path through the link, which is inside GOPATH.
        "PWD": str(package),
    }


def _go(cache: Cache, package: Path, log: Path, words: list[str]) -> None:
    run(["nice", "go", *words], directory=package, environment=_environment(cache, package), log=log)


def _flags() -> str:
    major, minor, _ = VERSION.removeprefix("v").split(".")
    values = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor, "gitCommit": COMMIT,
              "gitTreeState": "clean", "buildDate": BUILD_DATE}  # fmt: skip
    packages = (
        f"{IMPORT_PATH}/vendor/k8s.io/client-go/pkg/version",
        f"{IMPORT_PATH}/vendor/k8s.io/component-base/version",
    )
    settings = [f"-X {package}.{key}={value}" for package in packages for key, value in values.items()]
    return " ".join(["-s", "-w", *settings])
