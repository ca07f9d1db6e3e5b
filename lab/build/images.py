"""The container images: one base layer of Debian for those that need more than one program, and a thin layer each."""

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.build.base import bootstrap, discard
from lab.build.programs import COREDNS, ETCD, KUBERNETES, Project
from lab.build.registry import Blob, Registry
from lab.debian import Apt, architecture
from lab.errors import LabError
from lab.places import CHECKOUT, STANDINS, Cache
from lab.processes import run

BASE_PACKAGES = (
    "haproxy", "keepalived", "iptables", "nftables", "conntrack", "nginx-light", "curl", "iproute2", "bird2", "python3",
    "openssl", "ca-certificates",
)  # fmt: skip
LEFT_OUT = (
    "./var/cache/*", "./var/lib/apt/*", "./usr/share/doc/*", "./usr/share/locale/*", "./usr/share/man/*",
    "./usr/share/info/*", "./proc/*", "./sys/*", "./dev/*", "./run/*", "./var/log/*.log", "./var/log/apt/*",
)  # fmt: skip
# A fixed time in every layer: the same inputs make the same checksum.
EPOCH = 1609459200
CREATED = "2021-01-01T00:00:00Z"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PAUSE_VERSION = "3.10.2"
PAUSE_SOURCE = CHECKOUT / "lab" / "images" / "pause.c"
NGINX_SITE = CHECKOUT / "lab" / "images" / "nginx-site.conf"
STANDIN_IMAGES = STANDINS / "images"


@dataclass(frozen=True)
class Image:
    """What is in an image. `files` are whole folders or single files, by their place in the image."""

    name: str
    tag: str
    files: Mapping[str, Path] = field(default_factory=dict)
    on_base: bool = False
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)


