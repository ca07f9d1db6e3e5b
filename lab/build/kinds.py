"""Build steps of the kinds that come up again: a project's programs, an image, the packages of a Kubernetes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from lab.build import images, kubernetes_packages, programs, repository, rpm_system
from lab.build.kubernetes_packages import Package
from lab.build.registry import Registry
from lab.build.rpm import Rpm
from lab.build.rpm_repository import build_rpm_repositories
from lab.build.steps import Lane, Step
from lab.debian import Apt
from lab.places import Cache


def program_steps(cache: Cache, projects: Collection[programs.Project]) -> dict[str, tuple[Step, Step]]:
    """For each project the download of its modules and the build, by the project's name.

    The smallest are compiled while the modules of the largest come.
    """
    found: dict[str, tuple[Step, Step]] = {}
    for project in sorted(projects, key=lambda one: one.seconds):
        toolchain = programs.TOOLCHAIN.read_text()
        modules = Step(
            f"modules-{project.name}", f"Go modules of {project.title}", ("1", toolchain, project.folder / "go.sum"),
            (cache.modules(project.name),), partial(programs.download, project, cache), lane=Lane.MODULES, seconds=20,
        )  # fmt: skip
        compiled = Step(
            f"programs-{project.name}", f"{project.title} {project.version} (Go)",
            ("1", toolchain, repr(project), project.folder), (cache.programs(project.name),),
            partial(programs.build, project, cache), (modules,), Lane.COMPILER, project.seconds,
        )  # fmt: skip
        found[project.name] = (modules, compiled)
    return found


def linked_step(cache: Cache, project: programs.Project, modules: Step, compiled: Step) -> Step:
    """The step of a project that is another one's source under another number: what was compiled for that one is linked again."""
    return Step(
        f"programs-{project.name}", f"{project.title} {project.version}, linked of the same source (Go)",
        ("1", repr(project)), (cache.programs(project.name),), partial(programs.build, project, cache),
        (modules, compiled), Lane.COMPILER, project.seconds,
    )  # fmt: skip


def image_step(cache: Cache, image: images.Image, after: Iterable[Step], *, tagged: bool = False) -> Step:
    """The step of an image, and those that it comes after; tagged: one of the same name is built, too."""
    name = f"{image.name}:{image.tag}" if tagged else image.name
    given = [source for _, source in sorted(image.files.items()) if not source.is_relative_to(cache.path)]
    return Step(
        f"image-{name.replace('/', '-').replace(':', '-')}", f"Image {name}", ("1", repr(image), *given),
        (Registry(cache.registry).tag_folder(image.name, image.tag),), partial(_build_image, cache, image), tuple(after),
    )  # fmt: skip


def _build_image(cache: Cache, image: images.Image, log: Path) -> None:
    images.build_image(cache, image)
    log.write_text(f"{image}\n")


def makers(image: images.Image, steps: Iterable[Step]) -> list[Step]:
    """Those of the steps that make what is in an image."""
    found = {step for step in steps for output in step.outputs
             if any(source.is_relative_to(output) for source in image.files.values())}  # fmt: skip
    return sorted(found, key=lambda step: step.name)


def packages_step(
    cache: Cache, packages: tuple[Package, ...], target: Path, built: Iterable[Step], version: str = ""
) -> Step:
    """The step of Debian packages of Kubernetes; with a version: of one beside that which clusters are built with."""
    return Step(
        "-".join(filter(None, ("kubernetes-packages", version))), f"Packages of Kubernetes {version}".strip(),
        ("1", repr(packages), kubernetes_packages.ENABLE, kubernetes_packages.PACKAGING), (target,),
        partial(kubernetes_packages.build_kubernetes_packages, cache, packages, target), tuple(built), seconds=10,
    )  # fmt: skip


def kubernetes_repository_step(cache: Cache, version: str, packages: Iterable[Step]) -> Step:
    """The step of the apt repository of a version's minor, from the packages of its patch releases."""
    before = tuple(packages)
    place = repository.of_minor(version, "deb")
    return Step(
        f"repository-{Path(place).parent.name}", f"apt repository of Kubernetes {Path(place).parent.name}", ("1",), (cache.served(place),),
        partial(repository.build_kubernetes_repository, [output for step in before for output in step.outputs], cache.served(place)),
        before, seconds=3,
    )  # fmt: skip


def rpm_step(
    cache: Cache, apt: Apt, wanted: Mapping[str, Sequence[Rpm]], before: Iterable[Step], name: str = "rpm-repositories"
) -> Step:
    """The step of rpm repositories, by their places on the mirror."""
    return Step(
        name, name.replace("-", " ", 1), ("1", repr(wanted), kubernetes_packages.PACKAGING, rpm_system.PACKAGING),
        tuple(map(cache.served, wanted)), partial(build_rpm_repositories, cache, apt, wanted), tuple(before), seconds=20,
    )  # fmt: skip
