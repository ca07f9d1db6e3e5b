"""The build steps in their order: what each is made from and what it makes."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from lab.build import (
    base,
    busybox,
    images,
    kubernetes_packages,
    netbox,
    programs,
    repository,
    rpm_packages,
    rpm_system,
)
from lab.build.kinds import (
    image_step,
    kubernetes_repository_step,
    linked_step,
    makers,
    packages_step,
    program_steps,
    rpm_step,
)
from lab.build.steps import Step
from lab.debian import RELEASE, Apt
from lab.places import STANDINS, Cache
from lab.topology import NODE_ROLES, Role

MANIFESTS = STANDINS / "manifests"


def _base_step(cache: Cache, apt: Apt) -> Step:
    mirrors = tuple(f"{source.uri} {source.suite}" for source in apt.sources)
    return Step(
        base_name(apt.release), f"Base of the machines, {apt.release}",
        ("1", apt.release, *base.BASE_PACKAGES, *mirrors), (base.base_of(cache, apt.release),),
        partial(base.build_base, cache, apt), seconds=70,
    )  # fmt: skip


def _layer_step(role: Role, cache: Cache, apt: Apt, root: Step) -> Step:
    return Step(
        layer_name(role), f"Layer of the {role.value}", ("1", *base.LAYER_PACKAGES[role]), (cache.layer(role),),
        partial(base.build_layer, role, cache, apt), (root,), seconds=8,
    )  # fmt: skip


def _rpm_layer_step(cache: Cache, apt: Apt, root: Step) -> Step:
    role = Role.RPM_NODE
    return Step(
        layer_name(role), "Layer of the rpm node",
        ("1", *base.LAYER_PACKAGES[role], repr((rpm_system.RELEASE_PACKAGE, rpm_system.PREINSTALLED, rpm_system.PROVIDES)),
         rpm_system.PACKAGING / rpm_system.RELEASE_PACKAGE.name),
        (cache.layer(role),), partial(base.build_layer, role, cache, apt, finish=rpm_system.finish), (root,), seconds=20,
    )  # fmt: skip


def _netbox_layer_step(cache: Cache, apt: Apt, root: Step) -> Step:
    role = Role.NETBOX
    return Step(
        layer_name(role), "Layer of NetBox",
        ("1", *base.LAYER_PACKAGES[role], *netbox.SERVICES, netbox.REQUIREMENTS, netbox.DATABASE), (cache.layer(role),),
        partial(base.build_layer, role, cache, apt, finish=partial(netbox.finish, cache)), (root,), seconds=400,
    )  # fmt: skip


LAYERS_OF_THEIR_OWN = {Role.RPM_NODE: _rpm_layer_step, Role.NETBOX: _netbox_layer_step}


def _root_step(role: Role, cache: Cache, apt: Apt) -> Step:
    return Step(
        layer_name(role), f"Root of the {role.value}", ("2", *busybox.ROOT_PACKAGES[role], *busybox.APPLETS),
        (cache.layer(role),), partial(busybox.build_root, role, cache, apt), seconds=8,
    )  # fmt: skip


def _debian_repository_steps(cache: Cache, apts: Mapping[str, Apt], roots: Mapping[str, Step]) -> list[Step]:
    return [
        Step(f"repository-{release}", f"apt repository of {release}", ("1", *repository.PACKAGES),
             (cache.repository(release),), partial(repository.build_debian_repository, cache, apts[release]), (root,),
             seconds=15)
        for release, root in roots.items()
    ]  # fmt: skip


def _made_of_rpm(built: Mapping[str, Step]) -> Iterator[Step]:
    packages = (package for of_it in rpm_packages.REPOSITORIES.values() for package in of_it)
    projects = dict.fromkeys(package.project.name for package in packages if package.project is not None)
    return (built[name] for name in projects)


def _image_steps(cache: Cache, apt: Apt, built: Mapping[str, Step]) -> tuple[list[Step], list[Step]]:
    """The steps of images: those that need no program of ours, and those that do."""
    shared = Step(
        "image-base", "Base of the images", ("1", RELEASE, *images.BASE_PACKAGES, *images.LEFT_OUT),
        (images.base_note(cache),), partial(images.build_image_base, cache, apt), seconds=62,
    )  # fmt: skip
    pause = Step(
        "pause", "Program pause (C)", ("1", images.PAUSE_VERSION, images.PAUSE_SOURCE), (images.pause(cache),),
        partial(images.build_pause, cache),
    )  # fmt: skip
    early, late = [shared, pause], list[Step]()
    beside = images.kubernetes_images(cache, programs.NEXT_PATCH)
    for image in (*images.control_plane_images(cache), *images.standin_images(), *beside):
        ours = makers(image, (pause, *built.values()))
        step = image_step(cache, image, (*((shared,) if image.on_base else ()), *ours), tagged=image in beside)
        (late if set(ours) - {pause} else early).append(step)
    return early, late


def _manifest_step(cache: Cache) -> Step:
    return Step("manifests", "Manifests", ("2", MANIFESTS), (cache.manifests,), partial(_copy_manifests, cache))


def _copy_manifests(cache: Cache, log: Path) -> None:
    """Files are replaced one by one: the running mirror serves the folder."""
    wanted = {file.relative_to(MANIFESTS): file for file in sorted(MANIFESTS.rglob("*.yaml"))}
    for file in [path for path in cache.manifests.rglob("*") if path.is_file()]:
        if file.relative_to(cache.manifests) not in wanted:
            file.unlink()
    for name, file in wanted.items():
        (cache.manifests / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, cache.manifests / name)
    log.write_text("\n".join(map(str, wanted)))


def _mirror_steps(cache: Cache, apts: Mapping[str, Apt], served: Mapping[str, Step], layer: Step) -> Iterator[Step]:
    """What the mirror serves: packages for these releases, rpms that are made in this layer, images, manifests."""
    projects = program_steps(cache, programs.PROJECTS)
    built = {name: step for name, (_, step) in projects.items()}
    linked = linked_step(cache, programs.NEXT_PATCH, *projects[programs.KUBERNETES.name])
    built[programs.NEXT_PATCH.name] = linked
    debian = _debian_repository_steps(cache, apts, served)
    early, late = _image_steps(cache, apts[RELEASE], built)
    yield from (step for pair in projects.values() for step in pair)
    yield from (linked, *debian, *early, _manifest_step(cache))
    # What the compiler makes is needed at the end alone: the other lane has done its own by then.
    of = kubernetes_packages
    packaged = dict.fromkeys(built[package.project.name] for package in of.PACKAGES)
    ours = packages_step(cache, of.PACKAGES, cache.packages, packaged)
    version = programs.NEXT_PATCH.version
    beside = packages_step(cache, of.NEXT_PATCH_PACKAGES, cache.packages_of(version), (linked,), version)
    yield from (ours, *(step for step in late if linked not in step.after), beside)
    yield kubernetes_repository_step(cache, version, (ours, beside))
    of_debian = next(step for step in debian if step.name == f"repository-{RELEASE}")
    yield rpm_step(cache, apts[RELEASE], rpm_packages.REPOSITORIES, (layer, of_debian, *_made_of_rpm(built)))
    yield from (step for step in late if linked in step.after)


def steps(cache: Cache, apts: Mapping[str, Apt], roles: Collection[Role]) -> tuple[Step, ...]:
    """Every step that machines of these roles stand on, with apt for each release; each comes after those it needs."""
    wanted_roles = {*roles, *(NODE_ROLES if Role.MIRROR in roles else ())}  # the mirror serves packages for every node
    releases = {base.release_of(role) for role in wanted_roles if role not in busybox.ROOT_PACKAGES}
    roots = {release: _base_step(cache, apt) for release, apt in apts.items() if release in releases}
    wanted = list(roots.values())
    for role in (one for one in base.LAYER_PACKAGES if one in wanted_roles):
        release = base.release_of(role)
        step = LAYERS_OF_THEIR_OWN.get(role) or partial(_layer_step, role)
        wanted.append(step(cache, apts[release], roots[release]))
    alone = [role for role in busybox.ROOT_PACKAGES if role in roles]
    wanted += [_root_step(role, cache, apts[base.release_of(role)]) for role in alone]
    if Role.MIRROR in roles:
        served = {release: root for release, root in roots.items() if release in map(base.release_of, NODE_ROLES)}
        layer = next(step for step in wanted if step.name == layer_name(Role.RPM_NODE))
        wanted += _mirror_steps(cache, apts, served, layer)
    return tuple(wanted)


def base_name(release: str) -> str:
    """The name of the step that makes a release's base."""
    return "base" if release == RELEASE else f"base-{release}"


def layer_name(role: Role) -> str:
    """The name of the step that makes a role's layer."""
    return f"layer-{role.value}"
