"""The build steps in their order: what each is made from and what it makes."""

import shutil
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from lab.build import base, images, kubernetes, kubernetes_packages, repository
from lab.build.registry import Registry
from lab.build.steps import Step
from lab.debian import RELEASE, Apt
from lab.places import STANDINS, Cache
from lab.topology import Role

MANIFESTS = STANDINS / "manifests"


def _base_step(cache: Cache, apt: Apt) -> Step:
    mirrors = tuple(f"{source.uri} {source.suite}" for source in apt.sources)
    return Step(
        base_name(apt.release), f"Base of the machines, {apt.release}",
        ("1", apt.release, *base.BASE_PACKAGES, *mirrors), (base.base_of(cache, apt.release),),
        partial(base.build_base, cache, apt),
    )  # fmt: skip


def _layer_step(role: Role, cache: Cache, apt: Apt, root: Step) -> Step:
    return Step(
        layer_name(role), f"Layer of the {role.value}", ("1", *base.LAYER_PACKAGES[role]), (cache.layer(role),),
        partial(base.build_layer, role, cache, apt), (root,),
    )  # fmt: skip


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
    """Lay the manifests out as they lie here: a folder for each release, as upstream has a tag for each."""
    if cache.manifests.exists():
        shutil.rmtree(cache.manifests)
    shutil.copytree(MANIFESTS, cache.manifests)
    log.write_text("\n".join(str(file.relative_to(MANIFESTS)) for file in sorted(MANIFESTS.rglob("*.yaml"))))


def steps(cache: Cache, apts: Mapping[str, Apt], roles: Collection[Role]) -> tuple[Step, ...]:
    """Every step that machines of these roles stand on, with apt for each release; each comes after those it needs."""
    releases = {base.release_of(role) for role in roles}
    roots = {release: _base_step(cache, apt) for release, apt in apts.items() if release in releases}
    wanted = list(roots.values())
    for role in (one for one in base.LAYER_PACKAGES if one in roles):
        release = base.release_of(role)
        wanted.append(_layer_step(role, cache, apts[release], roots[release]))
    if Role.MIRROR in roles:
        apt, root = apts[RELEASE], roots[RELEASE]
        programs = _kubernetes_step(cache, apt)
        wanted += [programs, *_package_steps(cache, apt, root, programs), *_image_steps(cache, apt, programs)]
        wanted.append(_manifest_step(cache))
    return tuple(wanted)


def base_name(release: str) -> str:
    """The name of the step that makes a release's base."""
    return "base" if release == RELEASE else f"base-{release}"


def layer_name(role: Role) -> str:
    """The name of the step that makes a role's layer."""
    return f"layer-{role.value}"