def kubernetes_images(cache: Cache, kubernetes: Project) -> list[Image]:
    """The images of a version's own programs, by the names that kubeadm asks for."""
    tag = f"v{kubernetes.version}"
    single = [
        Image(name, tag, _programs(cache, kubernetes, name))
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
    return [*single, Image("kube-proxy", tag, _programs(cache, kubernetes, "kube-proxy"), on_base=True)]


def etcd_image(cache: Cache, etcd: Project) -> Image:
    """The image of etcd, by the name and the tag that kubeadm asks for."""
    return Image("etcd", f"{etcd.version}-0", _programs(cache, etcd, *etcd.programs), on_base=True)


def coredns_image(cache: Cache, coredns: Project) -> Image:
    """The image of CoreDNS, likewise."""
    program = cache.programs(coredns.name) / "coredns"
    return Image("coredns/coredns", f"v{coredns.version}", {"/coredns": program}, entrypoint=("/coredns",))


def control_plane_images(cache: Cache) -> list[Image]:
    """The images that kubeadm and the two static pods ask for, by the names they ask for."""
    return [
        *kubernetes_images(cache, KUBERNETES),
        etcd_image(cache, ETCD),
        coredns_image(cache, COREDNS),
        Image("pause", PAUSE_VERSION, {"/pause": pause(cache)}, entrypoint=("/pause",)),
        Image("library/haproxy", "2.6", on_base=True, entrypoint=("haproxy", "-W", "-db", "-f"),
              command=("/usr/local/etc/haproxy/haproxy.cfg",)),
        Image("osixia/keepalived", "2.2", on_base=True,
              entrypoint=("keepalived", "-n", "-l", "-D", "-P", "-f", "/etc/keepalived/keepalived.conf")),
        Image("tinychen777/nginx-quic", "latest", {"/etc/nginx/sites-enabled/default": NGINX_SITE}, on_base=True,
              entrypoint=("nginx", "-g", "daemon off; error_log /dev/stderr;")),
    ]  # fmt: skip


def _programs(cache: Cache, project: Project, *names: str) -> dict[str, Path]:
    """Programs by their place in an image, where the projects' own images have them, too."""
    return {f"/usr/local/bin/{name}": cache.programs(project.name) / name for name in names}


def pause(cache: Cache) -> Path:
    """Where the pause program lies."""
    return cache.programs("pause") / "pause"


def build_pause(cache: Cache, log: Path) -> None:
    """Compile the pause program."""
    program = pause(cache)
    discard(program.parent)
    program.parent.mkdir(parents=True)
    run(["gcc", "-Os", "-static", "-s", f'-DVERSION="{PAUSE_VERSION}"', "-o", program, PAUSE_SOURCE], log=log)


def standin_images() -> list[Image]:
    """One image for every folder with an image.json in lab/standins/images."""
    return [_standin(file) for file in sorted(STANDIN_IMAGES.glob("*/image.json"))]


def _standin(file: Path) -> Image:
    try:
        described = json.loads(file.read_text())
        files = {target: (file.parent / source).resolve() for source, target in described.get("files", {}).items()}
        absent = [str(source) for source in files.values() if not source.exists()]
        if absent:
            raise LabError(f"{file}: there is no {', '.join(absent)}")
        name, _, tag = described.get("image", f"kubepeer-standin/{file.parent.name}:v1").rpartition(":")
        return Image(
            name, tag, files,
            on_base=described.get("base", True),
            entrypoint=tuple(described["entrypoint"]) if described.get("entrypoint") else None,
            command=tuple(described["command"]) if described.get("command") else None,
            environment=described.get("environment", {}),
            modes={target: int(str(mode), 8) for target, mode in described.get("mode", {}).items()},
        )  # fmt: skip
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise LabError(f"{file}: {type(error).__name__}: {error}") from None


def build_image_base(cache: Cache, apt: Apt, log: Path) -> None:
    """The root that most images share, as one blob in the registry; a note says which."""
    root, layer = cache.images / "base", cache.images / "base.tar"
    discard(root)
    root.mkdir(parents=True)
    bootstrap(root, BASE_PACKAGES, cache, apt, log)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    run(
        ["tar", "--sort=name", f"--mtime=@{EPOCH}", "--numeric-owner", *left_out, "-C", root, "-cf", layer, "."],
        log=log,
    )
    blob = Registry(cache.registry).add_file(layer)
    base_note(cache).write_text(json.dumps({"digest": blob.digest, "size": blob.size}))
    discard(root)


def base_note(cache: Cache) -> Path:
    """The note with the base layer's checksum and size."""
    return cache.images / "base.json"


def build_image(cache: Cache, image: Image) -> None:
    """Make an image and put it into the registry."""
    registry = Registry(cache.registry)
    layers = [Blob(**json.loads(base_note(cache).read_text()))] if image.on_base else []
    if image.files:
        file = cache.images / f"{image.name.replace('/', '-')}.tar"
        _write_layer(file, image)
        layers.append(registry.add_file(file))
    registry.tag(image.name, image.tag, _configuration(image, layers), layers)


def _configuration(image: Image, layers: list[Blob]) -> bytes:
    environment = {"PATH": PATH, **image.environment}
    described = {
        "architecture": architecture(),
        "os": "linux",
        "created": CREATED,
        "config": {
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "Entrypoint": image.entrypoint,
            "Cmd": image.command,
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": CREATED, "created_by": "kubepeer lab"} for _ in layers],
    }
    return json.dumps(described).encode()


def _write_layer(file: Path, image: Image) -> None:
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        for target, source in sorted(image.files.items()):
            found = [source, *sorted(source.rglob("*"))] if source.is_dir() else [source]
            for path in (one for one in found if "__pycache__" not in one.parts):
                place = target if path == source else f"{target}/{path.relative_to(source)}"
                _add(archive, path, place, image.modes)


def _add(archive: tarfile.TarFile, path: Path, place: str, modes: Mapping[str, int]) -> None:
    entry = tarfile.TarInfo(place.lstrip("/"))
    entry.mtime = EPOCH
    if path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
        return
    executable = path.stat().st_mode & 0o100
    entry.mode = modes.get(place, 0o755 if executable else 0o644)
    content = path.read_bytes()
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
