"""rpm packages: what one holds and says of itself, and the spec file from which rpmbuild makes it."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.build.programs import Project
from lab.places import CHECKOUT
from lab.processes import run

RELEASE_9 = "1.el9"
WORK = "build"
"""Where packages are made, below the root of a machine that has rpmbuild."""
# Folders of the system, which are links where /usr is merged: a package must not bring them as folders.
MERGED = ("bin", "sbin", "lib", "lib64")
# The same files give the same package: no time of the build, no name of the host (rpm's own macros file says more).
_DEFINITIONS: Mapping[str, str] = {
    "_topdir": f"/{WORK}",
    "_buildhost": "lab",
    "_binary_payload": "w1.gzdio",  # little compression: the mirror is next door
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
}
_EPOCH = "1577836800"
# Nothing is compiled here, so nothing is stripped or searched for what it needs: the rpm database of a machine that was
# Debian holds no glibc that could satisfy it.
_HEAD = """%global debug_package %{nil}
%global __os_install_post %{nil}
%undefine _missing_build_ids_terminate_build
AutoReqProv: no
"""
# What systemd's macros for rpm's scripts come to: the distribution's preset says whether a new unit is enabled.
_UNIT_SCRIPTS = """%post
[ ! -d /run/systemd/system ] || systemctl daemon-reload
[ $1 -ne 1 ] || systemctl --no-reload preset {unit} >/dev/null 2>&1 || :

%preun
[ $1 -ne 0 ] || systemctl --no-reload disable --now {unit} >/dev/null 2>&1 || :

%postun
[ ! -d /run/systemd/system ] || systemctl daemon-reload

"""


@dataclass(frozen=True)
class Rpm:
    """An rpm package.

    Attributes:
        tags: further tags of its spec file.
        project: whose programs it holds, in `folder`; `programs` are their names, all of the project's where none is given.
        trees: folders below lab/ that are laid over its root, each with the place that it is laid over.
        of_debian: the Debian package whose files it holds, and whose version it carries where it has none of its own.
        chosen: patterns of those files.
        links: link -> what it points at.
        folders: folders that it owns beyond those of its files, with owner where that is not root.
        configuration: files that an administrator's own version wins over (`%config(noreplace)`).
        modes: file -> mode, where Git does not keep it.
        unit: its systemd unit.
        before: a script that is run before its files come (%pre).

    """

    name: str
    summary: str
    version: str = ""
    release: str = RELEASE_9
    tags: tuple[tuple[str, str], ...] = ()
    project: Project | None = None
    programs: tuple[str, ...] = ()
    folder: str = "usr/bin"
    trees: tuple[tuple[str, str], ...] = ()
    of_debian: str = ""
    chosen: tuple[str, ...] = ("usr/bin/*", "usr/sbin/*")
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    configuration: tuple[str, ...] = ()
    modes: Mapping[str, int] = field(default_factory=dict)
    unit: str = ""
    before: str = ""


def upstream_version(version: str) -> str:
    """What a Debian package's version is of its upstream: no epoch, no revision of Debian's, no repacking."""
    return version.rpartition(":")[2].rpartition("-")[0].partition("+")[0] or version.rpartition(":")[2]


def tree(package: Rpm) -> str:
    """The name of the folder that a package is laid out in: several versions may be made at once."""
    return f"{package.name}-{package.version}"


def spec(package: Rpm, root: Path) -> str:
    """The spec file of a package that is laid out below a folder: it brings what is there, and builds nothing."""
    tags = {
        "Name": package.name,
        "Version": package.version,
        "Release": package.release,
        "Summary": package.summary,
        "License": "Various",
    }
    lines = [f"{key}: {value}" for key, value in (*tags.items(), *package.tags)]
    described = [*lines, "", "%description", f"{package.summary}.", "", "%install", "mkdir -p %{buildroot}"]
    described.append(f"cp -al /{WORK}/trees/{tree(package)}/. %{{buildroot}}/")
    scripts = _UNIT_SCRIPTS.format(unit=package.unit) if package.unit else ""
    if package.before:
        scripts += f"%pre\n{package.before}\n\n"
    return _HEAD + "\n".join(described) + f"\n\n{scripts}%files\n%defattr(-,root,root)\n" + _files(package, root)


def _files(package: Rpm, root: Path) -> str:
    lines = []
    for owned, owner in package.folders.items():
        lines.append(f"%dir %attr(-,{owner},{owner}) /{owned}" if owner else f"%dir /{owned}")
    for file in sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()):
        name = f"/{file.relative_to(root)}"
        lines.append(f'%config(noreplace) "{name}"' if name in package.configuration else f'"{name}"')
    return "".join(f"{line}\n" for line in lines)


def lay_out(package: Rpm, root: Path, programs: Path | None, debian: Path | None) -> None:
    """Put a package's files into a new folder.

    Args:
        package: it.
        root: the folder.
        programs: where the programs of its project lie.
        debian: where the files of its Debian package lie.

    """
    root.mkdir(parents=True)
    for tree, place in package.trees:
        shutil.copytree(CHECKOUT / "lab" / tree, root / place, symlinks=True, dirs_exist_ok=True)
    merge(root)
    if package.project is not None and programs is not None:
        (root / package.folder).mkdir(parents=True, exist_ok=True)
        for program in package.programs or package.project.programs:
            os.link(programs / program, root / package.folder / program)
    if debian is not None:
        _choose(package.chosen, debian, root)
    for link, target in package.links.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    for owned in package.folders:
        (root / owned).mkdir(parents=True, exist_ok=True)
    for file, mode in package.modes.items():
        (root / file).chmod(mode)


def _choose(patterns: Iterable[str], debian: Path, root: Path) -> None:
    for file in sorted({file for pattern in patterns for file in debian.glob(pattern)}):
        target = root / file.relative_to(debian)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() and not file.is_symlink():
            shutil.copytree(file, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(file, target, follow_symlinks=False)


def merge(root: Path) -> None:
    """Bring what lies in /bin, /sbin and /lib to /usr, where the machine has it."""
    for name in MERGED:
        folder = root / name
        if folder.is_dir() and not folder.is_symlink():
            shutil.copytree(folder, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder)


def build(root: Path, packages: Sequence[Rpm], log: Path) -> list[Path]:
    """Make the packages that are laid out in /build/trees of a machine's root, with its own rpmbuild; their files."""
    work = root / WORK
    (work / "specs").mkdir(parents=True, exist_ok=True)
    for package in packages:
        (work / "specs" / f"{tree(package)}.spec").write_text(spec(package, work / "trees" / tree(package)))
    definitions = [word for key, value in _DEFINITIONS.items() for word in ("--define", f"{key} {value}")]
    names = [f"/{WORK}/specs/{tree(package)}.spec" for package in packages]
    run(["chroot", root, "rpmbuild", "-bb", *definitions, *names], log=log, environment={"SOURCE_DATE_EPOCH": _EPOCH})
    return sorted((work / "RPMS").rglob("*.rpm"))
