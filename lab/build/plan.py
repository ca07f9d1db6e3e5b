"""The build steps in their order: what each is made from and what it makes."""

import shutil
from collections.abc import Collection
from functools import partial
from pathlib import Path

from lab.build import base, images, kubernetes, kubernetes_packages, repository
from lab.build.registry import Registry
from lab.build.steps import Step
from lab.debian import RELEASE, Apt
from lab.places import STANDINS, Cache
from lab.topology import Role

MANIFESTS = STANDINS / "manifests"


def _machine_steps(cache: Cache, apt: Apt) -> tuple[Step, ...]:
    """The base and the layers."""
    mirrors = tuple(f"{source.uri} {source.suite}" for source in apt.sources)
    root = Step(
        "base", "Base of the machines", ("1", RELEASE, *base.BASE_PACKAGES, *mirrors), (cache.base,),
        partial(base.build_base, cache, apt),
    )  # fmt: skip
    layers = (
        Step(layer_name(role), f"Layer of the {role.value}", ("1", *packages), (cache.layer(role),),
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


def steps(cache: Cache, apt: Apt, roles: Collection[Role]) -> tuple[Step, ...]:
    """Every step that machines of these roles stand on; each comes after those it needs."""
    root, *layers = _machine_steps(cache, apt)
    wanted = [root, *(layer for layer in layers if any(layer.name == layer_name(role) for role in roles))]
    if Role.MIRROR in roles:
        programs = _kubernetes_step(cache, apt)
        wanted += [programs, *_package_steps(cache, apt, root, programs), *_image_steps(cache, apt, programs)]
        wanted.append(_manifest_step(cache))
    return tuple(wanted)


def layer_name(role: Role) -> str:
    """The name of the step that makes a role's layer."""
    return f"layer-{role.value}"
