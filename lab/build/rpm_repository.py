"""The rpm repositories of the mirror, made and signed by rpmbuild, createrepo_c and gpg in the rpm machine's own root.

The key is one of this cache, and no secret of anybody's: it only has to be there, so that machines check what they get.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab.build import rpm
from lab.build.base import base_of, discard, quiet_installation
from lab.build.rpm import Rpm, upstream_version
from lab.build.rpm_system import DEBIAN_PACKAGES
from lab.debian import Apt
from lab.errors import LabError
from lab.mounts import mounted_overlay
from lab.places import Cache
from lab.processes import run
from lab.topology import Role

_KEY_FILE = "public-key"
OWNER = "Kubepeer lab"
_KEYRING = f"/{rpm.WORK}/gnupg"


def build_rpm_repositories(cache: Cache, apt: Apt, repositories: Mapping[str, Sequence[Rpm]], log: Path) -> None:
    """Make all packages and one repository of each list, at its place on the mirror."""
    work = cache.path / "rpm.work"
    discard(work)
    (work / rpm.WORK).mkdir(parents=True)
    layers = [cache.layer(Role.RPM_NODE), base_of(cache, apt.release)]
    wanted = {package.of_debian for of_it in repositories.values() for package in of_it if package.of_debian}
    debian = {file.name.partition("_")[0]: file for file in _debian_packages(apt, layers[0], wanted)}
    packages = {place: [_laid_out(package, cache, debian, work, log) for package in of_it]
                for place, of_it in repositories.items()}  # fmt: skip
    with mounted_overlay(layers, work) as root, quiet_installation(root), _keyring(cache, root, log):
        _unpack([file for name, file in debian.items() if name.startswith(("createrepo", "lib"))], root, log)
        made = rpm.build(root, [package for of_it in packages.values() for package in of_it], log)
        _sign(root, made, log)
        for place, of_it in packages.items():
            folder = root / rpm.WORK / "repositories" / place
            folder.mkdir(parents=True)
            for file in made:
                if any(file.name.startswith(f"{package.name}-{package.version}-") for package in of_it):
                    shutil.move(file, folder / file.name)
            _index(root, folder, log)
            _serve(folder, cache.served(place))
    discard(work)


def _sign(root: Path, packages: Iterable[Path], log: Path) -> None:
    inside = [f"/{file.relative_to(root)}" for file in packages]
    definitions = ("--define", f"_gpg_name {OWNER}", "--define", "__gpg /usr/bin/gpg")
    run(["chroot", root, "rpmsign", *definitions, "--addsign", *inside], log=log, environment={"GNUPGHOME": _KEYRING})


def _serve(folder: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    discard(partial)
    shutil.copytree(folder, partial)
    discard(target)
    partial.rename(target)


def _debian_packages(apt: Apt, layer: Path, wanted: set[str]) -> Iterable[Path]:
    """The Debian packages that ours are made of, and createrepo_c with its libraries.

    Raises:
        LabError: one of them needs a library that the machine has not: it belongs into its layer.

    """
    createrepo = apt.closure(("createrepo-c",), layer / DEBIAN_PACKAGES)
    if not wanted:
        return createrepo
    # Those that the machine has been made of are asked for once more.
    status = (layer / DEBIAN_PACKAGES).read_text().split("\n\n")
    shown = apt.folder / "state" / "rpm-node"
    shown.write_text(
        "\n\n".join(stanza for stanza in status if stanza.split("\n", 1)[0].removeprefix("Package: ") not in wanted)
    )
    found = apt.closure(sorted(wanted), shown)
    missing = {file.name.partition("_")[0] for file in found} - wanted
    if missing:
        raise LabError(f"the rpm machine's layer lacks {', '.join(sorted(missing))}, which its packages need")
    return [*found, *createrepo]


def _laid_out(package: Rpm, cache: Cache, debian: dict[str, Path], work: Path, log: Path) -> Rpm:
    """A package as it is made: laid out, and with a version."""
    unpacked = work / "debian" / package.of_debian if package.of_debian else None
    if unpacked is not None and not unpacked.exists():
        unpacked.mkdir(parents=True)
        run(["dpkg-deb", "--extract", debian[package.of_debian], unpacked], log=log)
        rpm.merge(unpacked)
    version = package.version or upstream_version(
        run(["dpkg-deb", "--field", debian[package.of_debian], "Version"]).strip()
    )
    programs = cache.programs(package.project.name) if package.project is not None else None
    made = replace(package, version=version)
    rpm.lay_out(made, work / rpm.WORK / "trees" / rpm.tree(made), programs, unpacked)
    return made


def _unpack(files: Iterable[Path], root: Path, log: Path) -> None:
    for file in files:
        run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory "$2"', "sh", file, root],
            log=log)  # fmt: skip


@contextmanager
def _keyring(cache: Cache, root: Path, log: Path) -> Iterator[None]:
    """The lab's signing key in a keyring inside a root; it is made once, and its public half lies beside."""
    kept = cache.key.with_name("rpm-signing-key")
    home = root / _KEYRING.removeprefix("/")
    home.mkdir(mode=0o700)
    gpg: list[str | Path] = ["chroot", root, "gpg", "--homedir", _KEYRING, "--batch"]
    try:
        if kept.exists():
            run([*gpg, "--import"], stdin=kept.read_text(), log=log)
        else:
            made = [
                *gpg,
                "--passphrase",
                "",
                "--quick-generate-key",
                f"{OWNER} <root@localhost>",
                "rsa3072",
                "sign",
                "never",
            ]
            run(made, log=log)
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(run([*gpg, "--armor", "--export-secret-keys"]))
        (root / rpm.WORK / _KEY_FILE).write_text(run([*gpg, "--armor", "--export"]))
        yield
    finally:
        run(["chroot", root, "gpgconf", "--homedir", _KEYRING, "--kill", "all"])


def _index(root: Path, folder: Path, log: Path) -> None:
    """A repository's index, signed, with the key beside it as pkgs.k8s.io has it."""
    inside = f"/{folder.relative_to(root)}"
    run(
        ["chroot", root, "createrepo_c", "--no-database", "--revision", "1", "--set-timestamp-to-revision", inside],
        log=log,
    )
    index = f"{inside}/repodata/repomd.xml"
    run(["chroot", root, "gpg", "--homedir", _KEYRING, "--batch", "--armor", "--detach-sign", index], log=log)
    shutil.copy(root / rpm.WORK / _KEY_FILE, folder / "repodata" / "repomd.xml.key")
