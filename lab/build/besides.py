"""What is built only when it is asked for, by its name: `python -m lab package NAME`."""

from collections.abc import Callable, Collection, Mapping
from functools import partial

from lab.build import containerd_package, kubernetes_packages, metallb, next_minor, programs, promtool
from lab.build.kinds import image_step, kubernetes_repository_step, makers, packages_step, program_steps, rpm_step
from lab.build.steps import Step
from lab.debian import NEXT_RELEASE, RELEASE, Apt, host_sources
from lab.places import Cache


def containerd_steps(cache: Cache, before: Collection[Step]) -> tuple[Step, ...]:
    """The steps of containerd 2's Debian package, which no machine stands on; before: those of the mirror, which have all that it holds."""
    needed = (f"programs-{programs.CONTAINERD.name}", f"repository-{NEXT_RELEASE}")
    package = Step(
        "package-containerd", "Package of containerd",
        ("1", repr(containerd_package.PACKAGE), kubernetes_packages.ENABLE,
         kubernetes_packages.PACKAGING / containerd_package.PACKAGE.name),
        (containerd_package.containerd_package(cache),), partial(containerd_package.build_containerd_package, cache),
        tuple(step for step in before if step.name in needed), seconds=4,
    )  # fmt: skip
    return (package,)


def metallb_steps(cache: Cache, _: Collection[Step]) -> tuple[Step, ...]:
    """The steps of MetalLB: its programs, their images, its manifest."""
    modules, compiled = program_steps(cache, [programs.METALLB])[programs.METALLB.name]
    built = [image_step(cache, image, (compiled,)) for image in metallb.metallb_images(cache)]
    manifest = Step(
        "manifest-metallb", "Manifest of MetalLB", ("2", metallb.MODULE), (metallb.served(cache),),
        partial(metallb.build_manifest, cache), (modules,),
    )  # fmt: skip
    return (modules, compiled, *built, manifest)


def next_minor_steps(cache: Cache, before: Collection[Step]) -> tuple[Step, ...]:
    """The steps of the next minor of Kubernetes: programs, packages and images; before: those of the mirror, for what both have."""
    standing = {step.name: step for step in before}
    pairs = program_steps(cache, next_minor.PROJECTS)
    built = {**{f"programs-{name}": compiled for name, (_, compiled) in pairs.items()}, **standing}
    version = programs.NEXT_MINOR.version
    packaged = dict.fromkeys(built[f"programs-{package.project.name}"] for package in next_minor.PACKAGES)
    packages = packages_step(cache, next_minor.PACKAGES, cache.packages_of(version), packaged, version)
    apt = Apt(cache.apt, host_sources(wanted=RELEASE), cache.path / "logs" / "apt.log", RELEASE)
    rpms = rpm_step(
        cache,
        apt,
        next_minor.RPM_REPOSITORIES,
        (standing["layer-rpm-node"], *packaged),
        f"rpm-repository-{next_minor.NAME}",
    )
    images = [
        image_step(
            cache,
            image,
            (*((standing["image-base"],) if image.on_base else ()), *makers(image, built.values())),
            tagged=True,
        )
        for image in next_minor.next_images(cache)
    ]
    return (
        *(step for pair in pairs.values() for step in pair),
        packages,
        kubernetes_repository_step(cache, version, (packages,)),
        rpms,
        *images,
    )


def promtool_steps(cache: Cache, _: Collection[Step]) -> tuple[Step, ...]:
    """The step of promtool, which judges the files that are for Prometheus."""
    apt = Apt(cache.apt, host_sources(wanted=RELEASE), cache.path / "logs" / "apt.log", RELEASE)
    step = Step(
        f"program-{promtool.NAME}", "promtool of Debian", ("1", RELEASE, promtool.PACKAGE), (promtool.program(cache),),
        partial(promtool.build_promtool, cache, apt), seconds=5,
    )  # fmt: skip
    return (step,)


STANDS_ALONE = (promtool.NAME,)  # what needs nothing of any machine
# What is built when it is asked for alone, by its name: `python -m lab package NAME`.
ASKED_FOR: Mapping[str, Callable[[Cache, Collection[Step]], tuple[Step, ...]]] = {
    containerd_package.PACKAGE.name: containerd_steps,
    programs.METALLB.name: metallb_steps,
    next_minor.NAME: next_minor_steps,
    promtool.NAME: promtool_steps,
}
