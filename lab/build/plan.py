"""The build steps in their order, and doing those that are not done."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab.build import base, images, kubernetes, kubernetes_packages, repository
from lab.build.registry import Registry
from lab.build.steps import Step, is_current, perform
from lab.debian import RELEASE, Apt, host_sources
from lab.places import STANDINS, Cache
from lab.progress import Progress

MANIFESTS = STANDINS / "manifests"


def apt_of(cache: Cache) -> Apt:
    """The lab's own apt."""
    return Apt(cache.apt, host_sources(), cache.path / "logs" / "apt.log")


def _machine_steps(cache: Cache, apt: Apt) -> tuple[Step, ...]:
    """The base and the layers."""
    mirrors = tuple(f"{source.uri} {source.suite}" for source in apt.sources)
    root = Step(
        "base", "Base of the machines", ("1", RELEASE, *base.BASE_PACKAGES, *mirrors), (cache.base,),
        partial(base.build_base, cache, apt),
    )  # fmt: skip
    layers = (
        Step(f"layer-{role}", f"Layer of the {role}", ("1", *packages), (cache.layer(role),),
             partial(base.build_layer, role, cache, apt), (root,))
        for role, packages in base.LAYER_PACKAGES.items()
    )  # fmt: skip
    return (root, *layers)


def _kubernetes_step(cache: Cache, apt: Apt) -> Step:
    inputs = ("1", *kubernetes.GO_PACKAGES, *kubernetes.PROGRAMS, kubernetes.VERSION, kubernetes.COMMIT,
              kubernetes.TAGS, kubernetes.PATCHES, kubernetes.PAUSE, kubernetes.STANDIN_DNS)  # fmt: skip
    return Step("kubernetes", "Kubernetes from source (Go)", inputs, (cache.kubernetes / "bin",),
                partial(kubernetes.build_kubernetes, cache, apt))  # fmt: skip


def _package_steps(cache: Cache, apt: Apt, root: Step, programs: Step) -> tuple[Step, ...]:
    ours = Step(
        "kubernetes-packages", "Packages of Kubernetes",
        ("1", kubernetes_packages.VERSION, repr(kubernetes_packages.PACKAGES), kubernetes_packages.PACKAGING,
         kubernetes_packages.STANDIN_CRICTL),
        (cache.kubernetes / "packages",), partial(kubernetes_packages.build_kubernetes_packages, cache), (programs,),
    )  # fmt: skip
    all_of_them = Step(
        "repository", "apt repository", ("1", *repository.PACKAGES), (cache.repository,),
        partial(repository.build_repository, cache, apt), (root, ours),
    )  # fmt: skip
    return (ours, all_of_them)


def _image_steps(cache: Cache, apt: Apt, programs: Step) -> tuple[Step, ...]:
    shared = Step(
        "image-base", "Base of the images", ("1", RELEASE, *images.BASE_PACKAGES, *images.LEFT_OUT),
        (images.base_note(cache),), partial(images.build_image_base, cache, apt),
    )  # fmt: skip
    registry = Registry(cache.registry)
    steps = [shared]
    for image in (*images.control_plane_images(cache.kubernetes / "bin"), *images.standin_images()):
        built = {target for target, source in image.files.items() if source.is_relative_to(cache.path)}
        given = [source for target, source in sorted(image.files.items()) if target not in built]
        steps.append(Step(
            f"image-{image.name.replace('/', '-')}", f"Image {image.name}", ("1", repr(image), *given),
            (registry.tag_folder(image.name, image.tag),), partial(_build_image, cache, image),
            (*((shared,) if image.on_base else ()), *((programs,) if built else ())),
        ))  # fmt: skip
    return tuple(steps)


def _build_image(cache: Cache, image: images.Image, log: Path) -> None:
    images.build_image(cache, image)
    log.write_text(f"{image}\n")


def _manifest_step(cache: Cache) -> Step:
    return Step("manifests", "Manifests", ("1", MANIFESTS), (cache.manifests,), partial(_copy_manifests, cache))


def _copy_manifests(cache: Cache, log: Path) -> None:
    cache.manifests.mkdir(parents=True, exist_ok=True)
    wanted = {file.name: file for file in MANIFESTS.glob("*.yaml")}
    for file in cache.manifests.iterdir():
        if file.name not in wanted:
            file.unlink()
    for name, file in wanted.items():
        shutil.copyfile(file, cache.manifests / name)
    log.write_text("\n".join(wanted))


def steps(cache: Cache, apt: Apt) -> tuple[Step, ...]:
    """Every step; each comes after those it needs."""
    machines = _machine_steps(cache, apt)
    programs = _kubernetes_step(cache, apt)
    packages = _package_steps(cache, apt, machines[0], programs)
    return (*machines, programs, *packages, *_image_steps(cache, apt, programs), _manifest_step(cache))


def build(cache: Cache, progress: Progress) -> None:
    """Do every step that is not done."""
    apt = apt_of(cache)
    stamps = cache.path / "stamps"
    with _lock(cache):
        missing = [step for step in steps(cache, apt) if not is_current(step, stamps)]
        if not missing:
            return
        (cache.path / "logs").mkdir(parents=True, exist_ok=True)
        if not (cache.apt / "sources.list").exists() or any(step.name in _FROM_DEBIAN for step in missing):
            with progress.step("Package lists"):
                apt.update()
        for number, step in enumerate(missing, start=1):
            with progress.step(f"{step.title} ({number} of {len(missing)})"):
                perform(step, stamps, cache.path / "logs" / f"{step.name}.log")
        Registry(cache.registry).sweep()


_FROM_DEBIAN = {"base", "kubernetes", "repository", "image-base", *(f"layer-{role}" for role in base.LAYER_PACKAGES)}


@contextmanager
def _lock(cache: Cache) -> Iterator[None]:
    """One build at a time in one cache; a second one waits for the first."""
    cache.path.mkdir(parents=True, exist_ok=True)
    with (cache.path / "build.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
