"""The real programs that judge rendered files: of the PATH, or of what the lab has built, in a root of their own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.build.base import base_of
from lab.build.images import base_note
from lab.build.registry import Registry
from lab.debian import NEXT_RELEASE
from lab.places import Cache
from lab.topology import Role

SECONDS = 60
BUILT = "built"
# An interface of the name that the inventory gives, in a network namespace that ends with the program; mounts end with it, too.
INTERFACE = "ip link add eth0 type veth peer name other && ip link set eth0 up && exec "


@dataclass(frozen=True)
class Said:
    """What a program ended with."""

    code: int
    text: str


def run(words: Sequence[str | Path]) -> Said:
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    return Said(done.returncode, done.stdout + done.stderr)


@contextmanager
def in_root(root: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Files at their places in a root; executable, since one of them is a script."""
    for path, content in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        target.chmod(0o755)
    try:
        yield
    finally:
        for path in files:
            (root / path.lstrip("/")).unlink()


def change_root(root: Path, words: Sequence[str], *, interface: bool = False) -> Said:
    """Run a program in another root, in namespaces of its own."""
    script = (INTERFACE if interface else "exec ") + 'chroot "$0" "$@"'
    return run(["unshare", "--mount", "--net", "sh", "-c", script, root, *words])


def overlaid(lower: Sequence[Path], files: Path, words: Sequence[str]) -> Said:
    """Run a program in an overlay that ends with it: the cache below stays as it is. The folder `files` is seen as /mnt."""
    script = (
        'set -e; mount -t tmpfs none "$0"; mkdir "$0/upper" "$0/work" "$0/root"; '
        'mount -t overlay none -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$0/root"; '
        'mount --bind "$2" "$0/root/mnt"; root="$0/root"; shift 2; exec chroot "$root" "$@"'
    )
    with tempfile.TemporaryDirectory() as point:
        # with processes of its own: gpg leaves its agent behind, and that would outlive the test
        own = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        return run([*own, "sh", "-c", script, point, ":".join(map(str, lower)), files, *words])


def over_this_machine(kubeadm: Path, script: str, stdin: str = "") -> Said:
    """Run a script as on a node: over this machine's files, in an overlay that ends with it, with kubeadm and kubeadm's folders."""
    with tempfile.TemporaryDirectory() as point:
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", OVERLAY, point, kubeadm, script],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    return Said(done.returncode, done.stdout + done.stderr)


# The upper layer is in memory, and so are the folders that kubeadm writes into; nothing reaches the machine.
OVERLAY = """set -e; mount --make-rprivate /; mount -t tmpfs none "$0"; mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay none -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
mount -t tmpfs none "$0/root/run"; mount -t proc none "$0/root/proc"; mount --rbind /dev "$0/root/dev"
mkdir -p "$0/root/etc/kubernetes/manifests" "$0/root/var/lib/etcd" "$0/root/tmp"
cp "$1" "$0/root/usr/local/bin/kubeadm"; printf '%s\\n' "$2" >"$0/root/run/script"
export PATH="/usr/local/bin:$PATH"; exec chroot "$0/root" sh /run/script"""


def image_root(cache: Cache, target: Path) -> str:
    """Unpack the layer that the lab's images stand on; why not, or ""."""
    if os.geteuid() != 0:
        return "haproxy and keepalived of the lab need root (chroot)"
    note = base_note(cache)
    layer = Registry(cache.registry).blob_file(json.loads(note.read_text())["digest"]) if note.exists() else None
    if layer is None or not layer.exists():
        return "the lab's images are not built: python -m lab build"
    done = run(["tar", "-xf", layer, "-C", target])
    return "" if done.code == 0 else done.text


def router_layers(cache: Cache) -> list[Path]:
    """The file system of the router with FRR that a plain `up` starts: it stands on no other; empty where it is not built."""
    root = cache.layer(Role.BUSYBOX_ROUTER)
    return [root] if root.exists() and os.geteuid() == 0 else []


def bird_layers(cache: Cache) -> list[Path]:
    """The file systems of the lab's machine with BIRD, the topmost first; empty where they are not built."""
    layers = [cache.layer(Role.CLIENT), cache.base]
    return layers if all(layer.exists() for layer in layers) and os.geteuid() == 0 else []


def bird3(cache: Cache) -> list[str]:
    """BIRD 3 by the loader and the libraries that it came with: unpacked in KUBEPEER_BIRD3_ROOT, or built for the lab's machine bird3.

    Empty where neither is there: the machine is an optional one.
    """
    named = os.environ.get("KUBEPEER_BIRD3_ROOT")
    roots = [Path(named)] if named else [cache.layer(Role.NEXT_BIRD_ROUTER), base_of(cache, NEXT_RELEASE)]
    program = next((found for root in roots if (found := root / "usr/sbin/bird").exists()), None)
    loader = next((found for root in roots for found in root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*")), None)
    if program is None or loader is None:
        return []
    libraries = ":".join(str(folder) for root in roots for folder in root.glob("usr/lib/*-linux-gnu*"))
    return [str(loader), "--library-path", libraries, str(program)]


def rpm_layers(cache: Cache) -> list[Path]:
    """A machine with dnf, rpm and rpmbuild, its topmost file system first: KUBEPEER_RPM_ROOT, or the lab's; empty where there is none."""
    named = os.environ.get("KUBEPEER_RPM_ROOT")
    layers = [Path(named)] if named else [cache.path / "layers" / "rpm-node", cache.base]
    return layers if all(layer.exists() for layer in layers) and os.geteuid() == 0 else []


def containerd(cache: Cache, release: str, target: Path) -> Path | None:
    """Containerd of the package in the lab's repository of a Debian release; or, for BUILT, the one that the lab has built."""
    if release == BUILT:
        built = cache.programs("containerd") / "containerd"
        return built if built.exists() else None
    package = next(iter(sorted(cache.repository(release).glob("containerd_*.deb"))), None)
    if package is None or shutil.which("dpkg-deb") is None:
        return None
    run(["dpkg-deb", "-x", package, target])
    return target / "usr/bin/containerd"


def kubeadm(cache: Cache) -> Path | None:
    """The lab's kubeadm: that of the PATH may be any."""
    built = cache.programs("kubernetes") / "kubeadm"
    return built if built.exists() else None
